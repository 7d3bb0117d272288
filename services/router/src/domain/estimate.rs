//! What a call to a model is expected to be like.

use super::{
    speed::Parts,
    statistics::{AnswerStatistics, ModelStatistics, prior_success},
};
use neptune_contracts::{PicoUsd, admission::Task, names::TaskType, resource::ModelSpec};

/// Measured means count as much as the prior after so many answers.
const PRIOR_ANSWERS: f64 = 4.0;

/// What a task asks of a model, in numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Work {
    /// The kind of work.
    pub task_type: TaskType,
    /// Input tokens, estimated.
    pub input_tokens: u64,
    /// Most output tokens per answer, when the caller set a limit; 0 where vectors are asked for.
    pub output_limit: Option<u64>,
    /// How many answers.
    pub choices: u64,
}

/// What a call is expected to be like.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// 0 to 1.
    pub quality: f64,
    /// Probability that the call is answered.
    pub success: f64,
    /// Output tokens per answer.
    pub output_tokens: u64,
    /// Output tokens per answer that nine of ten answers stay within.
    pub cautious_output_tokens: u64,
    /// Cost of an answered call.
    pub cost: PicoUsd,
    /// Cost that nine of ten answered calls stay within, none of the input cached.
    pub cautious_cost: PicoUsd,
    /// Milliseconds.
    pub latency_ms: u64,
    /// How near the model is to its provider's rate limits, 0 to 1.
    pub load: f64,
    /// Milliseconds that 95 % of answered calls stay within.
    pub latency_p95_ms: u64,
}

impl Work {
    /// What `task` asks of a model.
    #[must_use]
    pub fn of(task: &Task, task_type: TaskType) -> Self {
        Self {
            task_type,
            input_tokens: task.input.estimated_input_tokens(),
            output_limit: match task.input.embedding {
                // Vectors are no tokens.
                Some(_) => Some(0),
                None => task.input.output_limit().map(u64::from),
            },
            choices: u64::from(task.input.n.unwrap_or(1).max(1)),
        }
    }
}

/// The expectation for `work` by a model, from its resource and what was measured.
#[must_use]
pub fn estimate(work: &Work, model: &ModelSpec, measured: Option<&ModelStatistics>, now_ms: i64) -> Estimate {
    let answers = measured.and_then(|measured| measured.by_type.get(&work.task_type)).copied().unwrap_or_default();
    let limit = work.output_limit.unwrap_or(u64::MAX).min(model.capabilities.max_output_tokens);
    let output_tokens =
        whole(mixed(answers.answers, answers.output_tokens, usual_output_tokens(work))).clamp(1, limit.max(1));
    let spread = &answers.spread;
    let cautious_output_tokens = whole(float(output_tokens) * spread.length_p90()).min(limit.max(1));
    let (latency_ms, latency_p95_ms) = latency_ms(model, &answers, float(output_tokens));
    Estimate {
        quality: model.prior_quality(work.task_type),
        success: measured.map_or_else(prior_success, |measured| measured.success(now_ms)),
        output_tokens,
        cautious_output_tokens,
        cost: cost(work, model, output_tokens, spread.expected_cached_share()),
        cautious_cost: cost(work, model, cautious_output_tokens, 0.0),
        latency_ms: whole(latency_ms),
        latency_p95_ms: whole(latency_p95_ms),
        load: 0.0,
    }
}

fn cost(work: &Work, model: &ModelSpec, output_tokens: u64, cached_share: f64) -> PicoUsd {
    let output = output_tokens.saturating_mul(work.choices);
    let cached = whole(float(work.input_tokens) * cached_share).min(work.input_tokens);
    let price = model.price.at(work.input_tokens);
    PicoUsd::of_quantities(&[
        (work.input_tokens - cached, price.input_usd_per_mtok),
        (cached, price.cached_input_usd_per_mtok.unwrap_or(price.input_usd_per_mtok)),
        (output, price.output_usd_per_mtok),
    ])
}

/// The usual latency and the one that 95 % of calls stay within: the declared speed, times how much slower
/// or faster the model proved to be than declared; and where streamed answers told the time to the first
/// token from that of each token after it, these.
fn latency_ms(model: &ModelSpec, answers: &AnswerStatistics, output_tokens: f64) -> (f64, f64) {
    let declared = |tokens: f64| Parts {
        first_ms: float(model.speed.first_token_ms),
        rest_ms: 1_000.0 * tokens / model.speed.tokens_per_second,
    };
    let slowness = answers.latency_ms / declared(answers.output_tokens).whole_ms();
    let slower = mixed(answers.answers, slowness, 1.0);
    let expected = declared(output_tokens);
    if !answers.speed.is_measured() {
        let usual_ms = expected.whole_ms() * slower;
        return (usual_ms, usual_ms * answers.spread.latency_p95());
    }
    let slowed = Parts { first_ms: expected.first_ms * slower, rest_ms: expected.rest_ms * slower };
    let parts = answers.speed.parts(output_tokens, slowed);
    (parts.whole_ms(), answers.speed.p95_ms(parts, answers.spread.length_deviation()))
}

/// The mean of `answers` measured values and the prior.
fn mixed(answers: f64, measured: f64, prior: f64) -> f64 {
    (answers * measured + PRIOR_ANSWERS * prior) / (answers + PRIOR_ANSWERS)
}

/// Output tokens such work usually takes, until it is measured.
fn usual_output_tokens(work: &Work) -> f64 {
    match work.task_type {
        TaskType::Classification => 20.0,
        TaskType::Extraction => 150.0,
        TaskType::Chat | TaskType::QuestionAnswering => 200.0,
        TaskType::Summarization => 250.0,
        TaskType::CodeGeneration => 600.0,
        TaskType::Reasoning | TaskType::CreativeWriting => 700.0,
        // As long as what goes in.
        TaskType::Translation | TaskType::Rewriting => float(work.input_tokens),
    }
}

#[expect(clippy::cast_precision_loss, reason = "an estimate needs no more than 15 digits")]
fn float(count: u64) -> f64 {
    count as f64
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates, and is never negative")]
fn whole(value: f64) -> u64 {
    value.round() as u64
}
