//! Finishing a task: one durable fact, then the answer, then the end of the accept.

use crate::{Accept, Bus, Cause, PublishError, publish::Draft};
use async_nats::{HeaderMap, HeaderValue};
use neptune_contracts::{finished::TaskFinished, headers};

/// What storing the finished fact did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finish {
    /// The fact is stored.
    Stored,
    /// Somebody had finished the task before; this fact is dropped.
    Already,
}

impl Bus {
    /// Stores the finished fact, once per task; then answers the caller that waits; then
    /// acknowledges the accept. A crash before the store leaves the task to be handed out again; a
    /// crash after it leaves an accept whose next delivery finds the fact.
    ///
    /// # Errors
    /// The fact was not stored. The accept stays open, so the task is handed out again.
    pub async fn finish(
        &self,
        finished: &TaskFinished,
        accept: &Accept,
        cause: &Cause,
    ) -> Result<Finish, PublishError> {
        // The token's way ends here; it is of no use to those who read the fact.
        let cause = cause.clone().without_accept();
        let finish = self.store_fact(finished, accept.reply_to.as_deref(), &cause).await?;
        self.end_accept(&accept.token);
        Ok(finish)
    }

    /// Stores the finished fact, once per task; then answers the caller that waits.
    pub(crate) async fn store_fact(
        &self,
        finished: &TaskFinished,
        reply_to: Option<&str>,
        cause: &Cause,
    ) -> Result<Finish, PublishError> {
        let mut draft = self.draft(finished, cause).await?;
        draft.headers.insert(headers::EXPECTED_LAST_SUBJECT_SEQUENCE, HeaderValue::from(0_u64));
        let finish = match self.store(&draft).await {
            Ok(published) if published.duplicate => Finish::Already,
            Ok(_) => Finish::Stored,
            Err(PublishError::Taken) => Finish::Already,
            Err(error) => return Err(error),
        };
        if let Some(reply_to) = reply_to {
            self.answer(reply_to, finished, finish, draft).await;
        }
        Ok(finish)
    }

    async fn stored_answer(&self, finished: &TaskFinished) -> Option<Draft> {
        let stored = self.result(&finished.team, finished.id).await.ok()??;
        self.draft(&stored, &Cause::root()).await.ok()
    }

    /// Publishes the stored fact where a caller waits for it. Whoever misses the answer reads the
    /// stored fact.
    async fn answer(&self, reply_to: &str, finished: &TaskFinished, finish: Finish, draft: Draft) {
        let answer = match finish {
            Finish::Stored => Some(draft),
            // The caller sent a task that had ended before; its answer is the fact that is stored.
            Finish::Already => Box::pin(self.stored_answer(finished)).await,
        };
        let Some(answer) = answer else { return };
        let mut headers = HeaderMap::new();
        if let Some(reference) = answer.headers.get(headers::BODY_REFERENCE) {
            headers.insert(headers::BODY_REFERENCE, reference.clone());
        }
        self.inner.client.publish_with_headers(reply_to.to_owned(), headers, answer.body).await.ok();
    }
}
