//! Around every request: its id, its span, and the caller's trace.

use axum::{
    extract::{MatchedPath, Request},
    http::{HeaderMap, HeaderValue},
    middleware::Next,
    response::Response,
};
use opentelemetry::{global, propagation::Extractor};
use tracing::{Instrument as _, Span, field::Empty};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;
use uuid::Uuid;

/// The longest id taken over from a caller.
const MAX_ID_BYTES: usize = 128;

struct Carrier<'h>(&'h HeaderMap);

impl Extractor for Carrier<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).and_then(|value| value.to_str().ok())
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(axum::http::HeaderName::as_str).collect()
    }
}

/// Names every request, by the caller's `x-request-id` when it is sane, and runs it in a span that
/// continues the caller's trace. Bodies, keys and queries stay out of it.
pub(crate) async fn observe(request: Request, next: Next) -> Response {
    let id = request_id(request.headers());
    let span = span(&request, &id);
    if request.headers().contains_key("traceparent") {
        let parent = global::get_text_map_propagator(|propagator| propagator.extract(&Carrier(request.headers())));
        // A subscriber without OpenTelemetry has no context to set, which is no fault.
        let _unset = span.set_parent(parent);
    }
    let mut response = next.run(request).instrument(span.clone()).await;
    span.record("http.response.status_code", response.status().as_u16());
    if response.status().is_server_error() {
        span.record("otel.status_code", "ERROR");
    }
    response.headers_mut().insert("x-request-id", id);
    response
}

fn span(request: &Request, id: &HeaderValue) -> Span {
    let route = request.extensions().get::<MatchedPath>().map_or("unmatched", MatchedPath::as_str);
    if matches!(route, "/healthz" | "/readyz") {
        return Span::none();
    }
    tracing::info_span!(
        "http",
        otel.name = format_args!("{} {route}", request.method()),
        otel.kind = "server",
        otel.status_code = Empty,
        http.request.method = %request.method(),
        http.route = route,
        http.response.status_code = Empty,
        request.id = id.to_str().unwrap_or_default(),
        task.id = Empty,
    )
}

fn request_id(headers: &HeaderMap) -> HeaderValue {
    let is_sane =
        |id: &&HeaderValue| (1..=MAX_ID_BYTES).contains(&id.len()) && id.as_bytes().iter().all(u8::is_ascii_graphic);
    let given = headers.get("x-request-id").filter(is_sane).cloned();
    given.unwrap_or_else(|| {
        // A UUID is always a header value.
        HeaderValue::from_str(&Uuid::now_v7().to_string()).unwrap_or(HeaderValue::from_static("unnamed"))
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_sane_id_is_kept_and_any_other_replaced() {
        for (given, kept) in [("abc-1", true), ("", false), ("a b", false), (&"x".repeat(129), false)] {
            let mut headers = HeaderMap::new();
            headers.insert("x-request-id", HeaderValue::from_str(given).unwrap());
            let id = request_id(&headers);
            assert_eq!(id == given, kept, "{given}");
            assert!(kept || id.len() == 36, "{id:?}");
        }
        assert_ne!(request_id(&HeaderMap::new()), request_id(&HeaderMap::new()));
    }
}
