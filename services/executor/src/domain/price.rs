//! From usage to cost, exact to the pico-dollar.

use neptune_contracts::{PicoUsd, attempt::Usage, resource::PriceSpec};
use serde_json::Value;

/// What `usage` costs.
#[must_use]
pub fn cost(usage: &Usage, price: &PriceSpec) -> PicoUsd {
    let price = price.at(usage.input_total());
    let cached = price.cached_input_usd_per_mtok.unwrap_or(price.input_usd_per_mtok);
    let written = price.cache_write_usd_per_mtok.unwrap_or(price.input_usd_per_mtok);
    let written_for_an_hour = price.cache_write_hour_usd_per_mtok.unwrap_or(written);
    PicoUsd::of_quantities(&[
        (usage.input_uncached, price.input_usd_per_mtok),
        (usage.cache_read, cached),
        (usage.cache_write, written),
        (usage.cache_write_hour, written_for_an_hour),
        (usage.output, price.output_usd_per_mtok),
        (usage.reasoning, price.output_usd_per_mtok),
    ])
}

/// A count beyond this is nonsense, not tokens.
const MOST_TOKENS: u64 = 1_000_000_000;

/// The disjoint token classes of an OpenAI `usage` object, whose prompt tokens include cached ones
/// and whose completion tokens include reasoning. Compatible servers that count reasoning on top
/// show it by their total. Nothing when there is no usage, or no sense in it.
#[must_use]
pub fn openai_usage(answer: &Value) -> Option<Usage> {
    let usage = answer.get("usage")?;
    let count = |pointer: &str| usage.pointer(pointer).and_then(Value::as_u64).filter(|count| *count <= MOST_TOKENS);
    let (input, completion) = (count("/prompt_tokens")?, count("/completion_tokens")?);
    let cached = count("/prompt_tokens_details/cached_tokens").or_else(|| count("/prompt_cache_hit_tokens"));
    let cache_read = cached.unwrap_or(0).min(input);
    let cache_write = count("/prompt_tokens_details/cache_write_tokens").unwrap_or(0).min(input - cache_read);
    let reasoning = count("/completion_tokens_details/reasoning_tokens").unwrap_or(0);
    let on_top = reasoning > 0 && count("/total_tokens") == Some(input + completion + reasoning);
    let output = if on_top { completion + reasoning } else { completion };
    let reasoning = reasoning.min(output);
    Some(Usage {
        input_uncached: input - cache_read - cache_write,
        cache_read,
        cache_write,
        cache_write_hour: 0,
        output: output - reasoning,
        reasoning,
    })
}

