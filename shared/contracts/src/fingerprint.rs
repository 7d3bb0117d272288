//! Whether two requests say the same: sums over what the caller said, part by part.

use crate::{
    chat::ChatRequest,
    task::{Constraints, TaskSubmitted},
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use ring::digest;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// SHA-256 sums (base64) over the canonical JSON of each part of a request. A part that says
/// nothing has none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Fingerprint {
    /// Of `input`; absent where the admission has it as `input_sha256`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<String>,
    /// Of `task_type`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task_type: Option<String>,
    /// Of `constraints`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub constraints: Option<String>,
    /// Of `output`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<String>,
    /// Of `deliver`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deliver: Option<String>,
    /// Of `metadata`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<String>,
}

impl Fingerprint {
    /// Of everything in `task` but its input, which may be large and is summed for its admission.
    #[must_use]
    pub fn besides_input(task: &TaskSubmitted) -> Self {
        Self {
            input: None,
            task_type: task.task_type.and_then(|task_type| sum(&task_type)),
            constraints: (task.constraints != Constraints::default()).then(|| sum(&task.constraints)).flatten(),
            output: task.output.as_ref().and_then(sum),
            deliver: (!task.deliver.is_empty()).then(|| sum(&task.deliver)).flatten(),
            metadata: (!task.metadata.is_empty()).then(|| sum(&task.metadata)).flatten(),
        }
    }

    /// Of everything in `task`.
    #[must_use]
    pub fn of(task: &TaskSubmitted) -> Self {
        Self { input: input_sum(&task.input), ..Self::besides_input(task) }
    }

    /// The parts in which it differs from `other`, as the request names them.
    #[must_use]
    pub fn differences(&self, other: &Self) -> Vec<&'static str> {
        [
            ("input", self.input == other.input),
            ("task_type", self.task_type == other.task_type),
            ("constraints", self.constraints == other.constraints),
            ("output", self.output == other.output),
            ("deliver", self.deliver == other.deliver),
            ("metadata", self.metadata == other.metadata),
        ]
        .into_iter()
        .filter_map(|(part, is_same)| (!is_same).then_some(part))
        .collect()
    }
}

/// The sum of an input, as it also stands in the admission; nothing when it cannot be written.
#[must_use]
pub fn input_sum(input: &ChatRequest) -> Option<String> {
    sum(input)
}

/// SHA-256 of a part's JSON, base64. Objects are written with sorted keys, so it is canonical.
#[must_use]
pub fn sum<T: Serialize>(part: &T) -> Option<String> {
    let json = serde_json::to_vec(part).ok()?;
    Some(BASE64_STANDARD.encode(digest::digest(&digest::SHA256, &json).as_ref()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::{Value, json};

    fn of(change: &Value) -> Fingerprint {
        let mut body = json!({"input": {"messages": [{"role": "user", "content": "hi"}]}});
        body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        Fingerprint::of(&serde_json::from_value(body).unwrap())
    }

    #[test]
    fn each_part_that_differs_is_named() {
        let plain = of(&json!({}));
        for (change, part) in [
            (json!({"input": {"messages": [{"role": "user", "content": "hallo"}]}}), "input"),
            (json!({"task_type": "translation"}), "task_type"),
            (json!({"constraints": {"max_cost_usd": "0.01"}}), "constraints"),
            (json!({"output": {"schema": {}}}), "output"),
            (json!({"deliver": [{"channel": "email", "to": "a@b.example"}]}), "deliver"),
            (json!({"metadata": {"ticket": 7}}), "metadata"),
        ] {
            assert_eq!(of(&change).differences(&plain), [part], "{change}");
            assert_eq!(of(&change).differences(&of(&change)), [""; 0], "{change}");
        }
        assert_eq!(of(&json!({"metadata": {"a": 1}})).differences(&of(&json!({"metadata": {"a": 2}}))), ["metadata"]);
    }

    #[test]
    fn what_says_nothing_and_who_asks_make_no_difference() {
        let plain = of(&json!({}));
        let id = "0199f2aa-0000-7000-8000-000000000001";
        let same = json!({"constraints": {"lane": "realtime"}, "metadata": {}, "deliver": [], "key": "k1", "id": id});
        assert_eq!(of(&same).differences(&plain), [""; 0]);
        let order = |text: &str| Fingerprint::of(&serde_json::from_str(text).unwrap());
        let one = order(r#"{"input": {"messages": []}, "metadata": {"a": 1, "b": 2}}"#);
        assert_eq!(one, order(r#"{"metadata": {"b": 2, "a": 1}, "input": {"messages": []}}"#));
    }
}
