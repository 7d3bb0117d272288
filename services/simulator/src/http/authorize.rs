//! Keys, each where its provider's clients send it.

use std::sync::atomic::Ordering;

use axum::http::HeaderMap;

use super::refusal::Refusal;
use crate::domain::dialect::{Dialect, Wrong};
use crate::provider::Provider;

pub(super) fn authorize(provider: &Provider, headers: &HeaderMap, dialect: Dialect) -> Result<(), Refusal> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let bearer = || text("authorization")?.strip_prefix("Bearer ");
    let key = match dialect {
        Dialect::OpenAi | Dialect::Responses => bearer(),
        Dialect::Azure => text("api-key").or_else(bearer),
        Dialect::Anthropic => text("x-api-key").or_else(bearer),
        Dialect::Gemini => text("x-goog-api-key"),
        Dialect::Bedrock => bearer().or_else(|| signer(text("authorization")?)),
    };
    if provider.accepts(key) {
        return Ok(());
    }
    provider.refused.unauthorized.fetch_add(1, Ordering::Relaxed);
    Err(Refusal { wrong: Wrong::Unauthorized, dialect })
}

/// The id of the key a request is signed with; the signature itself is not checked.
fn signer(authorization: &str) -> Option<&str> {
    let fields = authorization.strip_prefix("AWS4-HMAC-SHA256 ")?;
    fields.split(", ").find_map(|field| field.strip_prefix("Credential="))?.split('/').next()
}
