//! OpenAI's files and batches, and Anthropic's message batches. An item is worked on, and charged, when its batch is
//! looked at after its time.

use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::authorize::authorize;
use super::completions;
use super::refusal::Refusal;
use crate::domain::batching::State as Standing;
use crate::domain::batching::{Batch, Batching, End, File, Item, Store, anthropic_items, openai_items, parts};
use crate::domain::dialect::{Dialect, Wrong};
use crate::provider::Provider;

type Answer = Result<Json<Value>, Refusal>;

/// `POST /v1/files`.
pub(super) async fn upload(State(provider): State<Arc<Provider>>, headers: HeaderMap, body: Bytes) -> Answer {
    authorize(&provider, &headers, Dialect::OpenAi)?;
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let parts = parts(content_type, &body);
    let part = |name: &str| parts.iter().find(|(part, _, _)| part == name);
    if part("purpose").is_none_or(|(_, _, purpose)| *purpose != b"batch") {
        return Err(Refusal::invalid("purpose: only batch is taken here."));
    }
    let Some((_, Some(name), content)) = part("file") else { return Err(Refusal::invalid("file: Field required")) };
    let mut store = store(&provider);
    let file = File {
        id: store.name("file-"),
        name: name.clone(),
        purpose: "batch".into(),
        created_unix_ms: now_unix_ms(),
        content: Bytes::copy_from_slice(content),
    };
    let shown = file.shown();
    store.files.push(file);
    Ok(Json(shown))
}

/// `GET /v1/files`, the newest first.
pub(super) async fn files(State(provider): State<Arc<Provider>>, headers: HeaderMap) -> Answer {
    authorize(&provider, &headers, Dialect::OpenAi)?;
    let data: Vec<Value> = store(&provider).files.iter().rev().map(File::shown).collect();
    Ok(Json(json!({"object": "list", "data": data, "has_more": false})))
}

/// `GET /v1/files/{id}/content`.
pub(super) async fn content(
    State(provider): State<Arc<Provider>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    authorize(&provider, &headers, Dialect::OpenAi)?;
    let store = store(&provider);
    let of_batch = |kind: &str| {
        let id = id.strip_prefix("file-")?.strip_prefix(kind)?.strip_prefix('-')?;
        store.batches.iter().find(|batch| batch.id == id)
    };
    let (answers, errors) = (of_batch("output"), of_batch("error"));
    let file = store.files.iter().find(|file| file.id == id).map(|file| file.content.clone());
    let lines = answers.or(errors).map(|batch| Bytes::from(batch.openai_lines(answers.is_some())));
    lines
        .or(file)
        .map(|content| jsonl("application/octet-stream", content))
        .ok_or_else(|| unknown(Dialect::OpenAi, &id))
}

/// `POST /v1/batches`.
pub(super) async fn create_openai(State(provider): State<Arc<Provider>>, headers: HeaderMap, body: Bytes) -> Answer {
    authorize(&provider, &headers, Dialect::OpenAi)?;
    let body: Value =
        serde_json::from_slice(&body).map_err(|error| Refusal::invalid(format!("The body is not JSON: {error}")))?;
    let text = |field: &str| body.get(field).and_then(Value::as_str).unwrap_or_default();
    if text("endpoint") != "/v1/chat/completions" || text("completion_window") != "24h" {
        return Err(Refusal::invalid("endpoint must be /v1/chat/completions and completion_window 24h."));
    }
    let input_file = text("input_file_id").to_owned();
    let content = store(&provider).files.iter().find(|file| file.id == input_file).map(|file| file.content.clone());
    let items = openai_items(&content.ok_or_else(|| unknown(Dialect::OpenAi, &input_file))?);
    let metadata = body.get("metadata").cloned().unwrap_or_default();
    let batch = make(&provider, Dialect::OpenAi, items, (Some(input_file), metadata)).await;
    Ok(Json(batch.openai()))
}

