//! `/v1/runs`: submit a run, see how it goes, and tell it something.

use super::openapi;
use crate::{
    domain::{
        approval, json,
        keys::Caller,
        run::{self, CancelRequest, RunRequest, SignalRequest},
        wait,
    },
    gate::{Door, Gate},
    problem::{Fault, Shape},
    receive,
};
use aide::transform::TransformOperation;
use axum::{
    Json,
    body::Body,
    extract::{Path, Query, Request, State},
    http::{HeaderMap, StatusCode, Uri, header, request::Parts},
    response::{IntoResponse as _, Response},
};
use neptune_bus::{Cause, Published, RequestError};
use neptune_contracts::{
    Timestamp,
    ids::RunId,
    problem::Problem,
    query::run::{RunQuery, RunView},
    resource::{KeyRole, Resources},
    run::{RunSubmitted, input::RunWish},
};
use schemars::JsonSchema;
use serde::Serialize;
use std::{sync::Arc, time::Duration};
use tokio::time::Instant;
use uuid::Uuid;

/// Whoever waits looks for the end at first after this time, and then at twice the time, up to [`LAST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(20);
/// The longest pause between two looks.
const LAST_PAUSE: Duration = Duration::from_millis(500);

/// A run that somebody else asked for at the same time begins within this time.
const APPEARS: Duration = Duration::from_secs(10);

/// Whether to wait.
#[derive(Debug, JsonSchema, Serialize)]
pub struct Wait {
    /// Wait this many seconds for the run to end.
    #[schemars(range(min = 1, max = 600))]
    wait: Option<u64>,
}

/// Which run.
#[derive(Debug, JsonSchema, Serialize)]
pub struct Which {
    /// The id that the submit answered.
    id: RunId,
}

/// A run was stored.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Begun {
    /// Its id.
    id: RunId,
    /// Where it can be followed.
    status_url: String,
}

/// Something was stored for a run.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Told {
    /// The run.
    id: RunId,
    /// The id of what was said.
    input: String,
    /// Whether nothing had come under that id before.
    is_new: bool,
}

/// `POST /v1/runs`.
pub async fn submit(State(gate): State<Gate>, request: Request) -> Response {
    match submit_run(&gate, request).await {
        Ok((_, Some(view))) => match run::turned_away(&view) {
            Some(why) => Fault::new(409, "invalid_request_error", "concurrency_limit", why).answer(Shape::Problem),
            None => (StatusCode::OK, Json(view)).into_response(),
        },
        Ok((id, None)) => accepted(id),
        Err(fault) => fault.answer(Shape::Problem),
    }
}

fn accepted(id: RunId) -> Response {
    let status_url = format!("/v1/runs/{id}");
    (StatusCode::ACCEPTED, [(header::LOCATION, status_url.clone())], Json(Begun { id, status_url })).into_response()
}

async fn submit_run(gate: &Gate, request: Request) -> Result<(RunId, Option<RunView>), Fault> {
    let door = gate.door()?;
    let (head, body) = request.into_parts();
    let caller = door.submitter(&head.headers)?;
    let deadline = wait_time(&head.uri)?.map(|wait| Instant::now() + wait);
    receive::no_other_hints(&head.headers, &[])?;
    let header = receive::idempotency_key(&head.headers)?;
    let body = receive::json(&head.headers, body).await?;
    let resources = door.resources.borrow().clone();
    let mut submitted =
        run::run(&body, &caller, &resources, |name, document| door.definitions.schema_of_input(name, document))
            .map_err(Fault::invalid)?;
    check_team(&submitted, &caller, &resources)?;
    take_key(&mut submitted, header)?;
    let own_key = own_key(door, &submitted, &resources).await?;
    let key = own_key.as_ref().or(submitted.idempotency_key.as_ref());
    let id = key.map_or_else(RunId::mint, |key| RunId::of_key(&caller.team, &submitted.workflow, key));
    submitted.id = Some(id);
    let known = match key {
        Some(_) => store_once(door, &caller, &submitted, receive::cause(&head.headers)).await?,
        None => store(door, &submitted, receive::cause(&head.headers)).await.map(|_| None)?,
    };
    let Some(deadline) = deadline else { return Ok((id, known.filter(|view| view.ended_at.is_some()))) };
    Ok((id, wait_for(door, &caller, id, deadline).await))
}

/// A workflow that names a team is run with that team's keys alone.
fn check_team(submitted: &RunSubmitted, caller: &Caller, resources: &Resources) -> Result<(), Fault> {
    match run::team_of(&submitted.workflow, resources) {
        Some(own) if own != caller.team.as_str() => {
            let text = format!(
                "the workflow {} is the team {own}'s (metadata.neptune.team), and this key is of {}; use a key of {own}",
                submitted.workflow, caller.team
            );
            Err(Fault::new(403, "permission_error", "workflow_of_another_team", text))
        }
        _ => Ok(()),
    }
}

