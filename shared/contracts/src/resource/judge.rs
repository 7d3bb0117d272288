//! A model that judges a sample of a route's answers.

use super::faults::not_negative;
use crate::PicoUsd;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Largest share of answers that are judged: a judgement teaches little, and costs a call.
const MOST_SHARE: f64 = 0.2;

/// A model that judges a sample of a route's answers, unseen by the caller, for the router to learn
/// from. A judgement is a task of the team in the batch lane, goes through governance and costs the
/// team's budgets. Nothing is judged that is confidential or in which something sensitive was found,
/// that a workflow asked, or that the judge answered itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct JudgeSpec {
    /// The model, by name.
    pub model: String,
    /// The share of the tasks that are drawn, above 0 and at most 0.2.
    #[serde(default = "default_share")]
    pub share: f64,
    /// What the route's judgements may be expected to cost on a day (UTC), all together.
    pub max_cost_usd_per_day: PicoUsd,
}

fn default_share() -> f64 {
    0.03
}

impl JudgeSpec {
    pub(super) fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        if self.model.is_empty() || self.model.ends_with('*') {
            faults.push(format!("judge.model is {:?}; name one model", self.model));
        }
        if !(self.share > 0.0 && self.share <= MOST_SHARE) {
            faults.push(format!("judge.share is {}; the limit is above 0 and at most {MOST_SHARE}", self.share));
        }
        not_negative("judge.maxCostUsdPerDay", Some(self.max_cost_usd_per_day), &mut faults);
        faults
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn check(spec: &str, wanted: Result<f64, &str>) {
        let spec: JudgeSpec = serde_json::from_str(spec).unwrap();
        let found = spec.faults().into_iter().next().map_or(Ok(spec.share), Err);
        assert_eq!(found, wanted.map_err(str::to_owned));
    }

    #[test]
    fn one_model_judges_a_small_share() {
        check(r#"{"model": "a/judge", "maxCostUsdPerDay": "1"}"#, Ok(0.03));
        check(r#"{"model": "a/judge", "maxCostUsdPerDay": "1", "share": 0.2}"#, Ok(0.2));
        let text = "judge.share is 0.21; the limit is above 0 and at most 0.2";
        check(r#"{"model": "a/judge", "maxCostUsdPerDay": "1", "share": 0.21}"#, Err(text));
        let text = "judge.share is 0; the limit is above 0 and at most 0.2";
        check(r#"{"model": "a/judge", "maxCostUsdPerDay": "1", "share": 0}"#, Err(text));
        check(r#"{"model": "a/*", "maxCostUsdPerDay": "1"}"#, Err("judge.model is \"a/*\"; name one model"));
        let text = "judge.maxCostUsdPerDay is -1; the limit is 0 or more";
        check(r#"{"model": "a/judge", "maxCostUsdPerDay": "-1"}"#, Err(text));
    }
}
