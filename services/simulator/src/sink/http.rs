//! The sink's routes.

use std::io;
use std::sync::Arc;
use std::time::SystemTime;

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::json;

use super::hooks::{self, Hook};
use super::mails::Mail;
use super::store::{Status, Store};

const BODY_LIMIT: usize = 4 * 1024 * 1024;

/// `503`, or `{"status": 503, "times": 2}`.
#[derive(Deserialize)]
#[serde(untagged)]
enum Wanted {
    Code(u16),
    Times(WantedTimes),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WantedTimes {
    status: u16,
    #[serde(default)]
    times: Option<u64>,
}

/// The store failed, or is full.
struct Failure(io::Error);

pub(super) fn router(store: Arc<Store>) -> Router {
    Router::new()
        .route("/hook/{name}", post(take_hook))
        .route("/hook/{name}/status", put(set_status))
        .route("/hooks", get(list_hooks))
        .route("/mails", get(list_mails))
        .route("/reset", post(reset))
        .route("/healthz", get(|| async { "ok\n" }))
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .with_state(store)
}

async fn take_hook(
    State(store): State<Arc<Store>>,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Failure> {
    let status = store.take_status(&name).unwrap_or(200);
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let mut hook = Hook {
        number: 0,
        name,
        received_at_unix_ms: u64::try_from(since.as_millis()).unwrap_or(u64::MAX),
        status,
        headers: hooks::headers(&headers),
        body: String::from_utf8_lossy(&body).into_owned(),
    };
    let stored = store.hooks.add(|number| {
        hook.number = number;
        json!(hook).to_string().into_bytes()
    });
    let number = stored.await.map_err(Failure)?;
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    Ok((status, Json(json!({ "number": number }))).into_response())
}

async fn set_status(
    State(store): State<Arc<Store>>,
    Path(name): Path<String>,
    Json(wanted): Json<Wanted>,
) -> Result<StatusCode, (StatusCode, &'static str)> {
    let (code, times) = match wanted {
        Wanted::Code(code) => (code, None),
        Wanted::Times(wanted) => (wanted.status, wanted.times),
    };
    // Informational statuses would leave the client waiting for the real one.
    if !(200..=599).contains(&code) || times == Some(0) {
        return Err((StatusCode::BAD_REQUEST, "a status is between 200 and 599, and times at least 1\n"));
    }
    store.set_status(&name, Status { code, times });
    Ok(StatusCode::NO_CONTENT)
}

async fn list_hooks(State(store): State<Arc<Store>>) -> Result<Json<Vec<Hook>>, Failure> {
    let stored = store.hooks.all().await.map_err(Failure)?;
    let hooks: Result<Vec<Hook>, _> = stored.iter().map(|hook| serde_json::from_slice(&hook.content)).collect();
    Ok(Json(hooks.map_err(|error| Failure(error.into()))?))
}

async fn list_mails(State(store): State<Arc<Store>>) -> Result<Json<Vec<Mail>>, Failure> {
    let stored = store.mails.all().await.map_err(Failure)?;
    Ok(Json(stored.into_iter().map(Mail::read).collect()))
}

async fn reset(State(store): State<Arc<Store>>) -> Result<StatusCode, Failure> {
    store.reset().await.map_err(Failure)?;
    Ok(StatusCode::NO_CONTENT)
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        if self.0.kind() == io::ErrorKind::QuotaExceeded {
            return (StatusCode::INSUFFICIENT_STORAGE, "the sink is full\n").into_response();
        }
        tracing::error!(error = %self.0, "the directory cannot be used");
        StatusCode::INTERNAL_SERVER_ERROR.into_response()
    }
}