/// Usage of an answer whose provider counted nothing: a quarter of the characters of its texts and
/// tool calls.
#[must_use]
pub fn estimated_usage(input_tokens: u64, answer: &Value) -> Usage {
    let choices = answer.get("choices").and_then(Value::as_array);
    let said = |choice: &Value| {
        let text = choice.pointer("/message/content").and_then(Value::as_str).map_or(0, |text| text.chars().count());
        let tools = choice.pointer("/message/tool_calls").map_or(0, |calls| calls.to_string().chars().count());
        text + tools
    };
    let characters: usize = choices.into_iter().flatten().map(said).sum();
    Usage { input_uncached: input_tokens, output: characters.div_ceil(4) as u64, ..Usage::default() }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use neptune_contracts::resource::LongContextSpec;
    use proptest::prelude::*;
    use serde_json::json;

    fn usd(text: &str) -> PicoUsd {
        text.parse().unwrap()
    }

    #[test]
    fn classes_are_disjoint_and_add_up() {
        let answer = json!({"usage": {
            "prompt_tokens": 100, "completion_tokens": 50,
            "prompt_tokens_details": {"cached_tokens": 30, "cache_write_tokens": 20},
            "completion_tokens_details": {"reasoning_tokens": 40}
        }});
        let usage = openai_usage(&answer).unwrap();
        assert_eq!(
            usage,
            Usage {
                input_uncached: 50,
                cache_read: 30,
                cache_write: 20,
                cache_write_hour: 0,
                output: 10,
                reasoning: 40
            }
        );
        assert_eq!((usage.input_total(), usage.output_total()), (100, 50));
    }

    #[test]
    fn nonsense_of_a_provider_never_underflows() {
        let answer = json!({"usage": {"prompt_tokens": 1, "completion_tokens": 1, "prompt_tokens_details": {"cached_tokens": 9},
            "completion_tokens_details": {"reasoning_tokens": 9}}});
        let usage = openai_usage(&answer).unwrap();
        assert_eq!((usage.input_total(), usage.output_total()), (1, 1));
        assert_eq!(openai_usage(&json!({"usage": {"prompt_tokens": -1}})), None);
        assert_eq!(openai_usage(&json!({})), None);
        assert_eq!(openai_usage(&json!({"usage": {"prompt_tokens": u64::MAX, "completion_tokens": 1}})), None);
        assert_eq!(openai_usage(&json!({"usage": null})), None);
    }

    #[test]
    fn other_ways_to_count_are_recognised() {
        let on_top = json!({"usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 35, "completion_tokens_details": {"reasoning_tokens": 20}}});
        assert_eq!(
            openai_usage(&on_top),
            Some(Usage { input_uncached: 10, output: 5, reasoning: 20, ..Usage::default() })
        );
        let hits = json!({"usage": {"prompt_tokens": 10, "completion_tokens": 5, "prompt_cache_hit_tokens": 8, "prompt_cache_miss_tokens": 2}});
        assert_eq!(
            openai_usage(&hits),
            Some(Usage { input_uncached: 2, cache_read: 8, output: 5, ..Usage::default() })
        );
    }

    #[test]
    fn what_nobody_counted_is_estimated_over_all_choices() {
        let answer = json!({"choices": [{"message": {"content": "12345678"}}, {"message": {"content": null, "tool_calls": [1]}}]});
        // Eight characters of text and the three of `[1]`.
        assert_eq!(estimated_usage(7, &answer), Usage { input_uncached: 7, output: 3, ..Usage::default() });
    }

    #[test]
    fn prices_are_exact() {
        let price = PriceSpec {
            input_usd_per_mtok: usd("2"),
            cached_input_usd_per_mtok: Some(usd("0.5")),
            cache_write_usd_per_mtok: None,
            cache_write_hour_usd_per_mtok: None,
            output_usd_per_mtok: usd("8"),
            long_context: None,
        };
        let usage =
            Usage { input_uncached: 100, cache_read: 10, cache_write: 1, output: 7, reasoning: 3, ..Usage::default() };
        // 100·2 + 10·0.5 + 1·2 + 10·8 micro-dollars.
        assert_eq!(cost(&usage, &price), usd("0.000287"));
    }

    #[test]
    fn each_class_and_the_whole_of_a_long_call_have_their_price() {
        let long = LongContextSpec {
            above_input_tokens: 200_000,
            input_usd_per_mtok: usd("6"),
            cached_input_usd_per_mtok: Some(usd("0.6")),
            cache_write_usd_per_mtok: Some(usd("7.5")),
            cache_write_hour_usd_per_mtok: None,
            output_usd_per_mtok: usd("22.5"),
        };
        let price = PriceSpec {
            input_usd_per_mtok: usd("3"),
            cached_input_usd_per_mtok: Some(usd("0.3")),
            cache_write_usd_per_mtok: Some(usd("3.75")),
            cache_write_hour_usd_per_mtok: Some(usd("6")),
            output_usd_per_mtok: usd("15"),
            long_context: Some(long),
        };
        let usage = Usage {
            cache_read: 100_000,
            cache_write: 40_000,
            cache_write_hour: 10_000,
            output: 900,
            reasoning: 100,
            input_uncached: 50_000,
        };
        assert_eq!(cost(&usage, &price), usd("0.405"));
        // One token more reprices all of it; what has no price of its own for an hour costs as other writes.
        let usage = Usage { input_uncached: 50_001, ..usage };
        assert_eq!(cost(&usage, &price), usd("0.757506"));
    }

    proptest! {
        #[test]
        fn classes_never_hold_more_than_was_counted(input in 0..2_000_u64, completion in 0..2_000_u64, cached in 0..3_000_u64, written in 0..3_000_u64, reasoning in 0..3_000_u64) {
            let usage = openai_usage(&json!({"usage": {"prompt_tokens": input, "completion_tokens": completion,
                "prompt_tokens_details": {"cached_tokens": cached, "cache_write_tokens": written},
                "completion_tokens_details": {"reasoning_tokens": reasoning}}})).unwrap();
            prop_assert_eq!((usage.input_total(), usage.output_total()), (input, completion));
        }
    }
}