/// The key may stand in the header or in the body.
fn take_key(submitted: &mut RunSubmitted, header: Option<&str>) -> Result<(), Fault> {
    match (header, &submitted.idempotency_key) {
        (Some(header), Some(own)) if header != own => {
            Err(Fault::bad_request("idempotency_key", "differs from the header Idempotency-Key", "send one of them"))
        }
        (Some(header), None) => {
            submitted.idempotency_key = Some(header.to_owned());
            Ok(())
        }
        _ => Ok(()),
    }
}

/// The key that the workflow makes of the input: by an expression, which may take its time.
async fn own_key(door: &Door, submitted: &RunSubmitted, resources: &Arc<Resources>) -> Result<Option<String>, Fault> {
    if run::makes_keys(&submitted.workflow, resources).is_none() {
        return Ok(None);
    }
    let (definitions, resources) = (Arc::clone(&door.definitions), Arc::clone(resources));
    let (workflow, input) = (submitted.workflow.clone(), submitted.input.clone());
    let making = move || {
        let found = run::makes_keys(&workflow, &resources);
        let definition = found.and_then(|(name, document)| definitions.of(name, document));
        definition.map_or(Ok(None), |definition| run::own_key(&definition, &input))
    };
    let made = tokio::task::spawn_blocking(making).await;
    let crashed = |_| Fault::unavailable("runs_unavailable", "the key of the run could not be made; send it again");
    made.map_err(crashed)?.map_err(Fault::invalid)
}

/// Stores a run whose key may have been used before, and returns how the run of that key goes if it was.
async fn store_once(
    door: &Door,
    caller: &Caller,
    submitted: &RunSubmitted,
    cause: Cause,
) -> Result<Option<RunView>, Fault> {
    let id = submitted.id.unwrap_or_else(RunId::mint);
    let mut view = known(door, caller, id).await?;
    if view.is_none() && store(door, submitted, cause).await?.duplicate {
        // Somebody asked for it at the same time; what for is seen when it begins.
        view = Some(appears(door, caller, id).await?);
    }
    if let Some(view) = &view {
        check_repeat(submitted, view)?;
    }
    Ok(view)
}

/// How a run goes that was stored and must be about to begin.
async fn appears(door: &Door, caller: &Caller, id: RunId) -> Result<RunView, Fault> {
    let (deadline, mut pause) = (Instant::now() + APPEARS, FIRST_PAUSE);
    while Instant::now() < deadline {
        if let Some(view) = known(door, caller, id).await? {
            return Ok(view);
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LAST_PAUSE);
    }
    let text = "the run of this Idempotency-Key was stored and did not begin yet; send it again";
    Err(Fault::unavailable("run_not_begun", text))
}

async fn store(door: &Door, submitted: &RunSubmitted, cause: Cause) -> Result<Published, Fault> {
    let published = door.bus.publish(submitted, &cause).await;
    if !published.as_ref().is_err_and(neptune_bus::PublishError::is_full) {
        door.refused.saw(&published);
    }
    published.map_err(|error| Fault::from(&error))
}

fn check_repeat(submitted: &RunSubmitted, view: &RunView) -> Result<(), Fault> {
    let differences = run::differences(submitted, view);
    if differences.is_empty() {
        return Ok(());
    }
    let remedy = "repeat it unchanged, or choose a new key";
    let problem = |part: &&str| Problem::new(*part, "differs from the first request of this Idempotency-Key", remedy);
    let text = format!("a run of this Idempotency-Key had another {}; {remedy}", differences.join(", "));
    let fault = Fault::new(422, "invalid_request_error", "idempotency_key_reused", text);
    Err(fault.with_problems(differences.iter().map(problem).collect()))
}

/// How a run goes; nothing when there is none.
async fn known(door: &Door, caller: &Caller, id: RunId) -> Result<Option<RunView>, Fault> {
    let team = (caller.role == KeyRole::Caller).then(|| caller.team.clone());
    match door.bus.request(&RunQuery { id, team }).await {
        Ok(view) => Ok(Some(view)),
        Err(RequestError::Refused(refused)) if refused.code == "not_found" => Ok(None),
        Err(error) => {
            tracing::debug!(run.id = %id, error = &error as &dyn std::error::Error, "a run cannot be read");
            Err(Fault::unavailable("runs_unavailable", "runs cannot be read right now; ask again"))
        }
    }
}

