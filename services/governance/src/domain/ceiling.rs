//! The most a task can cost: what is held for it.

use super::policy::AllowedModel;
use neptune_contracts::{PicoUsd, admission::Task};

/// Output tokens assumed when the task sets no limit.
const ASSUMED_OUTPUT_TOKENS: u64 = 4_096;

/// The cost of one attempt at the dearest of `models`, with all the output the task allows and the
/// dearest class of input. Models that cannot do such a task at all do not count.
#[must_use]
pub fn ceiling(task: &Task, models: &[&AllowedModel]) -> PicoUsd {
    let input_tokens = task.input.estimated_input_tokens();
    let choices = u64::from(task.input.n.unwrap_or(1));
    let is_of_vectors = task.input.embedding.is_some();
    let asked = task.input.output_limit().map_or(ASSUMED_OUTPUT_TOKENS, u64::from);
    let asked = if is_of_vectors { 0 } else { asked };
    let of_model = |model: &&AllowedModel| {
        // Every estimate of tokens may be short by a third, so a long context is priced as one early.
        let price = model.price.at(input_tokens + input_tokens / 2);
        let input = price.dearest_input();
        let output_tokens = asked.min(model.max_output_tokens) * choices;
        PicoUsd::of_quantities(&[(input_tokens, input), (output_tokens, price.output_usd_per_mtok)])
    };
    let fitting = models.iter().filter(|model| model.embeddings == is_of_vectors);
    fitting.map(of_model).max().unwrap_or(PicoUsd::ZERO)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use neptune_contracts::{Timestamp, chat::ChatRequest, ids::TaskId, resource::PriceSpec, task::TaskSubmitted};

    fn model(input: i64, output: i64, max_output_tokens: u64) -> AllowedModel {
        let price = PriceSpec {
            input_usd_per_mtok: PicoUsd(input * 1_000_000),
            cached_input_usd_per_mtok: None,
            cache_write_usd_per_mtok: None,
            cache_write_hour_usd_per_mtok: None,
            output_usd_per_mtok: PicoUsd(output * 1_000_000),
            long_context: None,
        };
        AllowedModel {
            name: "m".into(),
            zone: neptune_contracts::names::Zone::Onprem,
            price,
            max_output_tokens,
            embeddings: false,
        }
    }

    /// Prices are in pico-dollars a token; the input is 14 tokens: 40 characters and one message.
    fn check(change: impl FnOnce(&mut ChatRequest), models: &[AllowedModel], expected: i64) {
        let mut input = ChatRequest::user("x".repeat(40));
        change(&mut input);
        let task = TaskSubmitted::new("support".parse().unwrap(), input);
        let now = Timestamp::from_unix_micros(0).unwrap();
        let task = task.settle(TaskId::of_stored("s", 1), now).unwrap();
        assert_eq!(ceiling(&task, &models.iter().collect::<Vec<_>>()), PicoUsd(expected));
    }

    #[test]
    fn the_dearest_model_counts() {
        check(|_| (), &[], 0);
        check(|input| input.max_tokens = Some(10), &[model(2, 3, 100), model(1, 9, 100)], 14 + 90);
        check(|input| input.max_tokens = Some(10), &[model(50, 3, 100), model(1, 9, 100)], 14 * 50 + 30);
    }

    #[test]
    fn output_is_what_task_and_model_allow() {
        check(|_| (), &[model(0, 1, 100_000)], 4_096);
        check(|_| (), &[model(0, 1, 1_000)], 1_000);
        check(|input| input.max_tokens = Some(50_000), &[model(0, 1, 1_000)], 1_000);
        check(|input| input.max_completion_tokens = Some(5_000), &[model(0, 1, 8_000)], 5_000);
        check(|input| (input.max_tokens, input.n) = (Some(10), Some(4)), &[model(0, 1, 8_000)], 40);
    }

    #[test]
    fn only_models_that_can_do_the_task_count() {
        let vectors = |input: &mut ChatRequest| input.embedding = Some(Default::default());
        let embedding = AllowedModel { embeddings: true, ..model(2, 50, 1_000) };
        check(vectors, &[model(50, 3, 100), embedding.clone()], 14 * 2);
        check(|input| input.max_tokens = Some(10), &[model(1, 3, 100), embedding], 14 + 30);
    }

    #[test]
    fn input_counts_in_its_dearest_class() {
        let mut dear = model(2, 0, 1);
        dear.price.cache_write_usd_per_mtok = Some(PicoUsd(3_000_000));
        check(|_| (), &[dear], 14 * 3);
    }
}
