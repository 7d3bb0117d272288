//! HTTP routes. Nothing is decided here: a body becomes a message, a fact becomes an answer.

pub mod approvals;
pub mod cancel;
pub mod completions;
pub mod embeddings;
pub mod events;
pub mod feedback;
pub mod health;
pub mod messages;
pub mod models;
pub mod openapi;
pub mod responses;
pub mod run_search;
pub mod runs;
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
    http::{HeaderName, HeaderValue, Method, Uri},
    middleware,
    response::Response,
    routing::get,
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
        .api_route("/v1/tasks/{id}/cancel", post_with(cancel::cancel, cancel::document))
        .api_route(
            "/v1/runs",
            post_with(runs::submit, runs::document_submit).get_with(run_search::list, run_search::document),
        )
        .api_route("/v1/runs/{id}", get_with(runs::read, runs::document_read))
        .api_route("/v1/runs/{id}/cancel", post_with(runs::cancel, runs::document_cancel))
        .api_route("/v1/runs/{id}/pause", post_with(runs::pause, runs::document_pause))
        .api_route("/v1/runs/{id}/resume", post_with(runs::resume, runs::document_resume))
        .api_route("/v1/runs/{id}/retry", post_with(runs::retry, runs::document_retry))
        .api_route("/v1/runs/{id}/signals", post_with(runs::signal, runs::document_signal))
        .api_route("/v1/events", post_with(events::publish, events::document))
        .api_route("/v1/chat/completions", post_with(completions::complete, completions::document))
        .api_route("/v1/messages", post_with(messages::create, messages::document))
        .api_route("/v1/embeddings", post_with(embeddings::create, embeddings::document))
        .api_route("/v1/responses", post_with(responses::create, responses::document))
        .api_route("/v1/models", get_with(models::list, models::document))
        .api_route("/v1/models/{*id}", get_with(models::retrieve, models::document_retrieve))
        // A page for people, so no part of the document for programs.
        .route("/v1/approvals/{token}", get(approvals::show).post(approvals::decide))
        .api_route("/healthz", get_with(health::alive, health::document_alive))
        .api_route("/readyz", get_with(health::ready, health::document_ready))
        .finish_api_with(&mut document, openapi::finish)
        .fallback(no_such_path)
        .method_not_allowed_fallback(no_such_method);
    openapi::name_rests_of_paths(&mut document);
    (router, document)
}

async fn no_such_path(method: Method, uri: Uri) -> Response {
    let served = "chat completions, embeddings, events, messages, models, responses, runs and tasks are served";
    let text = match shape_of(uri.path()) {
        Shape::Openai | Shape::Anthropic => format!("{method} of this path is not served; {served}, see /openapi.json"),
        Shape::Problem => "there is no such path; see /openapi.json".to_owned(),
    };
    Fault::new(404, "invalid_request_error", "not_found", text).answer(shape_of(uri.path()))
}

async fn no_such_method(method: Method, uri: Uri) -> Response {
    let text = format!("this path has other methods than {method}; see /openapi.json");
    Fault::new(405, "invalid_request_error", "method_not_allowed", text).answer(shape_of(uri.path()))
}

/// The shape of errors on a path that is not served: below `/v1/` it is asked for by an OpenAI
/// client, unless it is about messages, which are Anthropic's, or tasks, runs and events, which are Neptune's own.
fn shape_of(path: &str) -> Shape {
    match path.strip_prefix("/v1/").and_then(|path| path.split('/').next()) {
        None | Some("tasks" | "runs" | "events") => Shape::Problem,
        Some("messages") => Shape::Anthropic,
        Some(_) => Shape::Openai,
    }
}

/// Adds the headers that explain a fact.
fn explain(response: &mut Response, finished: &TaskFinished) {
    for (name, value) in answer::headers(finished) {
        if let Ok(value) = HeaderValue::from_str(&value) {
            response.headers_mut().insert(HeaderName::from_static(name), value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn openai_clients_get_openais_shape() {
        for (path, shape) in [
            ("/v1/embeddings", Shape::Openai),
            ("/v1/models/gpt-4.1", Shape::Openai),
            ("/v1/tasksets", Shape::Openai),
            ("/v1/messages/count_tokens", Shape::Anthropic),
            ("/v1/tasks", Shape::Problem),
            ("/v1/runs/7/undo", Shape::Problem),
            ("/v1/tasks/7/undo", Shape::Problem),
            ("/v1", Shape::Problem),
            ("/v2/chat", Shape::Problem),
            ("/", Shape::Problem),
        ] {
            assert_eq!(shape_of(path), shape, "{path}");
        }
    }
}
