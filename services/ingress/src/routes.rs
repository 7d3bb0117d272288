//! HTTP routes. Nothing is decided here: a body becomes a message, a fact becomes an answer.

pub mod completions;
pub mod feedback;
pub mod health;
pub mod models;
pub mod openapi;
pub mod tasks;

use crate::{
    domain::answer,
    gate::Gate,
    observe::observe,
    problem::{Fault, Shape},
};
use aide::axum::{
    ApiRouter,
    routing::{get_with, post_with},
};
use axum::{
    Router,
    http::{HeaderName, HeaderValue},
    middleware,
    response::Response,
};
use neptune_contracts::finished::TaskFinished;

/// All routes.
pub fn router(gate: Gate) -> Router {
    let (router, document) = documented();
    router.merge(openapi::router(&document)).layer(middleware::from_fn(observe)).with_state(gate)
}

/// The routes and their document, which do not depend on a running system.
pub fn documented() -> (Router<Gate>, aide::openapi::OpenApi) {
    aide::generate::extract_schemas(true);
    let mut document = openapi::frame();
    let router = ApiRouter::new()
        .api_route("/v1/tasks", post_with(tasks::submit, tasks::document_submit))
        .api_route("/v1/tasks/{id}", get_with(tasks::read, tasks::document_read))
        .api_route("/v1/tasks/{id}/feedback", post_with(feedback::give, feedback::document))
        .api_route("/v1/chat/completions", post_with(completions::complete, completions::document))
        .api_route("/v1/models", get_with(models::list, models::document))
        .api_route("/healthz", get_with(health::alive, health::document_alive))
        .api_route("/readyz", get_with(health::ready, health::document_ready))
        .finish_api_with(&mut document, openapi::finish)
        .fallback(no_such_path)
        .method_not_allowed_fallback(no_such_method);
    (router, document)
}

async fn no_such_path() -> Response {
    Fault::new(404, "invalid_request_error", "not_found", "there is no such path; see /openapi.json")
        .answer(Shape::Problem)
}

async fn no_such_method() -> Response {
    let text = "this path has other methods; see /openapi.json";
    Fault::new(405, "invalid_request_error", "method_not_allowed", text).answer(Shape::Problem)
}

/// Adds the headers that explain a fact.
fn explain(response: &mut Response, finished: &TaskFinished) {
    for (name, value) in answer::headers(finished) {
        if let Ok(value) = HeaderValue::from_str(&value) {
            response.headers_mut().insert(HeaderName::from_static(name), value);
        }
    }
}
