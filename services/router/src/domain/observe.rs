//! What a finished or failed attempt teaches.

use super::circuit::{Health, health};
use neptune_contracts::{
    attempt::{Attempt, BATCH, JUDGE},
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
    /// How fast it came, when it came piece by piece.
    pub streamed: Option<Streamed>,
}

/// How fast a streamed answer came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Streamed {
    /// To its first piece, in milliseconds.
    pub first_token_ms: u64,
    /// Each token after that, in microseconds.
    pub token_us: u64,
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

/// The speed of an answer of several pieces and counted tokens. One with reasoning says nothing: what was
/// thought before the first piece is counted, and took its time, in another way than what follows.
fn streamed(attempt: &Attempt) -> Option<Streamed> {
    let first_us = attempt.first_token_us?;
    let following = attempt.usage.output.checked_sub(1).filter(|count| *count > 0)?;
    let is_plain = attempt.chunks > 1 && !attempt.estimated && attempt.usage.reasoning == 0;
    let rest_us = attempt.latency_us.checked_sub(first_us).filter(|_| is_plain)?;
    Some(Streamed { first_token_ms: first_us / 1_000, token_us: rest_us / following })
}

/// What `attempt` teaches; nothing when its failure was the task's own, or when it was an item of a batch, which
/// takes hours.
#[must_use]
pub fn observe(attempt: &Attempt, task_type: Option<TaskType>) -> Option<Observation> {
    let health = health(attempt);
    if health == Health::Unrelated || attempt.purpose.as_deref() == Some(BATCH) {
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
        streamed: streamed(attempt),
    });
    Some(Observation {
        attempt: attempt.id,
        model: attempt.model.clone(),
        at_ms: started_ms.saturating_add_unsigned(latency_ms),
        health,
        answer,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use neptune_testkit::builders;

    fn check(change: impl Fn(&mut Attempt), wanted: Option<(u64, u64)>) {
        let mut attempt = builders::answered("a/x");
        (attempt.latency_us, attempt.first_token_us, attempt.chunks) = (1_500_000, Some(500_000), 20);
        (attempt.usage.output, attempt.usage.reasoning, attempt.estimated) = (101, 0, false);
        change(&mut attempt);
        let answer = observe(&attempt, Some(TaskType::Chat)).and_then(|seen| seen.answer);
        let found = answer.and_then(|answer| answer.streamed).map(|it| (it.first_token_ms, it.token_us));
        assert_eq!(found, wanted, "{attempt:?}");
    }

    #[test]
    fn a_streamed_answer_tells_its_two_parts_and_others_do_not() {
        check(|_| {}, Some((500, 10_000)));
        check(|attempt| attempt.first_token_us = None, None);
        check(|attempt| attempt.chunks = 1, None);
        check(|attempt| attempt.usage.output = 1, None);
        check(|attempt| attempt.usage.output = 0, None);
        check(|attempt| attempt.usage.reasoning = 7, None);
        check(|attempt| attempt.purpose = Some(BATCH.into()), None);
        check(|attempt| attempt.estimated = true, None);
        check(|attempt| attempt.first_token_us = Some(2_000_000), None);
    }
}
