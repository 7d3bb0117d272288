//! Parking: a task waits on the broker's timer. First the timer is stored, then the accept ends; the
//! message by which the timer ends is the task's next accept. A crash between the two leaves both: the
//! accept is handed out again, and whoever parks it again stores the same timer, which is a duplicate.

use crate::{Accept, Bus, Cause, PublishError};
use async_nats::{
    HeaderMap,
    header::{NATS_SCHEDULE, NATS_SCHEDULE_TARGET},
};
use neptune_contracts::{
    Message as _, Timestamp,
    parked::{TaskParked, TaskResumed},
};

/// Has the broker publish the same body on `target` at that time; at once when it is over.
pub(crate) fn schedule(headers: &mut HeaderMap, at: Timestamp, target: String) {
    headers.insert(NATS_SCHEDULE, format!("@at {at}"));
    headers.insert(NATS_SCHEDULE_TARGET, target);
}

impl Bus {
    /// Puts the task off until its time, durably, and acknowledges its accept. It comes back with the
    /// same reply subject and trace.
    ///
    /// # Errors
    /// The timer was not stored. The accept stays open, so the task is handed out again.
    pub async fn park(&self, parked: &TaskParked, accept: &Accept, cause: &Cause) -> Result<(), PublishError> {
        // The token's way ends here. How often a task waits is bounded by itself, not by its hops.
        let mut cause = cause.clone().without_accept();
        cause.reply_to.clone_from(&accept.reply_to);
        cause.hop = 0;
        let mut draft = self.draft(parked, &cause).await?;
        let parameters = parked.parameters();
        let parameters: Vec<&str> = parameters.iter().map(String::as_str).collect();
        schedule(&mut draft.headers, parked.until(), self.namespace().subject(TaskResumed::SUBJECT, &parameters));
        self.store(&draft).await?;
        self.end_accept(&accept.token);
        Ok(())
    }
}
