//! What `apply` would do: declared resources against the stored ones.

use super::spec::{self, Kind};
use serde::Serialize;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Specs by key (`model/openai/gpt-4.1`).
pub type Specs = BTreeMap<String, Value>;

/// What happens to one resource.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Change {
    /// The resource.
    pub key: String,
    /// What happens to it.
    #[serde(flatten)]
    pub action: Action,
}

/// What happens to a resource.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum Action {
    /// It is new.
    Create,
    /// It differs.
    Change {
        /// Where.
        fields: Vec<FieldChange>,
    },
    /// It is stored as it is declared.
    Keep,
    /// It is declared no more.
    Remove,
}

/// One field that differs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FieldChange {
    /// Path in the spec, for example `price.inputUsdPerMtok`.
    pub field: String,
    /// As stored; absent when it is new.
    pub from: Option<Value>,
    /// As declared; absent when it goes.
    pub to: Option<Value>,
}

/// The changes that make `stored` what is `declared` (in full form), by key. With `prune`, what is
/// stored and not declared goes; keys stay, because commands make them and files do not.
#[must_use]
pub fn changes(declared: &Specs, stored: &Specs, prune: bool) -> Vec<Change> {
    let keys: BTreeSet<&String> = declared.keys().chain(stored.keys()).collect();
    let action = |key: &String| match (declared.get(key), stored.get(key)) {
        (Some(_), None) => Some(Action::Create),
        (Some(wanted), Some(found)) => Some(compare(key, found, wanted)),
        (None, Some(_)) if prune && Kind::of_key(key) != Some(Kind::Key) => Some(Action::Remove),
        _ => None,
    };
    keys.into_iter().filter_map(|key| action(key).map(|action| Change { key: key.clone(), action })).collect()
}

/// What is wrong with changes of workflows: a version never changes, because runs were begun by it.
#[must_use]
pub fn rewritten_versions(changes: &[Change]) -> Vec<String> {
    let is_rewritten = |change: &&Change| {
        Kind::of_key(&change.key) == Some(Kind::Workflow) && matches!(change.action, Action::Change { .. })
    };
    let told = |change: &Change| {
        format!("{}: another content is stored under this version; raise `version` in its `document`", change.key)
    };
    changes.iter().filter(is_rewritten).map(told).collect()
}

fn compare(key: &str, found: &Value, wanted: &Value) -> Action {
    // What is stored may be older than a field's default; one that is unreadable differs as it is.
    let full = Kind::of_key(key).and_then(|kind| spec::full_form(kind, found).ok());
    let mut fields = Vec::new();
    differences("", full.as_ref().unwrap_or(found), wanted, &mut fields);
    if fields.is_empty() { Action::Keep } else { Action::Change { fields } }
}

fn differences(path: &str, from: &Value, to: &Value, found: &mut Vec<FieldChange>) {
    if from == to {
        return;
    }
    let (Value::Object(old), Value::Object(new)) = (from, to) else {
        found.push(FieldChange { field: path.to_owned(), from: Some(from.clone()), to: Some(to.clone()) });
        return;
    };
    let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    for name in names {
        let field = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        match (old.get(name), new.get(name)) {
            (Some(from), Some(to)) => differences(&field, from, to, found),
            (from, to) => found.push(FieldChange { field, from: from.cloned(), to: to.cloned() }),
        }
    }
}

/// The changes for people: one line a resource, and one a field that differs.
#[must_use]
pub fn render(changes: &[Change]) -> String {
    let mut lines: Vec<String> = changes.iter().flat_map(lines_of).collect();
    let count = |wanted: fn(&Action) -> bool| changes.iter().filter(|change| wanted(&change.action)).count();
    lines.push(format!(
        "{} to create, {} to change, {} to remove, {} unchanged",
        count(|action| *action == Action::Create),
        count(|action| matches!(action, Action::Change { .. })),
        count(|action| *action == Action::Remove),
        count(|action| *action == Action::Keep),
    ));
    lines.join("\n")
}

fn lines_of(change: &Change) -> Vec<String> {
    let key = &change.key;
    match &change.action {
        Action::Create => vec![format!("+ {key}")],
        Action::Remove => vec![format!("- {key}")],
        Action::Keep => Vec::new(),
        Action::Change { fields } => {
            let shown = |value: &Option<Value>| value.as_ref().map_or_else(|| "(none)".to_owned(), ToString::to_string);
            let field = |change: &FieldChange| {
                format!("    {}: {} -> {}", change.field, shown(&change.from), shown(&change.to))
            };
            [format!("~ {key}")].into_iter().chain(fields.iter().map(field)).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn specs(entries: &[(&str, Value)]) -> Specs {
        entries.iter().map(|(key, spec)| ((*key).to_owned(), spec.clone())).collect()
    }

    #[test]
    fn changes_are_shown_field_by_field() {
        let declared = specs(&[
            ("route/new", json!({"candidates": [], "objective": "cheap", "fallback": [], "maxAttempts": 3})),
            (
                "route/other",
                json!({"candidates": ["a"], "objective": "fast", "fallback": [], "maxAttempts": 3, "minQuality": 0.5}),
            ),
            ("route/same", json!({"candidates": [], "objective": "balanced", "fallback": [], "maxAttempts": 3})),
        ]);
        let stored = specs(&[
            ("route/gone", json!({})),
            ("route/other", json!({"objective": "cheap", "valueUsd": "1"})),
            ("route/same", json!({})),
            ("key/abc", json!({})),
        ]);
        let expected = "\
+ route/new
~ route/other
    candidates: [] -> [\"a\"]
    minQuality: (none) -> 0.5
    objective: \"cheap\" -> \"fast\"
    valueUsd: \"1\" -> (none)
1 to create, 1 to change, 0 to remove, 1 unchanged";
        assert_eq!(render(&changes(&declared, &stored, false)), expected);
        let pruned = render(&changes(&declared, &stored, true));
        assert!(pruned.starts_with("- route/gone\n") && !pruned.contains("key/abc"), "{pruned}");
    }

    fn any_specs() -> impl Strategy<Value = Specs> {
        let spec = (0_u32..3, proptest::option::of(0_u32..3)).prop_map(|(objective, quality)| {
            let mut spec = json!({"objective": (["cheap", "fast", "best"][objective as usize])});
            if let Some(quality) = quality {
                spec["minQuality"] = json!(f64::from(quality) / 2.0);
            }
            spec::full_form(Kind::Route, &spec).unwrap()
        });
        proptest::collection::btree_map("route/[a-d]", spec, 0..4)
    }

    proptest! {
        #[test]
        fn nothing_is_left_to_do_after_applying(declared in any_specs(), stored in any_specs()) {
            let mut after = stored.clone();
            for change in changes(&declared, &stored, true) {
                match change.action {
                    Action::Remove => drop(after.remove(&change.key)),
                    Action::Keep => {}
                    Action::Create | Action::Change { .. } => drop(after.insert(change.key.clone(), declared[&change.key].clone())),
                }
            }
            prop_assert_eq!(&after, &declared);
            prop_assert!(changes(&declared, &after, true).iter().all(|change| change.action == Action::Keep));
        }
    }
}
