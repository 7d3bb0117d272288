//! `GET /openapi.json`: the document, from the routes themselves.

use aide::openapi::{Info, OpenApi};
use axum::{Extension, Json};
use std::sync::Arc;

/// The document without its routes.
#[must_use]
pub fn frame() -> OpenApi {
    let description = "One door to all models: routed, governed, metered. OpenAI's clients work against /v1 with an `npt_…` key.";
    let info = Info { title: "Neptune".into(), version: env!("CARGO_PKG_VERSION").into(), description: Some(description.into()), ..Info::default() };
    OpenApi { info, ..OpenApi::default() }
}

/// Serves the document.
pub async fn serve(Extension(document): Extension<Arc<OpenApi>>) -> Json<OpenApi> {
    Json(OpenApi::clone(&document))
}
