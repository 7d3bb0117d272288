//! Calls of models, in each provider's format.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{ConnectInfo, Path, RawQuery, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::Value;

use super::authorize::authorize;
use super::embeddings;
use super::refusal::{Refusal, no_route};
use super::reply;
use super::streamed::{self, Course};
use crate::account::Outcome;
use crate::domain::answer::{Answer, answer};
use crate::domain::behaviour::{Behaviour, Fault};
use crate::domain::dialect::{Dialect, Reply, Wrong};
use crate::domain::draw::Draws;
use crate::domain::latency;
use crate::domain::limits::Told;
use crate::domain::request::Request;
use crate::domain::usage::Usage;
use crate::provider::{Caller, Mishap, Model, Provider, Running};
use crate::wire::Wire;

const CHOICES_LIMIT: u64 = 16;

/// What will happen to a call, decided before any waiting.
struct Fate {
    fault: Option<Fault>,
    wait: Duration,
    answers: Vec<Answer>,
    usage: Usage,
    /// How it stands towards the model's rate limits.
    told: Option<Told>,
    /// How it goes when it was asked for in pieces.
    course: Option<Course>,
}

/// A call as it came: its format, and what the path says of it.
struct Incoming {
    dialect: Dialect,
    named: Option<Named>,
    headers: HeaderMap,
    body: Bytes,
}

/// What a path says of its call.
struct Named {
    model: String,
    /// It asks for pieces.
    is_streamed: bool,
}

impl Named {
    fn whole(model: &str) -> Self {
        Self { model: model.to_owned(), is_streamed: false }
    }

    fn streamed(model: &str) -> Self {
        Self { model: model.to_owned(), is_streamed: true }
    }
}

type Arrived = (State<Arc<Provider>>, ConnectInfo<Wire>, HeaderMap, Result<Bytes, BytesRejection>);

