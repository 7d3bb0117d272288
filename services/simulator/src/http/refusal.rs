//! Errors in the shape that the caller's provider has.

use axum::Json;
use axum::http::HeaderValue;
use axum::http::StatusCode;
use axum::http::header::RETRY_AFTER;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::domain::dialect::{Dialect, Wrong};

/// An answer that is an error.
pub(super) struct Refusal {
    pub(super) wrong: Wrong,
    pub(super) dialect: Dialect,
}

impl Refusal {
    /// To a client that speaks OpenAI's format.
    pub(super) fn new(wrong: Wrong) -> Self {
        Self { wrong, dialect: Dialect::OpenAi }
    }

    pub(super) fn unknown_model(name: &str) -> Self {
        Self::new(Wrong::UnknownModel(name.to_owned()))
    }

    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self::new(Wrong::Invalid(message.into()))
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.wrong.status(self.dialect)).unwrap_or(StatusCode::BAD_REQUEST);
        let (body, kind) = self.wrong.body(self.dialect);
        let mut response = (status, Json(body)).into_response();
        let headers = response.headers_mut();
        if let Some(kind) = kind {
            headers.insert("x-amzn-errortype", HeaderValue::from_static(kind));
        }
        // Google says it in the body.
        if let (Wrong::RateLimit(wait_ms), true) = (&self.wrong, self.dialect != Dialect::Gemini) {
            headers.insert(RETRY_AFTER, HeaderValue::from(wait_ms.div_ceil(1_000)));
            if matches!(self.dialect, Dialect::OpenAi | Dialect::Azure | Dialect::Responses) {
                headers.insert("retry-after-ms", HeaderValue::from(*wait_ms));
            }
        }
        response
    }
}

pub(super) async fn no_route() -> Response {
    let error = json!({
        "message": "There is no such route.", "type": "invalid_request_error", "param": null, "code": "unknown_url",
    });
    (StatusCode::NOT_FOUND, Json(json!({ "error": error }))).into_response()
}
