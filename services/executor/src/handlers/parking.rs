//! Every model that was called is at its rate limit, or failed in a way that passes: the task waits, when it may.

use super::task_routed::{Left, TaskRoutedHandler, Work};
use crate::domain::{
    outlook::Outlook,
    park::{Before, rest_ms, wait_ms},
    step::End,
};
use neptune_contracts::{Timestamp, admission::Task, attempt::Attempt, parked::Wait, plan::TaskRouted};

impl TaskRoutedHandler {
    /// Parks a task that ended for nothing but rate limits, or whose models may answer a little later; it is
    /// routed anew then. False when it is to end now: no further call would help, or it cannot wait so long.
    pub(super) async fn park(
        &self,
        routed: &TaskRouted,
        (end, made): (End, &[Attempt]),
        work: &Work<'_>,
    ) -> Result<bool, Left> {
        let (task, now) = (&routed.task, Timestamp::now());
        let attempts: Vec<Attempt> = routed.attempts_made.iter().chain(made).cloned().collect();
        let before = Before::of(task.parking().map_or(0, |parking| parking.times), task.attempts_before());
        let (for_ms, state) = match wait_ms(end, &attempts, now) {
            Some(for_ms) => (for_ms, "is at its rate limit"),
            None => match rest_ms(end, &attempts, &routed.plan, before, now) {
                Some(for_ms) => (for_ms, "failed, and another one or the same may answer a little later"),
                None => return Ok(false),
            },
        };
        let models: Vec<&str> = attempts.iter().map(|attempt| attempt.model.as_str()).collect();
        let because = format!("every model that was called {state} ({})", models.join(", "));
        let wait = Wait { for_ms, because: &because, attempts: &attempts, at_most_ms: self.park_at_most_ms };
        self.put_off(task, &wait, now, work).await
    }

    /// Takes out of the plan what this executor saw fail a moment ago, and parks the task when that
    /// leaves only models at their rate limits. False when there is something to call.
    pub(super) async fn wait_for_room(&self, routed: &mut TaskRouted, work: &Work<'_>) -> Result<bool, Left> {
        let (resources, now) = (self.caller.resources.borrow().clone(), Timestamp::now());
        let outlook = self.caller.watch.thin(&mut routed.plan, &resources, now);
        let Outlook::AllLimited { for_ms } = outlook else { return Ok(false) };
        let models: Vec<&str> = routed.plan.attempts.iter().map(|planned| planned.model.as_str()).collect();
        let because = format!("every model of its plan was at its rate limit a moment ago ({})", models.join(", "));
        let attempts = &routed.attempts_made;
        let wait = Wait { for_ms, because: &because, attempts, at_most_ms: self.park_at_most_ms };
        self.put_off(&routed.task, &wait, now, work).await
    }

    async fn put_off(&self, task: &Task, wait: &Wait<'_>, now: Timestamp, work: &Work<'_>) -> Result<bool, Left> {
        let Ok(parked) = task.park(wait, now) else { return Ok(false) };
        match self.caller.bus.park(&parked, work.accept, work.cause).await {
            Ok(()) => {
                tracing::info!(task.id = %task.id, until = %parked.until(), times = parked.times(), "no model can answer now; the task waits");
                Ok(true)
            }
            Err(error) if error.is_full() => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}
