use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use serde_json::{Value, json};

use super::refusal::Refusal;
use crate::provider::Provider;

/// `GET /v1/models`.
pub(super) async fn list(State(provider): State<Arc<Provider>>, headers: HeaderMap) -> Result<Json<Value>, Refusal> {
    authorize(&provider, &headers)?;
    let entry = |name| json!({ "id": name, "object": "model", "created": 0, "owned_by": "simulator" });
    let data: Vec<Value> = provider.names().into_iter().map(entry).collect();
    Ok(Json(json!({ "object": "list", "data": data })))
}

pub(super) fn authorize(provider: &Provider, headers: &HeaderMap) -> Result<(), Refusal> {
    if provider.accepts(headers.get(AUTHORIZATION).map(|value| value.as_bytes())) {
        return Ok(());
    }
    provider.refused.unauthorized.fetch_add(1, Ordering::Relaxed);
    Err(Refusal::unauthorized())
}
