//! From what a provider refused to a kind of failure. The kind decides what happens next.

use super::failure::{Billed, Failure};
use neptune_contracts::attempt::{AttemptError, ErrorClass};
use serde_json::Value;

/// Most characters of a provider's error code that are kept.
const CODE_LIMIT: usize = 64;

/// The failure that an answer with an error `status` is. Its message holds the provider's error
/// code and field name, never its words: those repeat pieces of the task and of credentials.
#[must_use]
pub fn refused(status: u16, body: &[u8], retry_after_ms: Option<u64>) -> Failure {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    refused_with(status, &body, retry_after_ms)
}

/// The same for a body that was read already.
#[must_use]
pub fn refused_with(status: u16, body: &Value, retry_after_ms: Option<u64>) -> Failure {
    let said = Said::read(body);
    let error = AttemptError {
        class: class(status, &said),
        message: said.words(status),
        http_status: Some(status),
        retry_after_ms,
    };
    // A gateway that gave up waiting says nothing about the model behind it.
    let billed = if matches!(status, 408 | 504 | 524) { Billed::Perhaps } else { Billed::No };
    Failure { error, billed, is_held_back: false, limits: None }
}

/// Whether another model may succeed where one failed like this. A request that is wrong in itself
/// is wrong everywhere.
#[must_use]
pub fn another_may_succeed(class: ErrorClass) -> bool {
    class != ErrorClass::BadRequest
}

/// What a provider said in its error: the OpenAI shape `{"error": {…}}`, also without the wrapper,
/// in a list, or as a bare text, as compatible servers have it.
struct Said {
    code: String,
    kind: String,
    param: String,
    /// In lower case; only looked at, never passed on.
    message: String,
}

impl Said {
    fn read(body: &Value) -> Self {
        let body = body.get(0).unwrap_or(body);
        let error = body.get("error").unwrap_or(body);
        let text = |field: &str| error.get(field).and_then(Value::as_str).unwrap_or_default();
        let message = error.as_str().unwrap_or_else(|| text("message"));
        Self {
            code: text("code").into(),
            kind: text("type").into(),
            param: text("param").into(),
            message: message.to_lowercase(),
        }
    }

    fn is(&self, codes: &[&str]) -> bool {
        codes.iter().any(|code| self.code == *code || self.kind == *code)
    }

    fn mentions(&self, phrases: &[&str]) -> bool {
        phrases.iter().any(|phrase| self.message.contains(phrase))
    }

    fn words(&self, status: u16) -> String {
        let named = [("code", &self.code), ("type", &self.kind), ("param", &self.param)];
        let named: Vec<String> =
            named.into_iter().filter_map(|(name, value)| Some(format!("{name} {}", plain(value)?))).collect();
        if named.is_empty() {
            format!("HTTP status {status}")
        } else {
            format!("HTTP status {status}, {}", named.join(", "))
        }
    }
}

/// An identifier, or nothing: free text is no identifier.
fn plain(text: &str) -> Option<&str> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.[]".contains(&byte);
    (!text.is_empty() && text.len() <= CODE_LIMIT && text.bytes().all(allowed)).then_some(text)
}

fn class(status: u16, said: &Said) -> ErrorClass {
    match status {
        // Redirects are not followed, so that a credential goes nowhere else.
        300..=399 => ErrorClass::Malformed,
        400..=499 => said_class(said).unwrap_or_else(|| status_class(status, said)),
        _ => ErrorClass::Overload,
    }
}

/// What the provider's own code says, whichever 4xx status it chose.
fn said_class(said: &Said) -> Option<ErrorClass> {
    let too_long = ["maximum context length", "context window", "prompt is too long", "input is too long"];
    if said.is(&["insufficient_quota", "billing_hard_limit_reached", "billing_not_active", "billing_error"])
        || said.mentions(&["credit balance is too low"])
    {
        Some(ErrorClass::Quota)
    } else if said.is(&["context_length_exceeded", "string_above_max_length"]) || said.mentions(&too_long) {
        Some(ErrorClass::ContextLength)
    } else if said.is(&["content_filter", "content_policy_violation", "moderation_blocked"]) {
        Some(ErrorClass::Refusal)
    } else {
        None
    }
}

fn status_class(status: u16, said: &Said) -> ErrorClass {
    match status {
        400 | 422 => wrong_request(said),
        401 | 403 | 407 => ErrorClass::Auth,
        402 => ErrorClass::Quota,
        404 | 405 | 410 => ErrorClass::Unsupported,
        408 => ErrorClass::Timeout,
        409 | 425 => ErrorClass::Overload,
        413 => ErrorClass::ContextLength,
        429 => ErrorClass::RateLimit,
        _ => ErrorClass::BadRequest,
    }
}

