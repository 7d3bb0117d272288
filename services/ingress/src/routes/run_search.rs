//! `GET /v1/runs`: runs by workflow, state, team, time and tag.

use super::openapi;
use crate::{
    domain::run_search::search,
    gate::Gate,
    problem::{Fault, Shape},
};
use aide::transform::TransformOperation;
use axum::{
    Json,
    extract::{Query, State},
    http::{HeaderMap, StatusCode, Uri},
    response::{IntoResponse as _, Response},
};
use neptune_bus::RequestError;
use neptune_contracts::query::runs::RunsReport;
use schemars::JsonSchema;
use serde::Serialize;

/// Which runs.
#[derive(Debug, JsonSchema, Serialize)]
pub struct Search {
    /// Only of this workflow: `namespace/name` for all its versions, or `namespace/name:version`.
    workflow: Option<String>,
    /// Only in this state, or one of several that commas separate: `queued`, `running`, `paused`, `compensating`,
    /// `completed`, `faulted`, `cancelled`, `timed_out`, `budget_exhausted`, `rejected`.
    state: Option<String>,
    /// Only of this team; others than the caller's own are for admin keys.
    team: Option<String>,
    /// Only submitted at this time or later, RFC 3339.
    since: Option<String>,
    /// Only submitted before this time.
    until: Option<String>,
    /// Only with this tag, or all of several that commas separate.
    tag: Option<String>,
    /// Most runs of the page; 50 when absent.
    #[schemars(range(min = 1, max = 500))]
    limit: Option<u32>,
    /// The `next` of the page before.
    cursor: Option<String>,
    /// Whether what all runs that are searched for cost is told by workflow.
    totals: Option<bool>,
}

/// `GET /v1/runs`.
pub async fn list(State(gate): State<Gate>, uri: Uri, headers: HeaderMap) -> Response {
    match list_runs(&gate, &uri, &headers).await {
        Ok(report) => (StatusCode::OK, Json(report)).into_response(),
        Err(fault) => fault.answer(Shape::Problem),
    }
}

async fn list_runs(gate: &Gate, uri: &Uri, headers: &HeaderMap) -> Result<RunsReport, Fault> {
    let door = gate.door()?;
    let caller = door.caller(headers)?;
    let read = Query::<Vec<(String, String)>>::try_from_uri(uri);
    let Query(pairs) = read.map_err(|_| Fault::bad_request("(query)", "not readable", "give name=value pairs"))?;
    let query = search(&pairs, &caller).map_err(Fault::invalid)?;
    door.bus.request(&query).await.map_err(|error| match error {
        RequestError::Refused(refused) if refused.code == "invalid_request" => {
            Fault::bad_request("(query)", &refused.message, "see /openapi.json")
        }
        error => {
            tracing::debug!(error = &error as &dyn std::error::Error, "runs cannot be searched");
            Fault::unavailable(
                "ledger_unavailable",
                "runs cannot be searched right now; ask again, or read one by its id",
            )
        }
    })
}

pub(super) fn document(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    operation
        .id("listRuns")
        .summary("Search runs")
        .description(
            "Runs from the ledger, the newest submit first, each with its state and cost; the cost of a run has that of \
             the runs that are its steps. A run is found within a second of its beginning. An admin key sees the runs of \
             every team. `next` of a page is the `cursor` of the next.",
        )
        .input::<Query<Search>>()
        .response_with::<200, Json<RunsReport>, _>(|answer| answer.description("A page of runs."))
        .default_response_with::<openapi::ProblemJson, _>(|answer| answer.description("An RFC 9457 problem."))
        .security_requirement(openapi::API_KEY)
}
