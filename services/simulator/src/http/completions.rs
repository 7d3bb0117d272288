//! `POST /v1/chat/completions`.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{ConnectInfo, State};
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::response::{IntoResponse, Response};

use super::models::authorize;
use super::refusal::Refusal;
use super::reply::Reply;
use crate::account::Outcome;
use crate::domain::answer::{Answer, answer};
use crate::domain::behaviour::{Behaviour, Fault};
use crate::domain::draw::Draws;
use crate::domain::latency;
use crate::domain::limits::Told;
use crate::domain::request::Request;
use crate::domain::usage::Usage;
use crate::provider::{Caller, Model, Provider, Running};
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
}

pub(super) async fn complete(
    State(provider): State<Arc<Provider>>,
    ConnectInfo(wire): ConnectInfo<Wire>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Refusal> {
    authorize(&provider, &headers)?;
    let body = body.map_err(|error| invalid(&provider, Refusal::unreadable(error.status(), error.body_text())))?;
    let (call, model, digest, fate) = begin(&provider, &headers, &body)?;
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
    let mut response = respond(call, &model, digest, &fate, &wire)?;
    for (name, value) in fate.told.into_iter().flat_map(|told| told.headers) {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            response.headers_mut().insert(name, value);
        }
    }
    Ok(response)
}

/// Everything that depends on the request itself. The body is not needed afterwards, so long waits do not hold it.
fn begin(
    provider: &Arc<Provider>,
    headers: &HeaderMap,
    body: &Bytes,
) -> Result<(Running, Arc<Model>, u64, Fate), Refusal> {
    let request: Request<'_> = serde_json::from_slice(body).map_err(|error| {
        invalid(provider, Refusal::invalid(format!("The body is no chat completion request: {error}")))
    })?;
    check(&request).map_err(|message| invalid(provider, Refusal::invalid(message)))?;
    let model = provider.model(&request.model).ok_or_else(|| {
        provider.refused.unknown_model.fetch_add(1, Ordering::Relaxed);
        Refusal::unknown_model(&request.model)
    })?;
    let digest = request.digest();
    let call = Running::begin(provider, &model, digest, caller(headers));
    let mut draws = model.draws(digest);
    let fault = model.fault(&mut draws);
    let mut fate = decide(&model.behaviour, fault, &request, digest, &mut draws);
    fate.told = model.limit(fate.usage.prompt + fate.usage.completion, call.started_at_unix_ms());
    if fate.told.as_ref().is_some_and(|told| told.refused_for_ms.is_some()) {
        (fate.fault, fate.wait) = (Some(Fault::RateLimit), Duration::ZERO);
    }
    Ok((call, model, digest, fate))
}

fn decide(behaviour: &Behaviour, fault: Option<Fault>, request: &Request<'_>, digest: u64, draws: &mut Draws) -> Fate {
    if fault == Some(Fault::RateLimit) {
        // Providers turn requests away before they work on them.
        return Fate { fault, wait: Duration::ZERO, answers: Vec::new(), usage: Usage::default(), told: None };
    }
    let limit = request.token_limit().map(|limit| limit.saturating_sub(behaviour.tokens.reasoning));
    let choices = 0..request.n.unwrap_or(1);
    let fixed = behaviour.answer.as_deref();
    let answers: Vec<Answer> = choices.map(|choice| answer(request, digest, fixed, limit, choice)).collect();
    let usage = Usage::new(request, answers.iter().map(|answer| answer.tokens).sum(), &behaviour.tokens);
    let wait = latency::wait(behaviour.latency, behaviour.per_output_token_ms, usage.completion, draws);
    let longer = if fault == Some(Fault::Slow) { behaviour.faults.slow_ms } else { 0 };
    Fate { fault, wait: wait + Duration::from_millis(longer), answers, usage, told: None }
}

fn respond(call: Running, model: &Model, digest: u64, fate: &Fate, wire: &Wire) -> Result<Response, Refusal> {
    let outcome = Outcome::of(fate.fault);
    let response = match fate.fault {
        Some(Fault::RateLimit) => {
            let limited_for_ms = fate.told.as_ref().and_then(|told| told.refused_for_ms);
            rate_limited(limited_for_ms.unwrap_or(model.behaviour.faults.retry_after_ms))
        }
        Some(Fault::ServerError) => Refusal::server_error().into_response(),
        Some(Fault::Cut) => {
            wire.cut();
            Response::default()
        }
        Some(Fault::Malformed) => {
            let body = body(&call, model, digest, fate)?;
            json(body.slice(..body.len() / 2))
        }
        None | Some(Fault::Slow) => {
            let response = json(body(&call, model, digest, fate)?);
            call.answered(outcome, &fate.usage);
            return Ok(response);
        }
    };
    call.failed(outcome);
    Ok(response)
}

fn body(call: &Running, model: &Model, digest: u64, fate: &Fate) -> Result<Bytes, Refusal> {
    let reply = Reply {
        number: call.number,
        digest,
        created_unix_s: call.started_at_unix_ms() / 1_000,
        model: &model.name,
        answers: &fate.answers,
        usage: &fate.usage,
    };
    reply.body().map_err(|_| Refusal::server_error())
}

fn json(body: Bytes) -> Response {
    ([(CONTENT_TYPE, HeaderValue::from_static("application/json"))], body).into_response()
}

fn rate_limited(retry_after_ms: u64) -> Response {
    let mut response = Refusal::rate_limit().into_response();
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(retry_after_ms.div_ceil(1_000)));
    response.headers_mut().insert("retry-after-ms", HeaderValue::from(retry_after_ms));
    response
}

fn check(request: &Request<'_>) -> Result<(), &'static str> {
    if request.stream == Some(true) {
        return Err("The simulator does not stream.");
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

fn caller(headers: &HeaderMap) -> Caller {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    Caller { request_id: text("x-request-id"), idempotency_key: text("idempotency-key") }
}
