//! Every fault of a spec at once, each with the path of its field.

use super::{BudgetSpec, ChannelSpec, KeySpec, ModelSpec, RouteSpec, TeamSpec};
use crate::{PicoUsd, json as reader};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use serde_path_to_error::Segment;
use std::fmt;

/// A spec is read so often at most.
const MOST: usize = 128;

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

/// Reads a spec again and again: a field that cannot be read is told and put aside, and one that is missing
/// is filled with something that can be read, so that all the others are looked at too.
fn of<S: DeserializeOwned>(spec: &Value, values: impl Fn(&S) -> Vec<String>) -> Vec<SpecFault> {
    let (mut rest, mut faults, mut filled) = (spec.clone(), Vec::<SpecFault>::new(), Vec::<Vec<String>>::new());
    for _ in 0..MOST {
        let unread = match read::<S>(&rest) {
            Ok(spec) => {
                let is_own = |fault: &SpecFault| !filled.iter().any(|filled| fault.path.starts_with(filled));
                faults.extend(values(&spec).into_iter().map(of_value).filter(is_own));
                break;
            }
            Err(unread) => unread,
        };
        let Unread { path, message, missing } = unread;
        let goes_on = if let Some(missing) = missing {
            let whole: Vec<String> = path.iter().cloned().chain([missing]).collect();
            // What was put aside is missing now.
            if !faults.iter().any(|fault| whole.starts_with(&fault.path) || fault.path.starts_with(&whole)) {
                faults.push(SpecFault { message: format!("missing field `{}`", shown(&whole)), path });
            }
            let is_filled = fill::<S>(&mut rest, &whole);
            filled.push(whole);
            is_filled
        } else {
            let is_put_aside = put_aside(&mut rest, &path);
            let is_named = path.is_empty() || message.starts_with("unknown field");
            let message = if is_named { message } else { format!("{}: {message}", shown(&path)) };
            faults.push(SpecFault { path, message });
            is_put_aside
        };
        if !goes_on {
            break;
        }
    }
    faults
}

/// Why a spec cannot be read.
struct Unread {
    /// Where.
    path: Vec<String>,
    message: String,
    /// The field that is missing there, when that is why.
    missing: Option<String>,
}

fn read<S: DeserializeOwned>(spec: &Value) -> Result<S, Unread> {
    serde_path_to_error::deserialize::<_, S>(spec).map_err(|error| {
        let path = error.path().iter().map_while(name).collect();
        let message = reader::plain(error.inner());
        let missing = message.strip_prefix("missing field `").and_then(|rest| Some(rest.split_once('`')?.0.to_owned()));
        Unread { path, message, missing }
    })
}

/// Puts something that can be read in the place of a missing field: of one that has none of these shapes
/// nothing.
fn fill<S: DeserializeOwned>(spec: &mut Value, whole: &[String]) -> bool {
    let Some((name, path)) = whole.split_last() else { return false };
    for filler in [json!("0"), json!("openai"), json!("day"), json!({}), json!([])] {
        let Some(fields) = path.iter().try_fold(&mut *spec, |inner, name| inner.get_mut(name)) else { return false };
        let Some(fields) = fields.as_object_mut() else { return false };
        fields.insert(name.clone(), filler);
        match read::<S>(spec) {
            Err(unread) if unread.path == whole && unread.missing.is_none() => {}
            _ => return true,
        }
    }
    false
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
        check(
            "Model",
            json!({"endpoint": "http://x", "price": {"inputUsdPerMtok": "cheap", "outputUsdPerMtok": "-2"}, "timeoutMs": 1}),
            &[
                ("price/inputUsdPerMtok", "inputUsdPerMtok: "),
                ("", "missing field `provider`"),
                ("price/outputUsdPerMtok", "is -2"),
                ("timeoutMs", "timeoutMs is 1"),
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