/// The run when it has ended by the deadline.
async fn wait_for(door: &Door, caller: &Caller, id: RunId, deadline: Instant) -> Option<RunView> {
    let ended = async {
        let mut pause = FIRST_PAUSE;
        loop {
            // While the broker or the executor is away there is nothing to do but to ask again.
            if let Ok(Some(_)) = door.bus.run_result(&caller.team, id).await
                && let Ok(Some(view)) = known(door, caller, id).await
                && view.ended_at.is_some()
            {
                return view;
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LAST_PAUSE);
        }
    };
    tokio::select! {
        view = ended => Some(view),
        () = tokio::time::sleep_until(deadline) => None,
        () = door.closing.cancelled() => None,
    }
}

fn wait_time(uri: &Uri) -> Result<Option<Duration>, Fault> {
    let read = Query::<Vec<(String, String)>>::try_from_uri(uri);
    let Query(pairs) = read.map_err(|_| Fault::bad_request("(query)", "not readable", "give ?wait=SECONDS or none"))?;
    let wait = wait::seconds(&pairs).map_err(|problem| Fault::invalid(vec![problem]))?;
    Ok(wait.map(Duration::from_secs))
}

/// `GET /v1/runs/{id}`.
pub async fn read(State(gate): State<Gate>, Path(id): Path<String>, headers: HeaderMap) -> Response {
    match read_run(&gate, &id, &headers).await {
        Ok(view) => (StatusCode::OK, Json(view)).into_response(),
        Err(fault) => fault.answer(Shape::Problem),
    }
}

async fn read_run(gate: &Gate, id: &str, headers: &HeaderMap) -> Result<RunView, Fault> {
    let door = gate.door()?;
    let caller = door.caller(headers)?;
    existing(door, &caller, parse(id)?).await
}

fn parse(id: &str) -> Result<RunId, Fault> {
    id.parse().map_err(|_| Fault::bad_request("id", "not a UUID", "use the id that the submit answered"))
}

async fn existing(door: &Door, caller: &Caller, id: RunId) -> Result<RunView, Fault> {
    let unknown = || {
        let text = "no run has this id: it was never submitted, is about to begin, or its log is gone";
        Fault::new(404, "invalid_request_error", "unknown_run", text)
    };
    known(door, caller, id).await?.ok_or_else(unknown)
}

/// `POST /v1/runs/{id}/cancel`.
pub async fn cancel(State(gate): State<Gate>, Path(id): Path<String>, request: Request) -> Response {
    let wish = async |head: &Parts, body| {
        let CancelRequest { reason } = optional(head, body).await?;
        Ok(RunWish::Cancel { reason })
    };
    tell(&gate, &id, request, wish).await
}

/// `POST /v1/runs/{id}/pause`.
pub async fn pause(State(gate): State<Gate>, Path(id): Path<String>, request: Request) -> Response {
    tell(&gate, &id, request, async |_, _| Ok(RunWish::Pause)).await
}

/// `POST /v1/runs/{id}/resume`.
pub async fn resume(State(gate): State<Gate>, Path(id): Path<String>, request: Request) -> Response {
    tell(&gate, &id, request, async |_, _| Ok(RunWish::Resume)).await
}

/// `POST /v1/runs/{id}/retry`.
pub async fn retry(State(gate): State<Gate>, Path(id): Path<String>, request: Request) -> Response {
    tell(&gate, &id, request, async |_, _| Ok(RunWish::Retry)).await
}

/// `POST /v1/runs/{id}/signals`.
pub async fn signal(State(gate): State<Gate>, Path(id): Path<String>, request: Request) -> Response {
    tell(&gate, &id, request, async |head: &Parts, body| {
        let body = receive::json(&head.headers, body).await?;
        let signal: SignalRequest = json::read_strict(&body, &[]).map_err(Fault::invalid)?;
        let event = serde_json::to_value(signal).unwrap_or_default();
        Ok(RunWish::Signal { event })
    })
    .await
}

/// A body that may be left out.
async fn optional(head: &Parts, body: Body) -> Result<CancelRequest, Fault> {
    let body = receive::json(&head.headers, body).await?;
    if body.is_empty() { Ok(CancelRequest::default()) } else { json::read_strict(&body, &[]).map_err(Fault::invalid) }
}

async fn tell(
    gate: &Gate,
    id: &str,
    request: Request,
    wish: impl AsyncFnOnce(&Parts, Body) -> Result<RunWish, Fault>,
) -> Response {
    let told = async {
        let door = gate.door()?;
        let (head, body) = request.into_parts();
        let caller = door.submitter(&head.headers)?;
        receive::no_other_hints(&head.headers, &[])?;
        let key = receive::idempotency_key(&head.headers)?.map(str::to_owned);
        let run = parse(id)?;
        let wish = wish(&head, body).await?;
        tell_run(door, &caller, run, (key, wish)).await
    };
    match told.await {
        Ok(told) => (StatusCode::ACCEPTED, Json(told)).into_response(),
        Err(fault) => fault.answer(Shape::Problem),
    }
}

