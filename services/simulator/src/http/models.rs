use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use serde_json::{Value, json};

use super::authorize::authorize;
use super::refusal::Refusal;
use crate::domain::dialect::Dialect;
use crate::provider::Provider;

/// `GET /v1/models`.
pub(super) async fn list(State(provider): State<Arc<Provider>>, headers: HeaderMap) -> Result<Json<Value>, Refusal> {
    authorize(&provider, &headers, Dialect::OpenAi)?;
    let entry = |name| json!({ "id": name, "object": "model", "created": 0, "owned_by": "simulator" });
    let data: Vec<Value> = provider.names().into_iter().map(entry).collect();
    Ok(Json(json!({ "object": "list", "data": data })))
}
