//! A task of the batch lane joins a collection for its model's next batch.

use super::task_routed::{Left, TaskRoutedHandler, Work};
use crate::domain::prompt::Prompt;
use neptune_contracts::plan::TaskRouted;

impl TaskRoutedHandler {
    /// Collects the task, or finds that it is collected. False when it is called in the ordinary way.
    pub(super) async fn collect(
        &self,
        routed: &TaskRouted,
        (prompt, may_be_repeat): (&Prompt, bool),
        work: &Work<'_>,
    ) -> Result<bool, Left> {
        if may_be_repeat && self.batches.rejoin(routed, work.accept).await? {
            return Ok(true);
        }
        let Some(collection) = self.batches.collection(routed, prompt.hashed().len()) else { return Ok(false) };
        let wanted = self.cancels.watch(&routed.task.team, routed.task.id);
        if wanted.token().is_cancelled() || !self.batches.join(routed, collection, (work.accept, work.cause)).await? {
            return Ok(false);
        }
        if wanted.token().is_cancelled() {
            self.batches.cancel(&routed.task.team, routed.task.id).await?;
        }
        Ok(true)
    }
}
