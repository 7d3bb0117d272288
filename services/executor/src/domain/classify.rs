//! From what a provider answered to a kind of failure. The kind decides what happens next.

use neptune_contracts::attempt::{AttemptError, ErrorClass};
use serde_json::Value;

/// Most characters of a provider's message that are kept.
const MESSAGE_LIMIT: usize = 300;

/// An answer of a provider that is not a success.
#[derive(Clone, Copy, Debug)]
pub struct Refusal<'a> {
    /// The HTTP status.
    pub status: u16,
    /// The `retry-after-ms` header.
    pub retry_after_ms: Option<&'a str>,
    /// The `retry-after` header: seconds.
    pub retry_after: Option<&'a str>,
    /// The body, when it is JSON.
    pub body: Option<&'a Value>,
}

/// The failure that `refusal` is.
#[must_use]
pub fn classify(refusal: Refusal<'_>) -> AttemptError {
    let error = refusal.body.and_then(|body| body.get("error"));
    let text = |field: &str| error.and_then(|error| error.get(field)).and_then(Value::as_str).unwrap_or_default();
    let (code, kind, message) = (text("code"), text("type"), text("message"));
    let class = match refusal.status {
        429 if code == "insufficient_quota" || kind == "insufficient_quota" => ErrorClass::Quota,
        429 => ErrorClass::RateLimit,
        402 => ErrorClass::Quota,
        401 | 403 => ErrorClass::Auth,
        408 | 504 => ErrorClass::Timeout,
        413 => ErrorClass::ContextLength,
        400 | 422 if code == "context_length_exceeded" || message.contains("maximum context length") => ErrorClass::ContextLength,
        400 | 422 if code.contains("content_filter") || code == "content_policy_violation" => ErrorClass::Refusal,
        // A model or parameter that this provider does not know says nothing about the others.
        404 | 405 => ErrorClass::Malformed,
        400..=499 => ErrorClass::BadRequest,
        _ => ErrorClass::Overload,
    };
    let said = if message.is_empty() { format!("HTTP status {}", refusal.status) } else { message.chars().take(MESSAGE_LIMIT).collect() };
    AttemptError { class, message: said, http_status: Some(refusal.status), retry_after_ms: retry_after(refusal) }
}

/// When the provider asks to be left alone until, in milliseconds.
fn retry_after(refusal: Refusal<'_>) -> Option<u64> {
    let millis = refusal.retry_after_ms.and_then(|value| value.trim().parse::<f64>().ok());
    let seconds = || refusal.retry_after.and_then(|value| value.trim().parse::<f64>().ok()).map(|seconds| seconds * 1_000.0);
    let millis = millis.or_else(seconds).filter(|millis| millis.is_finite() && *millis >= 0.0)?;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked to be finite and not negative; saturates")]
    Some(millis.ceil() as u64)
}

/// Whether another model may succeed where one failed like this. A request that is wrong in itself
/// is wrong everywhere.
#[must_use]
pub fn another_may_succeed(class: ErrorClass) -> bool {
    class != ErrorClass::BadRequest
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(status: u16, error: Value, headers: (Option<&str>, Option<&str>), wanted: (ErrorClass, Option<u64>)) {
        let body = json!({"error": error});
        let refusal = Refusal { status, retry_after_ms: headers.0, retry_after: headers.1, body: Some(&body) };
        let found = classify(refusal);
        assert_eq!((found.class, found.retry_after_ms), wanted, "{status} {body}");
    }

    #[test]
    fn each_failure_has_its_class() {
        let none = (None, None);
        check(429, json!({"message": "slow down"}), (None, Some("2")), (ErrorClass::RateLimit, Some(2_000)));
        check(429, json!({}), (Some("120.5"), Some("9")), (ErrorClass::RateLimit, Some(121)));
        check(429, json!({"code": "insufficient_quota"}), none, (ErrorClass::Quota, None));
        check(402, json!({}), none, (ErrorClass::Quota, None));
        check(401, json!({}), none, (ErrorClass::Auth, None));
        check(403, json!({}), none, (ErrorClass::Auth, None));
        check(400, json!({"code": "context_length_exceeded"}), none, (ErrorClass::ContextLength, None));
        check(400, json!({"message": "This model's maximum context length is 8192"}), none, (ErrorClass::ContextLength, None));
        check(400, json!({"code": "content_filter"}), none, (ErrorClass::Refusal, None));
        check(400, json!({"message": "bad tool"}), none, (ErrorClass::BadRequest, None));
        check(404, json!({"code": "model_not_found"}), none, (ErrorClass::Malformed, None));
        check(500, json!({}), none, (ErrorClass::Overload, None));
        check(529, json!({}), (None, Some("junk")), (ErrorClass::Overload, None));
        check(504, json!({}), none, (ErrorClass::Timeout, None));
        check(503, json!({}), (None, Some("-3")), (ErrorClass::Overload, None));
    }

    #[test]
    fn a_long_message_is_cut_and_a_missing_one_is_the_status() {
        let body = json!({"error": {"message": "é".repeat(1_000)}});
        let refusal = Refusal { status: 500, retry_after_ms: None, retry_after: None, body: Some(&body) };
        assert_eq!(classify(refusal).message.chars().count(), MESSAGE_LIMIT);
        let refusal = Refusal { body: None, ..refusal };
        assert_eq!(classify(refusal).message, "HTTP status 500");
    }
}
