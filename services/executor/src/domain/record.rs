//! The record of a call: what it was, what it cost.

use super::{
    answer::Answer,
    failure::{Billed, Failure},
    price,
};
use neptune_contracts::{
    PicoUsd, Timestamp,
    attempt::{Attempt, Usage},
    chat::ChatRequest,
    ids::AttemptId,
    plan::PlannedAttempt,
    resource::ModelSpec,
};

/// A call that was made, or could not be.
pub struct Call<'c> {
    /// Its id.
    pub id: AttemptId,
    /// What was planned.
    pub planned: &'c PlannedAttempt,
    /// The model, when it is configured.
    pub model: Option<&'c ModelSpec>,
    /// Why it was made, when it is not just the next of its plan.
    pub purpose: Option<&'static str>,
    /// When it began.
    pub started_at: Timestamp,
    /// How long it took.
    pub latency_us: u64,
}

/// The record of `call`, which asked `input` and ended in `result`.
///
/// What a provider counted is priced as counted. What it did not count, or what may have been
/// billed without an answer (a timeout, a cut connection, an answer that cannot be read), is
/// recorded as estimated: the input's tokens, and the answer's as far as it arrived.
#[must_use]
pub fn attempt(call: &Call<'_>, input: &ChatRequest, result: &Result<Answer, Failure>) -> Attempt {
    let input_tokens = || input.estimated_input_tokens();
    let (usage, estimated) = match result {
        Ok(Answer { usage: Some(usage), .. }) => (*usage, false),
        Ok(Answer { output, usage: None, .. }) => (price::estimated_usage(input_tokens(), output), true),
        Err(Failure { billed: Billed::No, .. }) => (Usage::default(), false),
        Err(Failure { billed: Billed::Counted(usage), .. }) => (*usage, false),
        Err(Failure { billed: Billed::UpTo(output), .. }) => {
            (Usage { input_uncached: input_tokens(), output: *output, ..Usage::default() }, true)
        }
        Err(Failure { billed: Billed::Perhaps, .. }) => {
            (Usage { input_uncached: input_tokens(), ..Usage::default() }, true)
        }
    };
    Attempt {
        id: call.id,
        model: call.planned.model.clone(),
        provider: call.model.map_or("unknown", |model| model.provider.as_str()).to_owned(),
        zone: call.planned.zone,
        started_at: call.started_at,
        latency_us: call.latency_us,
        first_token_us: None,
        chunks: 0,
        error: result.as_ref().err().map(|failure| failure.error.clone()),
        usage,
        cost_usd: call.model.map_or(PicoUsd::ZERO, |model| price::cost(&usage, &model.price)),
        estimated,
        warnings: result.as_ref().map(|answer| answer.warnings.clone()).unwrap_or_default(),
        limits: match result {
            Ok(answer) => answer.limits.clone(),
            Err(failure) => failure.limits.clone(),
        },
        purpose: call.purpose.map(str::to_owned),
        validation: None,
    }
}
