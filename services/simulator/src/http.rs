//! The routes.

mod admin;
mod authorize;
mod batches;
mod completions;
mod embeddings;
mod models;
mod refusal;
mod reply;
mod streamed;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};

use crate::provider::Provider;

/// As large as Neptune's own requests may get.
const BODY_LIMIT: usize = 32 * 1024 * 1024;

pub(crate) fn router(provider: Arc<Provider>) -> Router {
    Router::new()
        .route("/v1/chat/completions", post(completions::openai))
        .route("/v1/responses", post(completions::responses))
        .route("/v1/messages", post(completions::anthropic))
        .route("/v1beta/models/{*call}", post(completions::gemini))
        .route("/v1/models/{*call}", post(completions::gemini))
        .route("/model/{*call}", post(completions::bedrock))
        .route("/openai/deployments/{*call}", post(completions::azure))
        .route("/v1/embeddings", post(embeddings::embed))
        .route("/v1/files", get(batches::files).post(batches::upload))
        .route("/v1/files/{id}/content", get(batches::content))
        .route("/v1/batches", get(batches::list_openai).post(batches::create_openai))
        .route("/v1/batches/{id}", get(batches::look_openai))
        .route("/v1/batches/{id}/cancel", post(batches::cancel_openai))
        .route("/v1/messages/batches", get(batches::list_anthropic).post(batches::create_anthropic))
        .route("/v1/messages/batches/{id}", get(batches::look_anthropic))
        .route("/v1/messages/batches/{id}/results", get(batches::results))
        .route("/v1/messages/batches/{id}/cancel", post(batches::cancel_anthropic))
        .route("/v1/models", get(models::list))
        .route("/admin/models", get(admin::models))
        .route("/admin/models/{*name}", get(admin::model).put(admin::put_model).delete(admin::delete_model))
        .route("/admin/account", get(admin::account))
        .route("/admin/calls", get(admin::calls))
        .route("/admin/reset", post(admin::reset))
        .route("/healthz", get(|| async { "ok\n" }))
        .fallback(refusal::no_route)
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .with_state(provider)
}
