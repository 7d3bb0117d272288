//! What a call to a model is expected to be like.

use super::{policy::Policy, statistics::ModelStatistics};
use neptune_contracts::{
    PicoUsd,
    admission::Task,
    names::TaskType,
    plan::Candidate,
    resource::ModelSpec,
};

/// Output tokens assumed until they were seen, by kind of work.
fn assumed_output_tokens(task_type: TaskType) -> f64 {
    match task_type {
        TaskType::Classification => 20.0,
        TaskType::Extraction | TaskType::QuestionAnswering => 150.0,
        TaskType::Summarization | TaskType::Chat => 200.0,
        TaskType::Translation | TaskType::Rewriting => 300.0,
        TaskType::CodeGeneration | TaskType::Reasoning | TaskType::CreativeWriting => 600.0,
    }
}


/// What a call of `task` to a model is expected to be like, with its utility under `policy`.
#[must_use]
pub fn estimate(name: &str, model: &ModelSpec, known: Option<&ModelStatistics>, task: &Task, task_type: TaskType, policy: &Policy) -> Candidate {
    let limit = task.input.output_limit().map_or(f64::MAX, f64::from);
    let measured = known.and_then(|known| known.output_tokens.get(&task_type).copied());
    let output = measured.unwrap_or_else(|| assumed_output_tokens(task_type)).min(limit).max(1.0);
    let input = task.input.estimated_input_tokens();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a positive number of tokens, far below 2^53")]
    let output_tokens = output.ceil() as u64;
    let cost_usd = PicoUsd::of_quantities(&[(input, model.price.input_usd_per_mtok), (output_tokens, model.price.output_usd_per_mtok)]);
    #[expect(clippy::cast_precision_loss, reason = "milliseconds")]
    let prior_latency = model.speed.first_token_ms as f64 + output / model.speed.tokens_per_second * 1_000.0;
    let latency = known.and_then(|known| known.latency_ms).unwrap_or(prior_latency);
    let success = known.map_or(0.95, ModelStatistics::success);
    let quality = model.prior_quality(task_type);
    // A failed call is paid in time and often in money, so cost and latency are divided by success.
    let spent = cost_usd.as_usd_f64() / success + policy.second_usd * latency / 1_000.0 / success;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a positive number of milliseconds")]
    let latency_ms = latency.round() as u64;
    Candidate { model: name.into(), quality, success, cost_usd, latency_ms, utility_usd: policy.value_usd * success * quality - spent }
}
