//! Reading a request: its headers and its body, within bounds.

use crate::{domain::hints, problem::Fault};
use axum::{
    body::{Body, Bytes},
    http::{HeaderMap, header},
};
use http_body_util::LengthLimitError;
use neptune_bus::Cause;
use neptune_contracts::topology::MAX_BODY_BYTES;
use std::{error::Error as _, time::Duration};

/// A body that takes longer to arrive is given up. At 32 MiB that is about 4.5 Mbit/s.
const BODY_TIMEOUT: Duration = Duration::from_secs(60);
/// The longest `Idempotency-Key`, in bytes.
const MAX_IDEMPOTENCY_KEY_BYTES: usize = 255;
/// A `traceparent` of version 00 has 55 characters; later versions may append to it.
const MAX_TRACE_PARENT_BYTES: usize = 128;
/// What W3C Trace Context asks receivers to take.
const MAX_TRACE_STATE_BYTES: usize = 512;

/// A header as text, when it is printable ASCII.
pub(crate) fn text<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// The `Idempotency-Key`.
///
/// # Errors
/// It is empty, too long or not printable.
pub(crate) fn idempotency_key(headers: &HeaderMap) -> Result<Option<&str>, Fault> {
    let Some(value) = headers.get("idempotency-key") else { return Ok(None) };
    let key = value.to_str().ok().filter(|key| (1..=MAX_IDEMPOTENCY_KEY_BYTES).contains(&key.len()));
    let wrong = || Fault::bad_request("Idempotency-Key", "not 1 to 255 printable ASCII characters", "send a UUID");
    key.map(Some).ok_or_else(wrong)
}

/// Checks that every header of ours is one of those that are `read`.
///
/// # Errors
/// Those that are not.
pub(crate) fn no_other_hints(headers: &HeaderMap, read: &[&str]) -> Result<(), Fault> {
    let unread = hints::unread(headers.keys().map(|name| name.as_str()), read);
    if unread.is_empty() { Ok(()) } else { Err(Fault::invalid(unread)) }
}

/// What caused a task: the caller's trace, when it sent one.
pub(crate) fn cause(headers: &HeaderMap) -> Cause {
    let short = |name, limit| text(headers, name).filter(|text| text.len() <= limit).map(str::to_owned);
    Cause::root().with_trace(short("traceparent", MAX_TRACE_PARENT_BYTES), short("tracestate", MAX_TRACE_STATE_BYTES))
}

/// The JSON body, unread.
///
/// # Errors
/// It is said not to be JSON, is larger than the limit, or does not arrive.
pub(crate) async fn json(headers: &HeaderMap, body: Body) -> Result<Bytes, Fault> {
    if text(headers, header::CONTENT_TYPE.as_str()).is_some_and(|kind| !is_json(kind)) {
        let text = "the body must be JSON; send Content-Type: application/json";
        return Err(Fault::new(415, "invalid_request_error", "unsupported_media_type", text));
    }
    let announced = text(headers, header::CONTENT_LENGTH.as_str()).and_then(|length| length.parse::<u64>().ok());
    if announced.is_some_and(|length| length > MAX_BODY_BYTES as u64) {
        return Err(too_large());
    }
    match tokio::time::timeout(BODY_TIMEOUT, axum::body::to_bytes(body, MAX_BODY_BYTES)).await {
        Ok(Ok(body)) => Ok(body),
        Ok(Err(error)) if error.source().is_some_and(|source| source.is::<LengthLimitError>()) => Err(too_large()),
        Ok(Err(_)) => Err(Fault::bad_request("(body)", "it ended before it was complete", "send it again")),
        Err(_) => {
            let text = format!("the body did not arrive within {} seconds", BODY_TIMEOUT.as_secs());
            Err(Fault::new(408, "invalid_request_error", "request_timeout", text))
        }
    }
}

fn too_large() -> Fault {
    let text = format!("the body is larger than the limit of {MAX_BODY_BYTES} bytes; send less, or references to it");
    Fault::new(413, "invalid_request_error", "too_large", text)
}

/// `application/json`, `application/problem+json` and the like, with or without parameters.
fn is_json(kind: &str) -> bool {
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    kind.strip_prefix("application/").is_some_and(|kind| kind == "json" || kind.ends_with("+json"))
}

#[cfg(test)]
mod tests {
    use super::is_json;

    #[test]
    fn json_is_recognised() {
        for (kind, wanted) in [
            ("application/json", true),
            ("Application/JSON; charset=utf-8", true),
            ("application/vnd.neptune+json", true),
            ("application/x-www-form-urlencoded", false),
            ("text/json", false),
            ("application/jsonp", false),
            ("", false),
        ] {
            assert_eq!(is_json(kind), wanted, "{kind}");
        }
    }
}
