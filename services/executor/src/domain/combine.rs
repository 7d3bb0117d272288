//! Making one answer of several.

pub mod judge;

use serde_json::Value;
use std::collections::HashMap;

/// The place of the answer that most of `outputs` gave. The outputs stand in the order in which they
/// are expected to be good, best first: the first of equals is taken. Nothing when there is none.
#[must_use]
pub fn majority(outputs: &[&Value]) -> Option<usize> {
    let mut votes: HashMap<String, (usize, usize)> = HashMap::new();
    for (at, output) in outputs.iter().enumerate() {
        votes.entry(normal(output)).or_insert((at, 0)).1 += 1;
    }
    votes.into_values().max_by_key(|(first, count)| (*count, std::cmp::Reverse(*first))).map(|(first, _)| first)
}

/// What an answer comes to: JSON without its order and spacing, other text without case, spacing
/// and the point at its end.
fn normal(output: &Value) -> String {
    let choices = output.get("choices").and_then(Value::as_array);
    let texts = choices.into_iter().flatten().map(|choice| {
        let message = choice.get("message").unwrap_or(&Value::Null);
        match message.get("content").and_then(Value::as_str) {
            Some(text) => normal_text(text),
            None => message.get("tool_calls").map(normal_calls).unwrap_or_default(),
        }
    });
    texts.collect::<Vec<_>>().join("\u{0}")
}

fn normal_text(text: &str) -> String {
    match serde_json::from_str::<Value>(text) {
        Ok(value @ (Value::Object(_) | Value::Array(_) | Value::Number(_))) => canonical(&value),
        _ => {
            let words: Vec<String> = text.split_whitespace().map(str::to_lowercase).collect();
            words.join(" ").trim_end_matches(['.', '!']).to_owned()
        }
    }
}

/// Which tools are called with what, without the ids of the calls.
fn normal_calls(calls: &Value) -> String {
    let functions = calls.as_array().into_iter().flatten().filter_map(|call| call.get("function"));
    let called = functions.map(|function| {
        let text = |field: &str| function.get(field).and_then(Value::as_str).unwrap_or_default();
        format!("{}({})", text("name"), normal_text(text("arguments")))
    });
    called.collect::<Vec<_>>().join(";")
}

/// JSON with sorted keys in which `1` and `1.0` are the same number.
fn canonical(value: &Value) -> String {
    match value {
        Value::Object(members) => {
            let mut members: Vec<(&String, &Value)> = members.iter().collect();
            members.sort_unstable_by_key(|(name, _)| *name);
            let written =
                members.iter().map(|(name, value)| format!("{}:{}", Value::from(name.as_str()), canonical(value)));
            format!("{{{}}}", written.collect::<Vec<_>>().join(","))
        }
        Value::Array(items) => format!("[{}]", items.iter().map(canonical).collect::<Vec<_>>().join(",")),
        Value::Number(number) if !number.is_i64() && !number.is_u64() => {
            number.as_f64().map_or_else(|| number.to_string(), |float| format!("{float}"))
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn answer(text: &str) -> Value {
        json!({"choices": [{"message": {"content": text}}]})
    }

    fn check(texts: &[&str], wanted: Option<usize>) {
        let outputs: Vec<Value> = texts.iter().map(|text| answer(text)).collect();
        assert_eq!(majority(&outputs.iter().collect::<Vec<_>>()), wanted, "{texts:?}");
    }

    #[test]
    fn most_decide_and_the_best_between_equals() {
        check(&[], None);
        check(&["bug"], Some(0));
        check(&["bug", "billing"], Some(0));
        check(&["bug", "billing", "Billing. "], Some(1));
        check(&["bug", "billing", "BUG", "billing"], Some(0));
        check(&[r#"{"a": 1, "b": [2]}"#, "x", r#"{ "b":[2.0], "a":1.0}"#], Some(0));
        check(&["x", r#"{"a": 1}"#, r#"{"a": "1"}"#, r#"{"a": 1}"#], Some(1));
        check(&["7", "8", "7.0"], Some(0));
    }

    #[test]
    fn calls_of_the_same_tool_with_the_same_are_the_same() {
        let call = |id: &str, arguments: &str| json!({"choices": [{"message": {"content": null, "tool_calls": [{"id": id, "function": {"name": "f", "arguments": arguments}}]}}]});
        let outputs = [call("1", r#"{"x":1}"#), call("2", r#"{"x":2}"#), call("3", r#"{ "x": 2 }"#)];
        assert_eq!(majority(&outputs.iter().collect::<Vec<_>>()), Some(1));
    }

    proptest! {
        #[test]
        fn the_winner_has_the_most_votes(texts in proptest::collection::vec("[ab]", 1..9)) {
            let outputs: Vec<Value> = texts.iter().map(|text| answer(text)).collect();
            let winner = majority(&outputs.iter().collect::<Vec<_>>()).unwrap();
            let votes = |text: &String| texts.iter().filter(|other| *other == text).count();
            let won = votes(texts.get(winner).unwrap());
            prop_assert!(texts.iter().all(|text| votes(text) <= won));
            prop_assert_eq!(texts.iter().position(|text| votes(text) == won), Some(winner));
        }
    }
}
