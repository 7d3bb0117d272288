//! Whether tasks that can wait are sent to a model's provider in batches.

use super::Provider;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The longest that tasks are collected: well within the hour for which an admission holds.
const MOST_WAIT_SECONDS: u32 = 1_800;
/// The most items of a batch.
const MOST_ITEMS: u32 = 2_000;
/// The longest between two looks at a batch.
const MOST_POLL_SECONDS: u32 = 3_600;
/// The longest that a batch may take: a week, which is the longest deadline of a task.
const MOST_WITHIN_SECONDS: u32 = 604_800;

/// Sends tasks of the batch lane to the provider's batch API (OpenAI's `/batches`, Anthropic's `/messages/batches`).
///
/// They are collected for a while and sent together. A task whose deadline is too near for that, which is streamed,
/// asks for vectors, has several models called at once, or is larger than 256 KiB is called in the ordinary way, and
/// so is one whose item failed, expired, or whose answer will not do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct BatchSpec {
    /// Whether tasks are collected. What is under way goes on when it is switched off.
    pub enabled: bool,
    /// How long tasks are collected, 1 to 1800.
    pub max_wait_seconds: u32,
    /// Most tasks of a batch, 1 to 2000; so many are sent before the time is over.
    pub max_items: u32,
    /// How often it is looked whether a batch is done, 1 to 3600.
    pub poll_seconds: u32,
    /// How long a batch takes at most, 1 to 604800: a task that has no such time left after it was collected is
    /// called in the ordinary way, and a batch that takes an hour longer is given up.
    pub within_seconds: u32,
    /// What an item costs, in percent of `price`, 1 to 100.
    pub price_percent: u32,
}

impl Default for BatchSpec {
    fn default() -> Self {
        Self {
            enabled: false,
            max_wait_seconds: 300,
            max_items: 1_000,
            poll_seconds: 60,
            within_seconds: 86_400,
            price_percent: 100,
        }
    }
}

impl BatchSpec {
    pub(super) fn faults(&self, provider: Provider) -> Vec<String> {
        let all = [
            ("maxWaitSeconds", self.max_wait_seconds, MOST_WAIT_SECONDS),
            ("maxItems", self.max_items, MOST_ITEMS),
            ("pollSeconds", self.poll_seconds, MOST_POLL_SECONDS),
            ("withinSeconds", self.within_seconds, MOST_WITHIN_SECONDS),
            ("pricePercent", self.price_percent, 100),
        ];
        let wrong = all.into_iter().filter(|(_, value, most)| !(1..=*most).contains(value));
        let mut faults: Vec<String> =
            wrong.map(|(field, value, most)| format!("batch.{field} is {value}; the limit is 1 to {most}")).collect();
        if self.enabled && !matches!(provider, Provider::Openai | Provider::Anthropic) {
            faults.push(format!(
                "batch.enabled is true; no batch API is spoken with the provider {}, only with openai and anthropic; leave batch out",
                provider.as_str()
            ));
        }
        faults
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn faults(json: &str, provider: Provider) -> Vec<String> {
        serde_json::from_str::<BatchSpec>(json).unwrap().faults(provider)
    }

    #[test]
    fn what_is_impossible_is_named() {
        assert!(faults(r#"{"enabled": true, "pricePercent": 50}"#, Provider::Openai).is_empty());
        assert!(faults(r#"{"enabled": true}"#, Provider::Anthropic).is_empty());
        assert!(faults(r#"{"enabled": true}"#, Provider::Gemini)[0].contains("provider gemini"));
        assert!(faults("{}", Provider::Gemini).is_empty());
        assert!(
            faults(r#"{"maxItems": 0}"#, Provider::Openai)[0].contains("batch.maxItems is 0; the limit is 1 to 2000")
        );
        assert!(faults(r#"{"pricePercent": 101}"#, Provider::Openai)[0].contains("batch.pricePercent is 101"));
        assert!(serde_json::from_str::<BatchSpec>(r#"{"rpm": 3}"#).is_err());
    }
}
