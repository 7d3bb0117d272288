//! How deep values are nested. What is stored must be read again, and readers of JSON go 127 levels deep.

use neptune_workflow::run::{Answer, Outcome, Problem, Standard};
use serde_json::Value;

/// How deep may be what comes to a run from outside: what it is put into, and what is made of it, adds to that.
pub const MOST: usize = 100;
/// How deep a record of a log may be: the message around it has two levels of its own.
pub const MOST_OF_RECORD: usize = 125;

/// Whether a value is nested deeper than `most` levels; one without anything in it has none.
#[must_use]
pub fn is_deeper(value: &Value, most: usize) -> bool {
    match value {
        Value::Array(items) => most == 0 || items.iter().any(|item| is_deeper(item, most - 1)),
        Value::Object(fields) => most == 0 || fields.values().any(|field| is_deeper(field, most - 1)),
        _ => false,
    }
}

/// An answer that can be stored: one that is nested too deep is a problem instead.
#[must_use]
pub fn storable(answer: Answer) -> Answer {
    match &answer.outcome {
        Outcome::Output(output) if is_deeper(output, MOST) => {
            let detail = format!("the answer nests values more than {MOST} levels deep, which is the limit");
            Answer { outcome: Outcome::Problem(Problem::new(Standard::Runtime, detail)), ..answer }
        }
        _ => answer,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn nested(levels: usize) -> Value {
        (0..levels).fold(json!(1), |inner, level| if level % 2 == 0 { json!([inner]) } else { json!({"x": inner}) })
    }

    #[test]
    fn depth_is_counted_in_levels() {
        for levels in [0, 1, 7, 100] {
            assert!(!is_deeper(&nested(levels), levels), "{levels}");
            assert!(levels == 0 || is_deeper(&nested(levels), levels - 1), "{levels}");
        }
        assert!(!is_deeper(&json!([]), 1) && is_deeper(&json!([]), 0));
    }

    #[test]
    fn a_record_of_the_most_levels_is_read_back_in_its_message() {
        for (levels, is_read) in [(MOST_OF_RECORD, true), (MOST_OF_RECORD + 1, false)] {
            let message = json!({"records": [nested(levels)]}).to_string();
            assert_eq!(serde_json::from_str::<Value>(&message).is_ok(), is_read, "{levels}");
        }
    }

    #[test]
    fn an_answer_that_is_too_deep_is_a_problem() {
        let answer = Answer { cost_pico_usd: 7, ..Answer::output(nested(MOST + 1)) };
        let stored = storable(answer);
        assert!(matches!(&stored.outcome, Outcome::Problem(_)), "{stored:?}");
        assert_eq!(stored.cost_pico_usd, 7);
        assert_eq!(storable(Answer::output(nested(MOST))), Answer::output(nested(MOST)));
    }
}
