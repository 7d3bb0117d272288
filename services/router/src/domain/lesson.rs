//! What a finished task, or something said about it, teaches about a model's answers.
//!
//! Who says it decides how much it counts ([`Kind`]): a person most, then the task's own rules, then a
//! judge, and least what is only implied. A task counts once for each model that answered it, by the
//! strongest signal.

use super::{
    checks::{Verdict, says_right},
    quality::{Kind, Signal},
};
use neptune_contracts::{
    attempt::Attempt,
    feedback::{FeedbackBy, FeedbackGiven},
    finished::TaskFinished,
    ids::TaskId,
    plan::Explanation,
};
use serde::{Deserialize, Serialize};

/// An answer that had to be repaired before it was what the task asked for.
pub const REPAIRED_REWARD: f64 = 0.8;
/// An answer that was right only when the same model was asked again.
pub const ASKED_AGAIN_REWARD: f64 = 0.5;

/// What was said about an answer, with what is needed to count it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Lesson {
    /// The task.
    pub task: TaskId,
    /// The model that answered.
    pub model: String,
    /// Keys of the contexts it counts in, coarse first.
    pub contexts: Vec<String>,
    /// The quality that was expected.
    pub expected: f64,
    /// How the model's first answer fared in the checks of the task; nothing when there were none.
    #[serde(default)]
    pub verdict: Option<Verdict>,
    /// Whether an answer that passed its checks was right, as a person said.
    #[serde(default)]
    pub says_right: Option<bool>,
    /// What was said.
    pub signal: Signal,
}

/// What `feedback` about `finished` teaches, or why it teaches nothing.
///
/// # Errors
/// The score is out of range, no model answered the task, or it was not routed by a router that learns.
pub fn of_feedback(feedback: &FeedbackGiven, finished: &TaskFinished) -> Result<Lesson, &'static str> {
    if !(0.0..=1.0).contains(&feedback.score) {
        return Err("score is out of range; the limit is 0 to 1");
    }
    let Some(winner) = finished.winner() else { return Err("no model answered the task; there is nothing to judge") };
    let kind = match feedback.by {
        FeedbackBy::Caller | FeedbackBy::Person => Kind::Explicit,
        FeedbackBy::Validator => Kind::Validation,
        FeedbackBy::Judge => Kind::Judge,
        FeedbackBy::Implied => Kind::Implied,
    };
    let signal = Signal { kind, reward: feedback.score, at_ms: feedback.given_at.unix_micros() / 1_000 };
    let said = says_right(kind, feedback.score, verdict(winner));
    lesson(finished, &winner.model, signal)
        .map(|lesson| Lesson { says_right: said, ..lesson })
        .ok_or("the task was not routed by a router that learns; nothing says what it counts for")
}

/// What the checks of the task's own rules teach: one lesson for each model whose answer was checked.
#[must_use]
pub fn of_validation(finished: &TaskFinished) -> Vec<Lesson> {
    let at_ms = finished.times.finished_at.unix_micros() / 1_000;
    let mut models: Vec<&str> = Vec::new();
    for attempt in finished.attempts.iter().filter(|attempt| attempt.validation.is_some()) {
        if !models.contains(&attempt.model.as_str()) {
            models.push(&attempt.model);
        }
    }
    let signal = |model: &str| Signal { kind: Kind::Validation, reward: validated(finished, model), at_ms };
    models.into_iter().filter_map(|model| lesson(finished, model, signal(model))).collect()
}

/// How good the checked answers of `model` were, 0 to 1: the first one counts, and of a wrong one
/// whether the model did better when it was asked again.
fn validated(finished: &TaskFinished, model: &str) -> f64 {
    let checked = |attempt: &Attempt| attempt.validation.as_ref().map(|found| (found.passed, found.repaired));
    let mut answers = finished.attempts.iter().filter(|attempt| attempt.model == model).filter_map(checked);
    match answers.next() {
        Some((true, false)) => 1.0,
        Some((true, true)) => REPAIRED_REWARD,
        _ if answers.any(|(passed, _)| passed) => ASKED_AGAIN_REWARD,
        _ => 0.0,
    }
}

/// What an answer that was asked for again, at `at_ms`, teaches about its model; nothing when no
/// model answered.
#[must_use]
pub fn of_repeat(finished: &TaskFinished, at_ms: i64) -> Option<Lesson> {
    let winner = finished.winner()?;
    lesson(finished, &winner.model, Signal { kind: Kind::Implied, reward: 0.0, at_ms })
}

fn verdict(attempt: &Attempt) -> Option<Verdict> {
    attempt.validation.as_ref().map(|found| if found.passed { Verdict::Passed } else { Verdict::Refused })
}

fn lesson(finished: &TaskFinished, model: &str, signal: Signal) -> Option<Lesson> {
    let route: &Explanation = finished.route.as_ref()?;
    let learning = route.learning.as_ref()?;
    let expected = route.candidates.iter().find(|candidate| candidate.model == model);
    let mut verdicts = finished.attempts.iter().filter(|attempt| attempt.model == model).filter_map(verdict);
    Some(Lesson {
        task: finished.id,
        model: model.to_owned(),
        contexts: learning.levels.iter().map(|level| level.key.clone()).collect(),
        // Without an expectation nothing can be better or worse than it.
        expected: expected.map_or(signal.reward, |candidate| candidate.quality),
        verdict: verdicts.next(),
        says_right: None,
        signal,
    })
}

#[cfg(test)]
pub(crate) mod tests;
