//! Reading other providers' bodies without trusting them.

use crate::domain::{
    classify::refused_with,
    failure::{Billed, Failure},
};
use neptune_contracts::attempt::ErrorClass;
use serde_json::{Value, json};

/// A count beyond this is nonsense, not tokens.
const MOST_TOKENS: u64 = 1_000_000_000;

/// The JSON object of a success.
pub(super) fn object(body: &[u8]) -> Result<Value, Failure> {
    let unreadable = || Failure::new(ErrorClass::Malformed, "the answer is not a JSON object").billed(Billed::Perhaps);
    let value: Value = serde_json::from_slice(body).map_err(|_| unreadable())?;
    if value.is_object() { Ok(value) } else { Err(unreadable()) }
}

/// The text at a pointer, empty when there is none.
pub(super) fn text<'v>(value: &'v Value, pointer: &str) -> &'v str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// The list at a pointer, empty when there is none.
pub(super) fn list<'v>(value: &'v Value, pointer: &str) -> &'v [Value] {
    value.pointer(pointer).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// A count of tokens at a pointer; nothing when it is absent or nonsense.
pub(super) fn count(value: &Value, pointer: &str) -> Option<u64> {
    value.pointer(pointer).and_then(Value::as_u64).filter(|count| *count <= MOST_TOKENS)
}

/// What a tool is called with: an object, whatever the provider sent.
pub(super) fn arguments(value: Option<&Value>) -> Value {
    value.filter(|value| value.is_object()).cloned().unwrap_or_else(|| json!({}))
}

/// A refusal whose code and words stand elsewhere than in OpenAI's errors.
pub(super) fn refused(status: u16, code: &str, message: &str, retry_after_ms: Option<u64>) -> Failure {
    refused_with(status, &json!({"error": {"code": code, "message": message}}), retry_after_ms)
}
