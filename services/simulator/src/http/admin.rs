//! How tests and demos steer the simulator and read its account.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use serde::Deserialize;

use super::refusal::Refusal;
use crate::account::Call;
use crate::domain::behaviour::Behaviour;
use crate::provider::{Accounts, Provider};

const CALLS_LIMIT: usize = 100;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CallsQuery {
    limit: Option<usize>,
}

/// `GET /admin/models`: every model's behaviour.
pub(super) async fn models(State(provider): State<Arc<Provider>>) -> Json<BTreeMap<String, Behaviour>> {
    let shown = |name: String| provider.model(&name).map(|model| (name, model.shown()));
    Json(provider.names().into_iter().filter_map(shown).collect())
}

/// `GET /admin/models/{name}`; `failNext` is what is left of it.
pub(super) async fn model(
    State(provider): State<Arc<Provider>>,
    Path(name): Path<String>,
) -> Result<Json<Behaviour>, Refusal> {
    let model = provider.model(&name).ok_or_else(|| Refusal::unknown_model(&name))?;
    Ok(Json(model.shown()))
}

/// `PUT /admin/models/{name}`: the whole behaviour; what is left out has its default again.
pub(super) async fn put_model(
    State(provider): State<Arc<Provider>>,
    Path(name): Path<String>,
    body: Bytes,
) -> Result<Json<Behaviour>, Refusal> {
    let behaviour: Behaviour =
        serde_json::from_slice(&body).map_err(|error| Refusal::invalid(format!("This is no behaviour: {error}")))?;
    behaviour.check().map_err(|error| Refusal::invalid(format!("This behaviour makes no sense: {error}")))?;
    if let Some(model) = behaviour.replays.as_deref().filter(|model| !provider.outcomes.knows(model)) {
        let text = format!("This behaviour makes no sense: replays names {model:?}, of which no outcome is known.");
        return Err(Refusal::invalid(text));
    }
    provider.put(&name, &behaviour);
    Ok(Json(behaviour))
}

/// `DELETE /admin/models/{name}`: the model is unknown afterwards, unless there is a default behaviour.
pub(super) async fn delete_model(
    State(provider): State<Arc<Provider>>,
    Path(name): Path<String>,
) -> Result<StatusCode, Refusal> {
    if provider.remove(&name) { Ok(StatusCode::NO_CONTENT) } else { Err(Refusal::unknown_model(&name)) }
}

/// `GET /admin/account`.
pub(super) async fn account(State(provider): State<Arc<Provider>>) -> Json<Accounts> {
    Json(provider.accounts())
}

/// `GET /admin/calls?limit=N`: the last calls that ended, oldest first.
pub(super) async fn calls(State(provider): State<Arc<Provider>>, Query(query): Query<CallsQuery>) -> Json<Vec<Call>> {
    Json(provider.calls.last(query.limit.unwrap_or(CALLS_LIMIT)))
}

/// `POST /admin/reset`.
pub(super) async fn reset(State(provider): State<Arc<Provider>>) -> StatusCode {
    provider.reset();
    StatusCode::NO_CONTENT
}
