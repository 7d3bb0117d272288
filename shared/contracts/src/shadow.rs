//! Tasks about other tasks, unseen by the caller: copies that are compared, and judgements of answers.

use crate::{finished::TaskFinished, ids::TaskId, names::Origin};
use serde_json::Value;
use uuid::Uuid;

/// The label of a copy that names its task.
pub const SHADOW_OF: &str = "shadow_of";
/// The label of a copy that names the model that does it.
pub const SHADOW_MODEL: &str = "shadow_model";
/// The label of a task that judges the answer to another one, which it names.
pub const JUDGE_OF: &str = "judge_of";

/// The task that `fact` is a copy of. Only the origin says that it is one; labels are the caller's.
#[must_use]
pub fn original(fact: &TaskFinished) -> Option<TaskId> {
    about(fact, SHADOW_OF)
}

/// The task whose answer `fact` judges. Only the origin says that it does; labels are the caller's.
#[must_use]
pub fn judged(fact: &TaskFinished) -> Option<TaskId> {
    about(fact, JUDGE_OF)
}

fn about(fact: &TaskFinished, label: &str) -> Option<TaskId> {
    if fact.origin != Origin::Shadow {
        return None;
    }
    fact.metadata.get(label)?.as_str()?.parse().ok()
}

/// A mark of the answer in `fact`, by which a task's answer and its copies' are compared without
/// being kept: the same for answers that are the same JSON, or the same words whatever their case,
/// white space and punctuation at the ends. It is salted with the task, so that it says nothing about
/// other tasks. Nothing for a task that is no copy and has none.
#[must_use]
pub fn answer_mark(fact: &TaskFinished) -> Option<Uuid> {
    let has_copies = || fact.route.as_ref().is_some_and(|route| !route.shadows.is_empty());
    let task = original(fact).or_else(|| has_copies().then_some(fact.id))?;
    Some(Uuid::new_v5(&task.0, normal(fact.text()?).as_bytes()))
}

fn normal(text: &str) -> String {
    // Objects are written with their keys in order.
    match serde_json::from_str::<Value>(text.trim()) {
        Ok(json @ (Value::Object(_) | Value::Array(_))) => sorted(json).to_string(),
        _ => {
            let words: Vec<&str> = text.split_whitespace().collect();
            let is_edge = |character: char| character.is_ascii_punctuation() && character != '-';
            words.join(" ").trim_matches(is_edge).to_lowercase()
        }
    }
}

/// The same with the keys of every object in order, however the reader kept them.
fn sorted(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            let mut fields: Vec<(String, Value)> =
                fields.into_iter().map(|(name, field)| (name, sorted(field))).collect();
            fields.sort_by(|left, right| left.0.cmp(&right.0));
            Value::Object(fields.into_iter().collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(sorted).collect()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(left: &str, right: &str, same: bool) {
        assert_eq!(normal(left) == normal(right), same, "{left:?} and {right:?}");
    }

    #[test]
    fn answers_are_compared_by_what_they_say() {
        check("Spam", " spam.\n", true);
        check("Yes,  it is", "yes, it  is!", true);
        check(r#"{"a": 1, "b": [2, {"d": 4, "c": 3}]}"#, r#"{ "b":[2,{"c":3,"d":4}], "a":1 }"#, true);
        check(r#"{"a": 1}"#, r#"{"a": 2}"#, false);
        check("-3", "3", false);
        check("3.5", "35", false);
        check("spam", "ham", false);
    }
}
