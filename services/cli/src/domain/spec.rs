//! The spec of a resource in its full form: every default written out, so that two specs are equal
//! exactly when they mean the same.

use neptune_contracts::resource::{BudgetSpec, ChannelSpec, KeySpec, ModelSpec, RouteSpec, TeamSpec, WorkflowSpec};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

/// What can be declared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Who asks.
    Team,
    /// An API key.
    Key,
    /// What can answer.
    Model,
    /// A routing policy.
    Route,
    /// A limit on spend.
    Budget,
    /// How deliveries are made.
    Channel,
    /// A workflow, in a version.
    Workflow,
}

impl Kind {
    /// Every kind.
    pub const ALL: &'static [Self] =
        &[Self::Team, Self::Key, Self::Model, Self::Route, Self::Budget, Self::Channel, Self::Workflow];

    /// As files write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Team => "Team",
            Self::Key => "Key",
            Self::Model => "Model",
            Self::Route => "Route",
            Self::Budget => "Budget",
            Self::Channel => "Channel",
            Self::Workflow => "Workflow",
        }
    }

    /// The kind that files write as `text`.
    #[must_use]
    pub fn of(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.as_str() == text)
    }

    /// The kind of the resource stored under `key` (`model/openai/gpt-4.1`).
    #[must_use]
    pub fn of_key(key: &str) -> Option<Self> {
        let prefix = key.split('/').next()?;
        Self::ALL.iter().copied().find(|kind| kind.as_str().eq_ignore_ascii_case(prefix))
    }
}

/// The full form of a spec.
///
/// # Errors
/// The spec does not have its kind's shape.
pub fn full_form(kind: Kind, spec: &Value) -> Result<Value, serde_json::Error> {
    match kind {
        Kind::Team => through::<TeamSpec>(spec),
        Kind::Key => through::<KeySpec>(spec),
        Kind::Model => through::<ModelSpec>(spec),
        Kind::Route => through::<RouteSpec>(spec),
        Kind::Budget => through::<BudgetSpec>(spec),
        Kind::Channel => through::<ChannelSpec>(spec),
        Kind::Workflow => through::<WorkflowSpec>(spec),
    }
}

fn through<S: Serialize + DeserializeOwned>(spec: &Value) -> Result<Value, serde_json::Error> {
    serde_json::to_value(S::deserialize(spec)?)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::json;

    #[test]
    fn specs_that_mean_the_same_have_the_same_full_form() {
        let short = json!({"models": ["*"], "maxCostUsd": 0.50});
        let long = json!({"models": ["*"], "zones": ["external", "private", "onprem"], "channels": [], "maxCostUsd": "0.5", "class": "internal"});
        assert_eq!(full_form(Kind::Team, &short).unwrap(), full_form(Kind::Team, &long).unwrap());
    }

    #[test]
    fn the_full_form_of_a_full_form_is_itself() {
        let spec = json!({"provider": "openai", "endpoint": "http://x", "price": {"inputUsdPerMtok": 2, "outputUsdPerMtok": "8"}});
        let full = full_form(Kind::Model, &spec).unwrap();
        assert_eq!(full_form(Kind::Model, &full).unwrap(), full);
        assert_eq!(full["timeoutMs"], 120_000);
    }

    #[test]
    fn unknown_fields_are_errors() {
        let error = full_form(Kind::Route, &json!({"candidate": []})).unwrap_err();
        assert!(error.to_string().contains("unknown field `candidate`"), "{error}");
    }
}
