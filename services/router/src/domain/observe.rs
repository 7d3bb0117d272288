//! What a finished or failed attempt teaches.

use super::circuit::{Health, health};
use neptune_contracts::{
    attempt::{Attempt, JUDGE},
    ids::AttemptId,
    names::TaskType,
};

/// One attempt as the statistics see it.
#[derive(Clone, Debug, PartialEq)]
pub struct Observation {
    /// The attempt: it counts once, whoever reports it.
    pub attempt: AttemptId,
    /// Its model.
    pub model: String,
    /// When it ended, in milliseconds since 1970.
    pub at_ms: i64,
    /// What it says about the model's health.
    pub health: Health,
    /// What the answer was like, when there was one.
    pub answer: Option<Answer>,
}

/// What an answer was like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The kind of work.
    pub task_type: TaskType,
    /// How long the call took, in milliseconds.
    pub latency_ms: u64,
    /// Output tokens; nothing when they were estimated.
    pub output_tokens: Option<u64>,
    /// Input tokens read from the provider's cache, and all of them.
    pub input_tokens: (u64, u64),
}

impl Answer {
    /// The share of the input that was read from the provider's cache; nothing of no input.
    #[must_use]
    pub fn cached_share(&self) -> Option<f64> {
        let (cached, all) = self.input_tokens;
        #[expect(clippy::cast_precision_loss, reason = "a share needs no more than 15 digits")]
        let share = (all > 0).then(|| cached as f64 / all as f64);
        share
    }
}

/// What `attempt` teaches; nothing when its failure was the task's own.
#[must_use]
pub fn observe(attempt: &Attempt, task_type: Option<TaskType>) -> Option<Observation> {
    let health = health(attempt);
    if health == Health::Unrelated {
        return None;
    }
    let latency_ms = attempt.latency_us / 1_000;
    let started_ms = attempt.started_at.unix_micros() / 1_000;
    // A judge's word says nothing of how long the model's answers to such tasks are.
    let is_answer = health == Health::Answered && attempt.purpose.as_deref() != Some(JUDGE);
    let answer = task_type.filter(|_| is_answer).map(|task_type| Answer {
        task_type,
        latency_ms,
        output_tokens: Some(attempt.usage.output_total()).filter(|_| !attempt.estimated),
        input_tokens: (attempt.usage.cache_read, attempt.usage.input_total()),
    });
    Some(Observation {
        attempt: attempt.id,
        model: attempt.model.clone(),
        at_ms: started_ms.saturating_add_unsigned(latency_ms),
        health,
        answer,
    })
}