/// `POST /v1/messages/batches`.
pub(super) async fn create_anthropic(State(provider): State<Arc<Provider>>, headers: HeaderMap, body: Bytes) -> Answer {
    check_anthropic(&provider, &headers)?;
    let items = anthropic_items(&body).map_err(|why| refused(Dialect::Anthropic, Wrong::Invalid(why)))?;
    let batch = make(&provider, Dialect::Anthropic, Ok(items), (None, Value::Null)).await;
    Ok(Json(batch.anthropic(rfc3339)))
}

async fn make(
    provider: &Arc<Provider>,
    dialect: Dialect,
    items: Result<Vec<Item>, String>,
    (input_file, metadata): (Option<String>, Value),
) -> Batch {
    let first = items.as_ref().ok().and_then(|items| items.first());
    let batching = first.map(|item| batching(provider, item)).unwrap_or_default();
    if batching.create_delay_ms > 0 {
        tokio::time::sleep(Duration::from_millis(batching.create_delay_ms)).await;
    }
    let mut store = store(provider);
    let created_unix_ms = now_unix_ms();
    let id = store.name(if dialect == Dialect::Anthropic { "msgbatch_" } else { "batch_" });
    let (items, state) = match items {
        Ok(items) => (items, Standing::Working),
        Err(why) => (Vec::new(), Standing::Failed(why)),
    };
    let due_unix_ms = created_unix_ms + batching.delay_ms;
    let batch = Batch { id, dialect, created_unix_ms, due_unix_ms, input_file, metadata, items, state };
    store.batches.push(batch.clone());
    batch
}

/// `GET /v1/batches`, the newest first.
pub(super) async fn list_openai(State(provider): State<Arc<Provider>>, headers: HeaderMap) -> Answer {
    authorize(&provider, &headers, Dialect::OpenAi)?;
    let data: Vec<Value> = all(&provider, Dialect::OpenAi).iter().map(Batch::openai).collect();
    Ok(Json(json!({"object": "list", "data": data, "has_more": false})))
}

/// `GET /v1/messages/batches`, the newest first.
pub(super) async fn list_anthropic(State(provider): State<Arc<Provider>>, headers: HeaderMap) -> Answer {
    check_anthropic(&provider, &headers)?;
    let data: Vec<Value> = all(&provider, Dialect::Anthropic).iter().map(|batch| batch.anthropic(rfc3339)).collect();
    Ok(Json(json!({"data": data, "has_more": false, "first_id": null, "last_id": null})))
}

