//! Somebody says how good an answer was: learn from it.

use crate::{
    domain::quality::{Kind, Signal},
    statistics::{Lesson, Store},
};
use neptune_bus::{Bus, Incoming, Outcome};
use neptune_contracts::{
    feedback::{FeedbackBy, FeedbackGiven},
    finished::TaskFinished,
};
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
    let lesson = match lesson(&feedback, &finished) {
        Ok(lesson) => lesson,
        Err(reason) => return Outcome::Reject { reason: reason.into() },
    };
    match store.learn(&lesson).await {
        Ok(learnt) => {
            for context in &learnt.changed {
                tracing::warn!(model.id = lesson.model, context, "a model's answers are no longer what they were");
            }
            tracing::info!(task.id = %feedback.task, model.id = lesson.model, effect = learnt.effect, "learnt from feedback");
            Outcome::Done
        }
        Err(error) => {
            tracing::debug!(%error, "cannot store feedback yet");
            Outcome::Retry { after: RETRY }
        }
    }
}

/// What `feedback` teaches, or why it teaches nothing.
fn lesson(feedback: &FeedbackGiven, finished: &TaskFinished) -> Result<Lesson, &'static str> {
    if !(0.0..=1.0).contains(&feedback.score) {
        return Err("score is out of range; the limit is 0 to 1");
    }
    let Some(winner) = finished.winner() else { return Err("no model answered the task; there is nothing to judge") };
    let route = finished.route.as_ref();
    let learning = route.and_then(|route| route.learning.as_ref());
    let Some((route, learning)) = route.zip(learning) else {
        return Err("the task was not routed by a router that learns; nothing says what it counts for");
    };
    let expected = route.candidates.iter().find(|candidate| candidate.model == winner.model);
    let kind = match feedback.by {
        FeedbackBy::Person => Kind::Explicit,
        FeedbackBy::Validator => Kind::Validation,
        FeedbackBy::Judge => Kind::Judge,
        FeedbackBy::Implied => Kind::Implied,
    };
    Ok(Lesson {
        task: feedback.task,
        model: winner.model.clone(),
        contexts: learning.levels.iter().map(|level| level.key.clone()).collect(),
        // Without an expectation nothing can be better or worse than it.
        expected: expected.map_or(feedback.score, |candidate| candidate.quality),
        signal: Signal { kind, reward: feedback.score, at_ms: feedback.given_at.unix_micros() / 1_000 },
    })
}