async fn tell_run(
    door: &Door,
    caller: &Caller,
    run: RunId,
    (key, wish): (Option<String>, RunWish),
) -> Result<Told, Fault> {
    let view = existing(door, caller, run).await?;
    run::may(&wish, &view).map_err(|why| {
        Fault::new(409, "invalid_request_error", "not_now", format!("the run cannot be told that: {why}"))
    })?;
    let (name, what) = match wish {
        RunWish::Signal { event } => {
            let signal: SignalRequest = serde_json::from_value(event)
                .map_err(|_| Fault::bad_request("(body)", "no signal", "send type and data"))?;
            let (id, event) = run::event(signal, caller, Timestamp::now());
            let event = approval::by_key(event, &caller.key, &view).map_err(|why| {
                let text = format!("the approval cannot be answered: {why}");
                Fault::new(409, "invalid_request_error", "no_such_approval", text)
            })?;
            (id, RunWish::Signal { event })
        }
        other => (key.unwrap_or_else(|| Uuid::now_v7().to_string()), other),
    };
    let input = run::input(run, &caller.team, &name, what);
    let is_new = door.bus.publish_once(&input, &Cause::root()).await.map_err(|error| Fault::from(&error))?;
    Ok(Told { id: run, input: name, is_new })
}

pub(super) fn document_submit(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    operation
        .id("submitRun")
        .summary("Submit a run of a workflow")
        .description(
            "Stores the run and answers 202 with its id, or with `?wait=SECONDS` answers 200 with the run when it has \
             ended in time, however it ended: see `state`; a run that was turned away because too many of its \
             concurrency key go on is a 409. A request of the same Idempotency-Key, or of which the workflow makes the \
             same key, is the same run; one that says anything else is a 422. An input that is not what \
             `input.schema` of the workflow says is a 400 whose `problems` name each place and rule.",
        )
        .input::<Query<Wait>>()
        .input::<openapi::Headers<openapi::SubmitHeaders>>()
        .input::<Json<RunRequest>>()
        .response_with::<200, Json<RunView>, _>(|answer| answer.description("The run has ended; see `state`."))
        .response_with::<202, Json<Begun>, _>(|answer| answer.description("The run is stored, and will end."))
        .default_response_with::<openapi::ProblemJson, _>(|answer| answer.description("An RFC 9457 problem."))
        .security_requirement(openapi::API_KEY)
}

pub(super) fn document_read(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    operation
        .id("readRun")
        .summary("See how a run goes")
        .description(
            "The run with its steps, their times, models, costs and waits. An admin key reads the runs of every team.",
        )
        .input::<openapi::PathParameters<Which>>()
        .response_with::<200, Json<RunView>, _>(|answer| answer.description("The run."))
        .default_response_with::<openapi::ProblemJson, _>(|answer| answer.description("An RFC 9457 problem."))
        .security_requirement(openapi::API_KEY)
}

fn document_wish<'t>(
    operation: TransformOperation<'t>,
    (id, summary, description): (&str, &str, &str),
) -> TransformOperation<'t> {
    operation
        .id(id)
        .summary(summary)
        .description(description)
        .input::<openapi::PathParameters<Which>>()
        .response_with::<202, Json<Told>, _>(|answer| answer.description("It is stored, and the run will be told."))
        .default_response_with::<openapi::ProblemJson, _>(|answer| answer.description("An RFC 9457 problem."))
        .security_requirement(openapi::API_KEY)
}

pub(super) fn document_cancel(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    let text = "Calls that are under way are cut, and what the definition says how to undo is undone.";
    document_wish(operation, ("cancelRun", "Cancel a run", text)).input::<Json<CancelRequest>>()
}

pub(super) fn document_pause(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    let text = "Nothing more is begun until the run is resumed; what is under way goes on, and its time too.";
    document_wish(operation, ("pauseRun", "Pause a run", text))
}

pub(super) fn document_resume(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    document_wish(operation, ("resumeRun", "Resume a paused run", "The run goes on with all that came meanwhile."))
}

pub(super) fn document_retry(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    let text = "A run that failed goes on where it failed; what is finished is not done again.";
    document_wish(operation, ("retryRun", "Take up a failed run again", text))
}

pub(super) fn document_signal(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    let text = "An event for a step that listens, kept when it is early; or the answer to an approval that waits (`neptune.approval`), \
         which is a 409 when none does.";
    document_wish(operation, ("signalRun", "Send an event to a run", text)).input::<Json<SignalRequest>>()
}