/// `GET /v1/batches/{id}`.
pub(super) async fn look_openai(
    State(provider): State<Arc<Provider>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Answer {
    authorize(&provider, &headers, Dialect::OpenAi)?;
    Ok(Json(one(&provider, Dialect::OpenAi, &id)?.openai()))
}

/// `GET /v1/messages/batches/{id}`.
pub(super) async fn look_anthropic(
    State(provider): State<Arc<Provider>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Answer {
    check_anthropic(&provider, &headers)?;
    Ok(Json(one(&provider, Dialect::Anthropic, &id)?.anthropic(rfc3339)))
}

/// `GET /v1/messages/batches/{id}/results`.
pub(super) async fn results(
    State(provider): State<Arc<Provider>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    check_anthropic(&provider, &headers)?;
    let batch = one(&provider, Dialect::Anthropic, &id)?;
    if matches!(batch.state, Standing::Working) {
        let why = "The batch has not ended; its results are not available.".to_owned();
        return Err(refused(Dialect::Anthropic, Wrong::Invalid(why)));
    }
    Ok(jsonl("application/x-jsonl", Bytes::from(batch.anthropic_lines())))
}

/// `POST /v1/batches/{id}/cancel`.
pub(super) async fn cancel_openai(
    State(provider): State<Arc<Provider>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Answer {
    authorize(&provider, &headers, Dialect::OpenAi)?;
    Ok(Json(cancel(&provider, Dialect::OpenAi, &id)?.openai()))
}

/// `POST /v1/messages/batches/{id}/cancel`.
pub(super) async fn cancel_anthropic(
    State(provider): State<Arc<Provider>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Answer {
    check_anthropic(&provider, &headers)?;
    Ok(Json(cancel(&provider, Dialect::Anthropic, &id)?.anthropic(rfc3339)))
}

fn cancel(provider: &Arc<Provider>, dialect: Dialect, id: &str) -> Result<Batch, Refusal> {
    let mut store = settled(provider);
    let found = store.batches.iter_mut().find(|batch| batch.dialect == dialect && batch.id == id);
    let batch = found.ok_or_else(|| unknown(dialect, id))?;
    if matches!(batch.state, Standing::Working) {
        let ends = batch.items.iter().map(|item| (item.custom_id.clone(), End::Cancelled)).collect();
        batch.state = Standing::Cancelled(ends);
    }
    Ok(batch.clone())
}

fn all(provider: &Arc<Provider>, dialect: Dialect) -> Vec<Batch> {
    settled(provider).batches.iter().rev().filter(|batch| batch.dialect == dialect).cloned().collect()
}

fn one(provider: &Arc<Provider>, dialect: Dialect, id: &str) -> Result<Batch, Refusal> {
    let store = settled(provider);
    let found = store.batches.iter().find(|batch| batch.dialect == dialect && batch.id == id);
    found.cloned().ok_or_else(|| unknown(dialect, id))
}

/// All batches, those worked on whose time has come.
fn settled(provider: &Arc<Provider>) -> MutexGuard<'_, Store> {
    let (mut store, now) = (store(provider), now_unix_ms());
    let due = |batch: &&mut Batch| matches!(batch.state, Standing::Working) && batch.due_unix_ms <= now;
    for batch in store.batches.iter_mut().filter(due) {
        let end = |item: &Item| (item.custom_id.clone(), worked_on(provider, batch.dialect, item));
        batch.state = Standing::Ended(batch.items.iter().map(end).collect());
    }
    store
}

fn worked_on(provider: &Arc<Provider>, dialect: Dialect, item: &Item) -> End {
    let (batching, request) = (batching(provider, item), String::from_utf8_lossy(&item.body));
    let has = |text: &Option<String>| text.as_deref().is_some_and(|text| request.contains(text));
    if has(&batching.expires_on) {
        return End::Expired;
    }
    if has(&batching.fails_on) {
        return End::Failed(Wrong::Server);
    }
    match completions::item(provider, dialect, (&item.custom_id, item.body.clone()), batching.price_percent) {
        Ok(body) => End::Answered(body),
        Err(wrong) => End::Failed(wrong),
    }
}

/// How batches of the model go that an item asks.
fn batching(provider: &Provider, item: &Item) -> Batching {
    let request: Value = serde_json::from_slice(&item.body).unwrap_or_default();
    let model = request.get("model").and_then(Value::as_str).and_then(|name| provider.model(name));
    model.map(|model| model.behaviour.batch.clone()).unwrap_or_default()
}

fn store(provider: &Provider) -> MutexGuard<'_, Store> {
    provider.batches.lock().unwrap_or_else(PoisonError::into_inner)
}

fn check_anthropic(provider: &Provider, headers: &HeaderMap) -> Result<(), Refusal> {
    authorize(provider, headers, Dialect::Anthropic)?;
    if headers.contains_key("anthropic-version") {
        return Ok(());
    }
    Err(refused(Dialect::Anthropic, Wrong::Invalid("anthropic-version: header is required".into())))
}

fn unknown(dialect: Dialect, id: &str) -> Refusal {
    refused(dialect, Wrong::UnknownModel(id.to_owned()))
}

fn refused(dialect: Dialect, wrong: Wrong) -> Refusal {
    Refusal { wrong, dialect }
}

fn jsonl(content_type: &'static str, content: Bytes) -> Response {
    ([(CONTENT_TYPE, HeaderValue::from_static(content_type))], content).into_response()
}

fn now_unix_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

fn rfc3339(unix_ms: u64) -> String {
    let time = OffsetDateTime::from_unix_timestamp_nanos(i128::from(unix_ms) * 1_000_000);
    time.ok().and_then(|time| time.format(&Rfc3339).ok()).unwrap_or_default()
}
