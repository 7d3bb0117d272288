//! The most a task can cost: what is held for it.

use neptune_contracts::{PicoUsd, admission::Task, resource::ModelSpec};

/// Output tokens assumed when the task sets no limit.
const ASSUMED_OUTPUT_TOKENS: u64 = 4_096;

/// The cost of one attempt at the dearest of `models`, with all the output the task allows.
#[must_use]
pub fn ceiling(task: &Task, models: &[&ModelSpec]) -> PicoUsd {
    let input_tokens = task.input.estimated_input_tokens();
    let choices = u64::from(task.input.n.unwrap_or(1));
    let of_model = |model: &&ModelSpec| {
        let limit = task.input.output_limit().map_or(ASSUMED_OUTPUT_TOKENS, u64::from).min(model.capabilities.max_output_tokens);
        PicoUsd::of_quantities(&[(input_tokens, model.price.input_usd_per_mtok), (limit * choices, model.price.output_usd_per_mtok)])
    };
    models.iter().map(of_model).max().unwrap_or(PicoUsd::ZERO)
}
