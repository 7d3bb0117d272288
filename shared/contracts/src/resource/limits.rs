//! How much of a model all executors together may use.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The largest limit that can be set; what is above limits nothing.
const MOST: u64 = 1_000_000_000;

/// What all executors together keep to; no limit where absent.
///
/// Batch work leaves a fifth of each limit to urgent work, and begins nothing while urgent work waits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct LimitsSpec {
    /// Calls that may begin within any 60 seconds, 1 to 1000000000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests_per_minute: Option<u64>,
    /// Tokens of the calls that begin within any 60 seconds, 1 to 1000000000: the input by an estimate and
    /// the output that the task asks for at most, until the call has ended; then what was counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens_per_minute: Option<u64>,
    /// Calls under way at a time, 1 to 1000000000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_flight: Option<u64>,
}

impl LimitsSpec {
    /// Whether nothing is limited.
    #[must_use]
    pub fn is_open(&self) -> bool {
        *self == Self::default()
    }

    pub(super) fn faults(&self) -> Vec<String> {
        let all = [
            ("requestsPerMinute", self.requests_per_minute),
            ("tokensPerMinute", self.tokens_per_minute),
            ("inFlight", self.in_flight),
        ];
        let wrong = |limit: &u64| !(1..=MOST).contains(limit);
        all.into_iter()
            .filter_map(|(field, limit)| Some((field, limit.filter(wrong)?)))
            .map(|(field, limit)| {
                format!("limits.{field} is {limit}; the limit is 1 to {MOST}; for no calls at all set disabled")
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn fault(json: &str) -> Option<String> {
        serde_json::from_str::<LimitsSpec>(json).unwrap().faults().into_iter().next()
    }

    #[test]
    fn what_is_impossible_is_named() {
        assert_eq!(fault("{}"), None);
        assert_eq!(fault(r#"{"requestsPerMinute": 1, "tokensPerMinute": 1000000000, "inFlight": 8}"#), None);
        assert!(fault(r#"{"inFlight": 0}"#).unwrap().contains("limits.inFlight is 0"));
        assert!(fault(r#"{"requestsPerMinute": 1000000001}"#).unwrap().contains("requestsPerMinute is 1000000001"));
        assert!(serde_json::from_str::<LimitsSpec>(r#"{"rpm": 3}"#).is_err());
    }
}