/// `POST /v1/chat/completions`.
pub(super) async fn openai(
    state: State<Arc<Provider>>,
    wire: ConnectInfo<Wire>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Refusal> {
    complete((state, wire, headers, body), Dialect::OpenAi, None).await
}

/// `POST /v1/responses`.
pub(super) async fn responses(
    state: State<Arc<Provider>>,
    wire: ConnectInfo<Wire>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Refusal> {
    complete((state, wire, headers, body), Dialect::Responses, None).await
}

/// `POST /v1/messages`.
pub(super) async fn anthropic(
    state: State<Arc<Provider>>,
    wire: ConnectInfo<Wire>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Refusal> {
    if !headers.contains_key("anthropic-version") {
        let wrong = Wrong::Invalid("anthropic-version: header is required".into());
        return Err(invalid(&state, Refusal { wrong, dialect: Dialect::Anthropic }));
    }
    complete((state, wire, headers, body), Dialect::Anthropic, None).await
}

/// `POST /v1beta/models/{model}:generateContent` and `:streamGenerateContent?alt=sse`, which newer
/// clients ask under `/v1`; and the two ways to ask for vectors.
pub(super) async fn gemini(
    Path(call): Path<String>,
    RawQuery(query): RawQuery,
    state: State<Arc<Provider>>,
    wire: ConnectInfo<Wire>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Refusal> {
    for method in [":embedContent", ":batchEmbedContents"] {
        if let Some(model) = call.strip_suffix(method) {
            return embeddings::answer(&state.0, &headers, (Dialect::Gemini, Some(model)), body);
        }
    }
    let as_events = query.is_some_and(|query| query.split('&').any(|pair| pair == "alt=sse"));
    let whole = call.strip_suffix(":generateContent").map(Named::whole);
    // Without `alt=sse` the pieces are a JSON list, which nobody here asks for.
    let streamed = || call.strip_suffix(":streamGenerateContent").filter(|_| as_events).map(Named::streamed);
    let Some(named) = whole.or_else(streamed) else { return Ok(no_route().await) };
    complete((state, wire, headers, body), Dialect::Gemini, Some(named)).await
}

/// `POST /model/{model}/converse` and `/converse-stream`.
pub(super) async fn bedrock(
    Path(call): Path<String>,
    state: State<Arc<Provider>>,
    wire: ConnectInfo<Wire>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Refusal> {
    let whole = call.strip_suffix("/converse").map(Named::whole);
    let streamed = || call.strip_suffix("/converse-stream").map(Named::streamed);
    let Some(named) = whole.or_else(streamed) else { return Ok(no_route().await) };
    complete((state, wire, headers, body), Dialect::Bedrock, Some(named)).await
}

/// `POST /openai/deployments/{deployment}/chat/completions?api-version=…`, and `/embeddings`.
pub(super) async fn azure(
    Path(call): Path<String>,
    RawQuery(query): RawQuery,
    state: State<Arc<Provider>>,
    wire: ConnectInfo<Wire>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Refusal> {
    let whole = call.strip_suffix("/chat/completions");
    let Some(model) = whole.or_else(|| call.strip_suffix("/embeddings")) else { return Ok(no_route().await) };
    if !query.unwrap_or_default().contains("api-version=") {
        let wrong = Wrong::Invalid("The api-version query parameter is required.".into());
        return Err(invalid(&state, Refusal { wrong, dialect: Dialect::Azure }));
    }
    if whole.is_none() {
        return embeddings::answer(&state.0, &headers, (Dialect::Azure, Some(model)), body);
    }
    complete((state, wire, headers, body), Dialect::Azure, Some(Named::whole(model))).await
}

async fn complete(arrived: Arrived, dialect: Dialect, named: Option<Named>) -> Result<Response, Refusal> {
    let (State(provider), ConnectInfo(wire), headers, body) = arrived;
    authorize(&provider, &headers, dialect)?;
    let body = body.map_err(|error| {
        let text = error.body_text();
        let too_large = error.status() == StatusCode::PAYLOAD_TOO_LARGE;
        let wrong = if too_large { Wrong::TooLarge(text) } else { Wrong::Invalid(text) };
        invalid(&provider, Refusal { wrong, dialect })
    })?;
    let incoming = Incoming { dialect, named, headers, body };
    let (call, model, digest, fate) = begin(&provider, incoming).map_err(|wrong| Refusal { wrong, dialect })?;
    if !fate.wait.is_zero() {
        tokio::select! {
            () = tokio::time::sleep(fate.wait) => {}
            () = provider.shutdown.cancelled() => {
                wire.cut();
                call.failed(Outcome::Cut);
                return Ok(Response::default());
            }
        }
    }
    let refused = |wrong| Refusal { wrong, dialect };
    let mut response = respond((call, &model, digest), &fate, dialect, &wire).map_err(refused)?;
    for (name, value) in fate.told.into_iter().flat_map(|told| told.headers) {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            response.headers_mut().insert(name, value);
        }
    }
    Ok(response)
}

/// Everything that depends on the request itself. The body is not needed afterwards, so long waits do not hold it.
fn begin(provider: &Arc<Provider>, incoming: Incoming) -> Result<(Running, Arc<Model>, u64, Fate), Wrong> {
    let Incoming { dialect, named, headers, body } = incoming;
    let refused = |message: String| {
        provider.refused.invalid.fetch_add(1, Ordering::Relaxed);
        Wrong::Invalid(message)
    };
    let translated = dialect.read(named.as_ref().map(|named| named.model.as_str()), &body).map_err(refused)?;
    let translated = translated.map(|request| serde_json::to_vec(&request)).transpose();
    let translated = translated.map_err(|error| refused(error.to_string()))?;
    let mut request: Request<'_> = serde_json::from_slice(translated.as_deref().unwrap_or(&body))
        .map_err(|error| refused(format!("The body is no request for a completion: {error}")))?;
    if let Some(Named { model, is_streamed }) = &named {
        request.model = model.into();
        if *is_streamed {
            request.stream = Some(true);
        }
    }
    check(&request).map_err(|message| refused(message.to_owned()))?;
    let model = provider.model(&request.model).ok_or_else(|| {
        provider.refused.unknown_model.fetch_add(1, Ordering::Relaxed);
        Wrong::UnknownModel(request.model.clone().into_owned())
    })?;
    let digest = request.digest();
    let call = Running::begin(provider, &model, digest, caller(&headers));
    let mut draws = model.draws(digest);
    let mishap = model.mishap(&mut draws);
    let replayed = replayed(provider, &model, &request);
    let fixed = replayed.as_deref().or(model.behaviour.answer.as_deref());
    let mut fate = decide(&model.behaviour, (mishap, dialect), &request, (digest, fixed), &mut draws);
    fate.usage = dialect.countable(fate.usage);
    fate.told = model.limit(fate.usage.prompt + fate.usage.completion, call.started_at_unix_ms());
    if fate.told.as_ref().is_some_and(|told| told.refused_for_ms.is_some()) {
        (fate.fault, fate.wait) = (Some(Fault::RateLimit), Duration::ZERO);
    }
    Ok((call, model, digest, fate))
}

/// An item of a batch, charged in percent of the price: the body of its answer, or why there is none.
pub(super) fn item(
    provider: &Arc<Provider>,
    dialect: Dialect,
    (custom_id, request): (&str, Bytes),
    price_percent: u64,
) -> Result<Value, Wrong> {
    let mut headers = HeaderMap::new();
    if let Ok(name) = HeaderValue::from_str(custom_id) {
        headers.insert("idempotency-key", name);
    }
    let incoming = Incoming { dialect, named: None, headers, body: request };
    let (call, model, digest, fate) = begin(provider, incoming)?;
    let outcome = Outcome::of(fate.fault);
    if let Some(fault) = fate.fault.filter(|fault| *fault != Fault::Slow) {
        call.failed(outcome);
        return Err(wrong(fault, &model));
    }
    let answer = serde_json::from_slice(&body(&call, &model, digest, &fate, dialect)?).map_err(|_| Wrong::Server)?;
    call.answered_for(outcome, &fate.usage, price_percent);
    Ok(answer)
}

/// The answer that the model it replays really gave, as far as it is known.
fn replayed(provider: &Provider, model: &Model, request: &Request<'_>) -> Option<String> {
    let outcome = provider.outcomes.of(&request.question(), model.behaviour.replays.as_deref()?)?;
    Some(outcome.answer())
}

fn decide(
    behaviour: &Behaviour,
    (Mishap { fault, after_pieces }, dialect): (Mishap, Dialect),
    request: &Request<'_>,
    (digest, fixed): (u64, Option<&str>),
    draws: &mut Draws,
) -> Fate {
    if matches!(Outcome::of(fault), Outcome::Refused | Outcome::RateLimit) {
        // Providers turn requests away before they work on them.
        return Fate {
            fault,
            wait: Duration::ZERO,
            answers: Vec::new(),
            usage: Usage::default(),
            told: None,
            course: None,
        };
    }
    let limit = request.token_limit().map(|limit| limit.saturating_sub(behaviour.tokens.reasoning));
    let choices = 0..request.n.unwrap_or(1);
    let answers: Vec<Answer> = choices.map(|choice| answer(request, digest, fixed, limit, choice)).collect();
    let usage = Usage::new(request, answers.iter().map(|answer| answer.tokens).sum(), &behaviour.tokens);
    let per_token_ms = behaviour.per_output_token_ms;
    let course = (request.stream == Some(true)).then(|| Course {
        dialect,
        per_token: Duration::try_from_secs_f64(per_token_ms / 1_000.0).unwrap_or(Duration::ZERO),
        with_usage: request.stream_options.is_some_and(|options| options.include_usage),
        fault,
        breaks_after: after_pieces,
    });
    // A stream takes its time between the pieces.
    let per_token_ms = if course.is_some() { 0.0 } else { per_token_ms };
    let wait = latency::wait(behaviour.latency, per_token_ms, usage.completion, draws);
    let longer = if fault == Some(Fault::Slow) { behaviour.faults.slow_ms } else { 0 };
    Fate { fault, wait: wait + Duration::from_millis(longer), answers, usage, told: None, course }
}

fn respond(
    (call, model, digest): (Running, &Model, u64),
    fate: &Fate,
    dialect: Dialect,
    wire: &Wire,
) -> Result<Response, Wrong> {
    let outcome = Outcome::of(fate.fault);
    let in_pieces = !matches!(outcome, Outcome::Refused | Outcome::RateLimit | Outcome::ServerError);
    if let Some(course) = fate.course.filter(|_| in_pieces) {
        let (number, started_at_unix_ms) = (call.number, call.started_at_unix_ms());
        let reply = reply_of((number, started_at_unix_ms), model, digest, fate);
        return Ok(streamed::respond(call, &reply, course, wire));
    }
    let Some(fault) = fate.fault.filter(|fault| *fault != Fault::Slow) else {
        let response = json(body(&call, model, digest, fate, dialect)?);
        call.answered(outcome, &fate.usage);
        return Ok(response);
    };
    let response = match fault {
        Fault::Cut | Fault::Stall => {
            wire.cut();
            Response::default()
        }
        Fault::CutMidway => streamed::broken(&body(&call, model, digest, fate, dialect)?, wire),
        Fault::Malformed => {
            let body = body(&call, model, digest, fate, dialect)?;
            json(body.slice(..body.len() / 2))
        }
        Fault::Filter if let Some(filtered) = dialect.filtered() => json(Bytes::from(filtered.to_string())),
        fault => {
            let limited_for_ms = fate.told.as_ref().and_then(|told| told.refused_for_ms);
            let wrong = limited_for_ms.map_or_else(|| wrong(fault, model), Wrong::RateLimit);
            Refusal { wrong, dialect }.into_response()
        }
    };
    call.failed(outcome);
    Ok(response)
}

/// The error that a fault is said with.
pub(super) fn wrong(fault: Fault, model: &Model) -> Wrong {
    match fault {
        Fault::RateLimit => Wrong::RateLimit(model.behaviour.faults.retry_after_ms),
        Fault::RateLimitUntold => Wrong::RateLimitUntold,
        Fault::Auth => Wrong::Unauthorized,
        Fault::Quota => Wrong::NoCredit,
        Fault::ContextLength => Wrong::ContextLength,
        Fault::Filter => Wrong::Filtered,
        Fault::UnknownModel => Wrong::UnknownModel(model.name.as_ref().to_owned()),
        Fault::Invalid => Wrong::Invalid("The request is wrong.".into()),
        Fault::ServerError | Fault::Slow | Fault::Cut | Fault::CutMidway | Fault::Malformed | Fault::Stall => {
            Wrong::Server
        }
    }
}

fn body(call: &Running, model: &Model, digest: u64, fate: &Fate, dialect: Dialect) -> Result<Bytes, Wrong> {
    let reply = reply_of((call.number, call.started_at_unix_ms()), model, digest, fate);
    match dialect.write(&reply) {
        Some(body) => Ok(Bytes::from(body.to_string())),
        None => reply::body(&reply).map_err(|_| Wrong::Server),
    }
}

fn reply_of<'a>((number, started_at_unix_ms): (u64, u64), model: &'a Model, digest: u64, fate: &'a Fate) -> Reply<'a> {
    let created_unix_s = started_at_unix_ms / 1_000;
    Reply { number, digest, created_unix_s, model: &model.name, answers: &fate.answers, usage: &fate.usage }
}

fn json(body: Bytes) -> Response {
    ([(CONTENT_TYPE, HeaderValue::from_static("application/json"))], body).into_response()
}

fn check(request: &Request<'_>) -> Result<(), &'static str> {
    if request.model.is_empty() {
        return Err("`model` is missing.");
    }
    if request.messages.is_empty() {
        return Err("`messages` must not be empty.");
    }
    if !(1..=CHOICES_LIMIT).contains(&request.n.unwrap_or(1)) {
        return Err("`n` must be between 1 and 16.");
    }
    Ok(())
}

fn invalid(provider: &Provider, refusal: Refusal) -> Refusal {
    provider.refused.invalid.fetch_add(1, Ordering::Relaxed);
    refusal
}

pub(super) fn caller(headers: &HeaderMap) -> Caller {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    Caller { request_id: text("x-request-id"), idempotency_key: text("idempotency-key") }
}