/// A model or parameter that this provider does not know says nothing about the others.
fn wrong_request(said: &Said) -> ErrorClass {
    let unsupported = [
        "unsupported_parameter",
        "unsupported_value",
        "unsupported_model",
        "model_not_found",
        "model_not_supported",
        "invalid_model",
    ];
    if said.mentions(&["api key not valid", "invalid api key", "incorrect api key"]) {
        ErrorClass::Auth
    } else if said.is(&unsupported)
        || said.param == "model"
        || said.mentions(&["not supported", "unsupported", "does not support"])
    {
        ErrorClass::Unsupported
    } else {
        ErrorClass::BadRequest
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(status: u16, error: Value, wanted: ErrorClass) {
        let body = json!({"error": error}).to_string();
        assert_eq!(refused(status, body.as_bytes(), None).error.class, wanted, "{status} {body}");
    }

    #[test]
    fn each_failure_has_its_class() {
        check(302, json!({}), ErrorClass::Malformed);
        check(400, json!({"message": "bad tool"}), ErrorClass::BadRequest);
        check(400, json!({"code": "context_length_exceeded"}), ErrorClass::ContextLength);
        check(400, json!({"message": "This model's maximum context length is 8192"}), ErrorClass::ContextLength);
        check(400, json!({"code": "content_filter"}), ErrorClass::Refusal);
        check(400, json!({"type": "invalid_request_error", "code": "content_policy_violation"}), ErrorClass::Refusal);
        check(400, json!({"code": "unsupported_parameter", "param": "temperature"}), ErrorClass::Unsupported);
        check(400, json!({"code": "invalid_value", "param": "model"}), ErrorClass::Unsupported);
        check(400, json!({"message": "Your credit balance is too low"}), ErrorClass::Quota);
        check(400, json!({"message": "API key not valid. Please pass a valid API key."}), ErrorClass::Auth);
        check(401, json!({}), ErrorClass::Auth);
        check(402, json!({}), ErrorClass::Quota);
        check(403, json!({}), ErrorClass::Auth);
        check(404, json!({"code": "model_not_found"}), ErrorClass::Unsupported);
        check(408, json!({}), ErrorClass::Timeout);
        check(413, json!({}), ErrorClass::ContextLength);
        check(422, json!({"message": "field required"}), ErrorClass::BadRequest);
        check(429, json!({"code": "rate_limit_exceeded"}), ErrorClass::RateLimit);
        check(429, json!({"code": "insufficient_quota"}), ErrorClass::Quota);
        check(429, json!({"type": "insufficient_quota"}), ErrorClass::Quota);
        for status in [500, 502, 503, 504, 529] {
            check(status, json!({"message": "maximum context length"}), ErrorClass::Overload);
        }
    }

    #[test]
    fn errors_of_compatible_servers_are_read_too() {
        for (body, wanted) in [
            (
                json!({"object": "error", "message": "maximum context length is 4096", "code": 400}),
                ErrorClass::ContextLength,
            ),
            (json!([{"error": {"code": 400, "message": "API key not valid"}}]), ErrorClass::Auth),
            (json!({"error": "model 'x' does not support tools"}), ErrorClass::Unsupported),
            (json!("nonsense"), ErrorClass::BadRequest),
        ] {
            assert_eq!(refused_with(400, &body, None).error.class, wanted, "{body}");
        }
        assert_eq!(refused(500, b"<html>", None).error.message, "HTTP status 500");
    }

    #[test]
    fn the_providers_words_are_not_repeated() {
        let body = json!({"error": {"message": "Incorrect API key provided: sk-secret", "code": "invalid_api_key", "param": "my secret plan"}});
        let failure = refused_with(401, &body, Some(7));
        assert_eq!(failure.error.message, "HTTP status 401, code invalid_api_key");
        assert_eq!((failure.error.http_status, failure.error.retry_after_ms), (Some(401), Some(7)));
    }

    #[test]
    fn only_a_gateways_timeout_may_have_been_billed() {
        for (status, billed) in
            [(400, Billed::No), (429, Billed::No), (500, Billed::No), (504, Billed::Perhaps), (408, Billed::Perhaps)]
        {
            assert_eq!(refused(status, b"{}", None).billed, billed, "{status}");
        }
    }
}
