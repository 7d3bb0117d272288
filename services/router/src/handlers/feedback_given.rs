//! Somebody says how good an answer was: learn from it.

use super::task_finished::learn;
use crate::{domain::lesson::of_feedback, statistics::Store};
use neptune_bus::{Bus, Incoming, Outcome};
use neptune_contracts::feedback::FeedbackGiven;
use std::{sync::Arc, time::Duration};

/// Pause before feedback that could not be stored is tried again.
const RETRY: Duration = Duration::from_secs(5);

/// Counts feedback in every context of its task, for the model that answered it.
pub async fn handle(bus: Bus, store: Arc<Store>, incoming: Incoming<FeedbackGiven>) -> Outcome {
    let feedback = incoming.message;
    let Some(team) = &feedback.team else {
        return Outcome::Reject { reason: "the subject names no team".into() };
    };
    let finished = match bus.result(team, feedback.task).await {
        Ok(Some(finished)) => finished,
        Ok(None) => {
            let reason = "no finished task of the team has this id; give feedback within 24 hours after it has ended";
            return Outcome::Reject { reason: reason.into() };
        }
        Err(error) => {
            tracing::debug!(%error, task.id = %feedback.task, "cannot read the task that feedback is about yet");
            return Outcome::Retry { after: RETRY };
        }
    };
    let lesson = match of_feedback(&feedback, &finished) {
        Ok(lesson) => lesson,
        Err(reason) => return Outcome::Reject { reason: reason.into() },
    };
    match learn(&store, std::slice::from_ref(&lesson)).await {
        Ok(learnt) => {
            let effect = learnt.first().map_or("", |learnt| learnt.effect.as_str());
            tracing::info!(task.id = %feedback.task, model.id = lesson.model, effect, "learnt from feedback");
            Outcome::Done
        }
        Err(error) => {
            tracing::debug!(%error, "cannot store feedback yet");
            Outcome::Retry { after: RETRY }
        }
    }
}
