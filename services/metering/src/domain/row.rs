//! Rows on their way to Postgres, as JSON objects: a whole batch is one parameter of one statement.

use serde::Serialize;
use serde_json::Value;

/// Why a message has no place in the ledger.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} is {value}, which the ledger cannot hold")]
pub struct OutOfRange {
    /// Which value.
    pub what: &'static str,
    /// The value.
    pub value: u64,
}

/// One row as JSON text, its key first, so that sorting rows sorts by key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Row(String);

impl Row {
    /// The row of `columns`. Postgres has no place for the character NUL; it becomes U+FFFD.
    ///
    /// # Errors
    /// Never for the types of this crate; the serializer's own otherwise.
    pub fn of<T: Serialize>(columns: &T) -> Result<Self, serde_json::Error> {
        let text = serde_json::to_string(columns)?;
        if !text.contains("\\u0000") {
            return Ok(Self(text));
        }
        let mut value = serde_json::from_str(&text)?;
        replace_nul(&mut value);
        Ok(Self(value.to_string()))
    }

    /// The rows as one JSON array, in order of their keys: writers that insert the same keys then
    /// wait for each other instead of deadlocking.
    #[must_use]
    pub fn array(mut rows: Vec<&Self>) -> String {
        rows.sort_unstable();
        let texts: Vec<&str> = rows.into_iter().map(|row| row.0.as_str()).collect();
        format!("[{}]", texts.join(","))
    }
}

fn replace_nul(value: &mut Value) {
    match value {
        Value::String(text) => *text = text.replace('\0', "\u{fffd}"),
        Value::Array(items) => items.iter_mut().for_each(replace_nul),
        Value::Object(fields) => {
            *fields = std::mem::take(fields)
                .into_iter()
                .map(|(name, mut field)| {
                    replace_nul(&mut field);
                    (name.replace('\0', "\u{fffd}"), field)
                })
                .collect();
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// A count as Postgres has it.
///
/// # Errors
/// It is above 2⁶³ − 1.
pub fn bigint(what: &'static str, value: u64) -> Result<i64, OutOfRange> {
    i64::try_from(value).map_err(|_| OutOfRange { what, value })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn nul_is_replaced_and_an_escaped_backslash_is_not_one() {
        let cleaned = Row::of(&json!({"a\u{0}": ["x\u{0}y", {"b": "\u{0}"}], "c": "\\u0000"})).unwrap();
        let value: Value = serde_json::from_str(&cleaned.0).unwrap();
        assert_eq!(value, json!({"a\u{fffd}": ["x\u{fffd}y", {"b": "\u{fffd}"}], "c": "\\u0000"}));
    }

    #[test]
    fn rows_are_ordered_by_key() {
        let rows: Vec<Row> = ["b", "a"].iter().map(|key| Row::of(&json!({ "key": key })).unwrap()).collect();
        assert_eq!(Row::array(rows.iter().collect()), r#"[{"key":"a"},{"key":"b"}]"#);
    }
}
