//! From usage to cost, exact to the pico-dollar.

use neptune_contracts::{PicoUsd, attempt::Usage, resource::PriceSpec};
use serde_json::Value;

/// What `usage` costs.
#[must_use]
pub fn cost(usage: &Usage, price: &PriceSpec) -> PicoUsd {
    let cached = price.cached_input_usd_per_mtok.unwrap_or(price.input_usd_per_mtok);
    let written = price.cache_write_usd_per_mtok.unwrap_or(price.input_usd_per_mtok);
    PicoUsd::of_quantities(&[
        (usage.input_uncached, price.input_usd_per_mtok),
        (usage.cache_read, cached),
        (usage.cache_write, written),
        (usage.output, price.output_usd_per_mtok),
        (usage.reasoning, price.output_usd_per_mtok),
    ])
}

/// The disjoint token classes of an OpenAI `usage` object, whose prompt tokens include cached ones
/// and whose completion tokens include reasoning. Nothing when there is no usage.
#[must_use]
pub fn openai_usage(answer: &Value) -> Option<Usage> {
    let usage = answer.get("usage")?;
    let count = |pointer: &str| usage.pointer(pointer).and_then(Value::as_u64);
    let (input, output) = (count("/prompt_tokens")?, count("/completion_tokens")?);
    let cache_read = count("/prompt_tokens_details/cached_tokens").unwrap_or(0).min(input);
    let cache_write = count("/prompt_tokens_details/cache_write_tokens").unwrap_or(0).min(input - cache_read);
    let reasoning = count("/completion_tokens_details/reasoning_tokens").unwrap_or(0).min(output);
    Some(Usage {
        input_uncached: input - cache_read - cache_write,
        cache_read,
        cache_write,
        output: output - reasoning,
        reasoning,
    })
}

/// Usage of an answer whose provider counted nothing: a quarter of the characters.
#[must_use]
pub fn estimated_usage(input_tokens: u64, answer: &Value) -> Usage {
    let text = answer.pointer("/choices/0/message/content").and_then(Value::as_str).unwrap_or_default();
    Usage { input_uncached: input_tokens, output: text.len().div_ceil(4) as u64, ..Usage::default() }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
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
        assert_eq!(usage, Usage { input_uncached: 50, cache_read: 30, cache_write: 20, output: 10, reasoning: 40 });
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
    }

    #[test]
    fn prices_are_exact() {
        let price = PriceSpec {
            input_usd_per_mtok: usd("2"),
            cached_input_usd_per_mtok: Some(usd("0.5")),
            cache_write_usd_per_mtok: None,
            output_usd_per_mtok: usd("8"),
        };
        let usage = Usage { input_uncached: 100, cache_read: 10, cache_write: 1, output: 7, reasoning: 3 };
        // 100·2 + 10·0.5 + 1·2 + 10·8 micro-dollars.
        assert_eq!(cost(&usage, &price), usd("0.000287"));
    }
}
