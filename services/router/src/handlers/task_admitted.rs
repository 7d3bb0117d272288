//! A task may go on: make its plan.

use crate::{
    Desk,
    domain::choose::{Question, choose},
};
use neptune_bus::{Cause, Incoming, Outcome, PublishError};
use neptune_contracts::{
    Timestamp,
    admission::TaskAdmitted,
    finished::{Outcome as TaskOutcome, TaskError, TaskFinished},
    plan::TaskRouted,
};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

/// Routes a task, or ends it when no model is left.
pub async fn handle(desk: Arc<Desk>, incoming: Incoming<TaskAdmitted>) -> Outcome {
    let cause = incoming.cause();
    let TaskAdmitted { task, admission } = incoming.message;
    let id = task.id;
    let clock = Instant::now();
    let decided = {
        let resources = desk.resources.borrow().clone();
        let statistics = desk.statistics.load();
        choose(Question { task: &task, admission: &admission, resources: &resources, statistics: &statistics, now: Timestamp::now() })
    };
    let decided_in_us = u64::try_from(clock.elapsed().as_micros()).unwrap_or(u64::MAX);
    let stored = match decided {
        Ok(mut plan) => {
            plan.explanation.decided_in_us = decided_in_us;
            let routed = TaskRouted { task, admission, plan, attempts_made: Vec::new() };
            desk.bus.publish(&routed, &cause).await.map(|_| ())
        }
        Err(error) => desk.end(TaskAdmitted { task, admission }, error, &cause).await,
    };
    match stored {
        Ok(()) => Outcome::HandedOn,
        Err(error) => {
            tracing::warn!(task.id = %id, error = &error as &dyn std::error::Error, "not routed, left to be handed out again");
            Outcome::Retry { after: Duration::ZERO }
        }
    }
}

impl Desk {
    async fn end(&self, admitted: TaskAdmitted, error: TaskError, cause: &Cause) -> Result<(), PublishError> {
        let Some(accept) = cause.accept() else { return Ok(()) };
        tracing::info!(task.id = %admitted.task.id, code = error.code, "no model is left");
        let mut finished = TaskFinished::without_attempts(&admitted.task, TaskOutcome::NoRoute, error, Timestamp::now());
        finished.times.admitted_at = Some(admitted.admission.admitted_at);
        finished.admission = Some(admitted.admission);
        self.bus.finish(&finished, accept, cause).await?;
        Ok(())
    }
}
