//! Every fault of a spec at once, each with the path of its field.

use super::{BudgetSpec, ChannelSpec, KeySpec, ModelSpec, RouteSpec, TeamSpec};
use crate::{PicoUsd, json};
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_path_to_error::Segment;
use std::fmt;

/// Faults of one spec that are looked for.
const MOST: usize = 64;

/// One fault of a spec.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpecFault {
    /// The field's names from the spec on, lists by their place: `["split", "0", "weight"]`.
    pub path: Vec<String>,
    /// What is wrong, with the field's name, the limit and the remedy.
    pub message: String,
}

impl fmt::Display for SpecFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// Every fault of `spec` as a resource of `kind`; none for a kind that does not exist.
pub(super) fn of_kind(kind: &str, spec: &Value) -> Vec<SpecFault> {
    match kind.to_ascii_lowercase().as_str() {
        "team" => of::<TeamSpec>(spec, |_| Vec::new()),
        "key" => of::<KeySpec>(spec, |_| Vec::new()),
        "model" => of(spec, ModelSpec::faults),
        "route" => of(spec, RouteSpec::faults),
        "budget" => of(spec, BudgetSpec::faults),
        "channel" => of::<ChannelSpec>(spec, |_| Vec::new()),
        _ => Vec::new(),
    }
}

/// A field whose value cannot be read is told and put aside, so that the others are looked at too.
fn of<S: DeserializeOwned>(spec: &Value, values: impl Fn(&S) -> Vec<String>) -> Vec<SpecFault> {
    let (mut rest, mut faults) = (spec.clone(), Vec::<SpecFault>::new());
    while faults.len() < MOST {
        let error = match serde_path_to_error::deserialize::<_, S>(&rest) {
            Ok(read) => {
                faults.extend(values(&read).into_iter().map(of_value));
                break;
            }
            Err(error) => error,
        };
        let path: Vec<String> = error.path().iter().map_while(name).collect();
        let message = json::plain(error.inner());
        let missing = message.strip_prefix("missing field `").and_then(|rest| Some(rest.split_once('`')?.0));
        if let Some(missing) = missing {
            let whole: Vec<String> = path.iter().cloned().chain([missing.to_owned()]).collect();
            // What was put aside is missing now.
            let is_known = |fault: &SpecFault| whole.starts_with(&fault.path) || fault.path.starts_with(&whole);
            if !faults.iter().any(is_known) {
                faults.push(SpecFault { message: format!("missing field `{}`", shown(&whole)), path: path.clone() });
            }
            // All the other fields around it were looked at.
            if put_aside(&mut rest, &path) {
                continue;
            }
            break;
        }
        let is_put_aside = put_aside(&mut rest, &path);
        let is_named = message.starts_with("unknown field");
        let message = if path.is_empty() || is_named { message } else { format!("{}: {message}", shown(&path)) };
        faults.push(SpecFault { path, message });
        if !is_put_aside {
            break;
        }
    }
    faults
}

/// The values' own faults begin with the path of their field.
fn of_value(message: String) -> SpecFault {
    let field = message.split([' ', ':']).next().unwrap_or_default();
    let path = field.split(['.', '[']).map(|name| name.trim_end_matches(']').to_owned());
    SpecFault { path: path.collect(), message }
}

fn name(segment: &Segment) -> Option<String> {
    match segment {
        Segment::Map { key } => Some(key.clone()),
        Segment::Seq { index } => Some(index.to_string()),
        Segment::Enum { variant } => Some(variant.clone()),
        Segment::Unknown => None,
    }
}

fn shown(path: &[String]) -> String {
    let mut text = String::new();
    for name in path {
        if name.bytes().all(|byte| byte.is_ascii_digit()) {
            text.push_str(&format!("[{name}]"));
        } else {
            text.push_str(if text.is_empty() { "" } else { "." });
            text.push_str(name);
        }
    }
    text
}

/// Takes the field at `path` out; of a list the whole list, so that the places of its items stay.
fn put_aside(spec: &mut Value, path: &[String]) -> bool {
    let Some((name, rest)) = path.split_first() else { return false };
    let Some(fields) = spec.as_object_mut() else { return false };
    match fields.get_mut(name) {
        Some(inner) if inner.is_object() && !rest.is_empty() => put_aside(inner, rest),
        found => found.is_some() && fields.remove(name).is_some(),
    }
}

/// Adds what is wrong with a price or a limit in US dollars.
pub(super) fn not_negative(field: &str, amount: Option<PicoUsd>, faults: &mut Vec<String>) {
    if let Some(amount) = amount.filter(|amount| *amount < PicoUsd::ZERO) {
        faults.push(format!("{field} is {amount}; the limit is 0 or more"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(kind: &str, spec: Value, wanted: &[(&str, &str)]) {
        let found = of_kind(kind, &spec);
        assert_eq!(found.len(), wanted.len(), "{found:?}");
        for (fault, (path, part)) in found.iter().zip(wanted) {
            assert!(fault.path.join("/") == *path && fault.message.contains(part), "{fault:?}, wanted {path} {part}");
        }
    }

    #[test]
    fn every_fault_is_told_with_its_field() {
        let price = json!({"inputUsdPerMtok": "1", "outputUsdPerMtok": "2"});
        check("Model", json!({"provider": "openai", "endpoint": "http://x", "price": price}), &[]);
        check(
            "Model",
            json!({"provider": "openai", "endpoint": "http://x", "price": {"inputUsdPerMtok": "-1", "outputUsdPerMtok": "-2"},
                "timeoutMs": 5, "quality": {"chat": 2}, "limits": {"inFlight": 0, "requestsPerMinute": 0}}),
            &[
                ("quality/chat", "quality.chat is 2; the limit is 0 to 1"),
                ("price/inputUsdPerMtok", "is -1; the limit is 0 or more"),
                ("price/outputUsdPerMtok", "is -2"),
                ("limits/requestsPerMinute", "is 0"),
                ("limits/inFlight", "is 0"),
                ("timeoutMs", "timeoutMs is 5; the limit is 100 to 3600000"),
            ],
        );
        check(
            "Model",
            json!({"provider": "openai", "endpoint": 7, "price": {"inputUsdPerMtok": "dear", "outputUsdPerMtok": "2"},
                "timeoutMs": "soon", "speeed": 1, "capabilities": {"tools": "yes"}}),
            &[
                ("capabilities/tools", "capabilities.tools: invalid type"),
                ("endpoint", "endpoint: invalid type"),
                ("price/inputUsdPerMtok", "price.inputUsdPerMtok: "),
                ("speeed", "unknown field `speeed`"),
                ("timeoutMs", "timeoutMs: invalid type"),
            ],
        );
        check("Budget", json!({"period": "day"}), &[("", "missing field `limitUsd`")]);
        check("Budget", json!({"period": "day", "limitUsd": "-1"}), &[("limitUsd", "limitUsd is -1")]);
        check(
            "Route",
            json!({"maxAttempts": 9, "candidates": [1], "fallback": ["x"], "split": [{"name": "a", "weight": 1, "models": []}]}),
            &[("candidates/0", "candidates[0]: invalid type"), ("maxAttempts", "is 9"), ("split/0/models", "is empty")],
        );
    }
}
