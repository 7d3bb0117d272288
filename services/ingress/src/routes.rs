//! HTTP routes. Nothing is decided here: a body becomes a message, a fact becomes an answer.

pub mod completions;
pub mod health;
pub mod models;
pub mod openapi;
pub mod tasks;

use crate::{
    Door,
    domain::keys::Caller,
    problem::{Fault, Shape},
};
use aide::{
    OperationInput,
    axum::{ApiRouter, routing::get_with, routing::post_with},
};
use axum::{
    Extension, Router,
    body::{Body, Bytes},
    extract::{DefaultBodyLimit, FromRequest, rejection::BytesRejection},
    http::{HeaderMap, HeaderValue, Request, header},
    middleware::{self, Next},
    response::Response,
};
use neptune_bus::Cause;
use neptune_contracts::{Timestamp, resource::KeyRole, topology::MAX_BODY_BYTES};
use std::{convert::Infallible, sync::Arc};
use uuid::Uuid;

/// All routes.
pub fn router(door: Door) -> Router {
    let (router, document) = documented();
    router.layer(Extension(Arc::new(document))).with_state(door)
}

/// The routes and their document, which do not depend on a running system.
pub fn documented() -> (Router<Door>, aide::openapi::OpenApi) {
    aide::generate::extract_schemas(true);
    let mut document = openapi::frame();
    let router = ApiRouter::new()
        .api_route("/v1/tasks", post_with(tasks::submit, tasks::document_submit))
        .api_route("/v1/tasks/{id}", get_with(tasks::read, tasks::document_read))
        .api_route("/v1/chat/completions", post_with(completions::complete, completions::document))
        .api_route("/v1/models", get_with(models::list, models::document))
        .api_route("/healthz", get_with(health::alive, health::document_alive))
        .api_route("/readyz", get_with(health::ready, health::document_ready))
        .route("/openapi.json", axum::routing::get(openapi::serve))
        .finish_api(&mut document)
        .fallback(|| async { Fault::new(404, "invalid_request_error", "not_found", "there is no such path; see /openapi.json").answer(Shape::Problem) })
        .method_not_allowed_fallback(|| async { Fault::new(405, "invalid_request_error", "method_not_allowed", "this path has other methods; see /openapi.json").answer(Shape::Problem) })
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .layer(middleware::from_fn(request_id));
    (router, document)
}

/// Names every request: by the caller's `x-request-id` when it is sane, else by a new one.
async fn request_id(request: Request<Body>, next: Next) -> Response {
    let given = request.headers().get("x-request-id").filter(|id| id.len() <= 128 && id.to_str().is_ok()).cloned();
    let mut response = next.run(request).await;
    let id = given.or_else(|| HeaderValue::from_str(&Uuid::now_v7().to_string()).ok());
    if let Some(id) = id {
        response.headers_mut().insert("x-request-id", id);
    }
    response
}

/// Who calls.
fn caller(door: &Door, headers: &HeaderMap) -> Result<Caller, Fault> {
    let authorization = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let resources = door.resources.borrow();
    Ok(door.keys.caller(authorization, &resources, Timestamp::now())?)
}

/// Who calls, when it may submit.
fn submitter(door: &Door, headers: &HeaderMap) -> Result<Caller, Fault> {
    let caller = caller(door, headers)?;
    if caller.role == KeyRole::Admin {
        return Err(Fault::new(403, "permission_error", "key_not_valid", "an admin key cannot call models; use a caller key"));
    }
    Ok(caller)
}

fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
}

/// The `Idempotency-Key`, 1 to 255 characters.
fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Fault> {
    let key = text(headers, "idempotency-key");
    if key.as_ref().is_some_and(|key| key.is_empty() || key.len() > 255) {
        return Err(Fault::new(400, "invalid_request_error", "invalid_request", "Idempotency-Key must have 1 to 255 characters"));
    }
    Ok(key)
}

/// A body that may be too large or broken, which the route answers in its own shape.
pub struct RawBody(Result<Bytes, BytesRejection>);

impl<S: Send + Sync> FromRequest<S> for RawBody {
    type Rejection = Infallible;

    async fn from_request(request: Request<Body>, state: &S) -> Result<Self, Infallible> {
        Ok(Self(Bytes::from_request(request, state).await))
    }
}

impl OperationInput for RawBody {}

/// A JSON body within the limit.
fn json_body(headers: &HeaderMap, body: RawBody) -> Result<Bytes, Fault> {
    let kind = text(headers, "content-type").unwrap_or_default();
    if !kind.is_empty() && !kind.contains("json") {
        return Err(Fault::new(415, "invalid_request_error", "unsupported_media_type", "send Content-Type: application/json"));
    }
    body.0.map_err(|rejection| {
        let limit = MAX_BODY_BYTES;
        match rejection.status().as_u16() {
            413 => Fault::new(413, "invalid_request_error", "too_large", format!("the body is larger than the limit of {limit} bytes")),
            status => Fault::new(status, "invalid_request_error", "invalid_request", rejection.body_text()),
        }
    })
}

/// What caused the task, with the caller's trace.
fn cause(headers: &HeaderMap) -> Cause {
    Cause::root().with_trace(text(headers, "traceparent"), text(headers, "tracestate"))
}
