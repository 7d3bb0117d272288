//! About how many bytes of memory things take.

use serde_json::Value;

/// A value with what its allocation costs, without what is in it.
const VALUE: usize = 48;
/// A run that is known, without what came to it: its maps, each of which is allocated for some entries at once.
pub const RUN: usize = 6 << 10;

/// About how many bytes a value takes.
#[must_use]
pub fn of(value: &Value) -> usize {
    let inside = match value {
        Value::String(text) => text.len(),
        Value::Array(items) => items.iter().map(of).sum(),
        Value::Object(fields) => fields.iter().map(|(name, field)| VALUE + name.len() + of(field)).sum(),
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
    };
    VALUE + inside
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_in_a_value_counts() {
        assert_eq!(of(&json!(7)), VALUE);
        assert_eq!(of(&json!(["x".repeat(1_000), null])), 3 * VALUE + 1_000);
        assert_eq!(of(&json!({"name": {}})), 3 * VALUE + 4);
    }
}
