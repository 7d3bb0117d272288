//! `GET /v1/models`: what the key's team may name as a model.

use super::caller;
use crate::{
    Door,
    problem::{Fault, Shape},
};
use aide::transform::TransformOperation;
use axum::{
    Json,
    extract::State,
    http::HeaderMap,
    response::{IntoResponse as _, Response},
};
use neptune_contracts::resource::Resources;
use schemars::JsonSchema;
use serde::Serialize;

const BUILT_IN: [&str; 4] = ["auto", "auto:cheap", "auto:fast", "auto:best"];

/// A list in OpenAI's shape.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ModelList {
    /// `list`.
    pub object: &'static str,
    /// The models and routes.
    pub data: Vec<ModelEntry>,
}

/// A model or route.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ModelEntry {
    /// What to send as `model`.
    pub id: String,
    /// `model`.
    pub object: &'static str,
    /// 0: Neptune does not know when a provider made its model.
    pub created: u64,
    /// The provider prefix of the name, or `neptune` for routes.
    pub owned_by: String,
}

/// `GET /v1/models`.
pub async fn list(State(door): State<Door>, headers: HeaderMap) -> Response {
    match caller(&door, &headers) {
        Ok(caller) => Json(models(&door.resources.borrow(), caller.team.as_str())).into_response(),
        Err(fault) => Fault::answer(fault, Shape::Openai),
    }
}

fn models(resources: &Resources, team: &str) -> ModelList {
    let grants = |name: &str| {
        let patterns = resources.teams.get(team).map(|team| team.models.as_slice()).unwrap_or_default();
        patterns.iter().any(|pattern| pattern.strip_suffix('*').map_or(pattern == name, |prefix| name.starts_with(prefix)))
    };
    let entry = |id: &str, owned_by: &str| ModelEntry { id: id.into(), object: "model", created: 0, owned_by: owned_by.into() };
    let routes = BUILT_IN.into_iter().chain(resources.routes.keys().map(String::as_str)).map(|name| entry(name, "neptune"));
    let models = resources.models.iter().filter(|(name, model)| !model.disabled && grants(name));
    let models = models.map(|(name, _)| entry(name, name.split_once('/').map_or("neptune", |(owner, _)| owner)));
    ModelList { object: "list", data: routes.chain(models).collect() }
}

pub(super) fn document(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    operation
        .summary("List models and routes")
        .response_with::<200, Json<ModelList>, _>(|answer| answer.description("Models the team may use, and routes."))
}
