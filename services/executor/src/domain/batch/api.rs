//! Batch APIs of providers, as requests and answers. Every function is pure.

mod anthropic;
mod openai;

use crate::domain::{
    answer::Answer,
    failure::Failure,
    wire::{Refusal, Wire},
};
use neptune_contracts::{Timestamp, attempt::ErrorClass, batch::Batch, ids::AttemptId, resource::Provider};
use serde_json::Value;

/// A request of a batch API.
#[derive(Debug, PartialEq, Eq)]
pub struct Request {
    /// Whether something is sent; read otherwise.
    pub is_post: bool,
    /// Path and query below the model's endpoint.
    pub path: String,
    /// The media type of the body.
    pub content_type: String,
    /// What is sent.
    pub body: Vec<u8>,
}

impl Request {
    fn get(path: impl Into<String>) -> Self {
        Self { is_post: false, path: path.into(), content_type: String::new(), body: Vec::new() }
    }

    fn post(path: impl Into<String>, body: Vec<u8>) -> Self {
        Self { is_post: true, path: path.into(), content_type: "application/json".into(), body }
    }
}

/// Whether a batch was made before.
#[derive(Debug, PartialEq, Eq)]
pub enum Found {
    /// It was not.
    No,
    /// It has this name at the provider.
    This(String),
    /// It is one of these or none; only their items tell.
    Perhaps(Vec<String>),
}

/// How a batch stands.
#[derive(Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is worked on.
    Working,
    /// It is over; what came out is read under these paths.
    Ended(Vec<String>),
}

/// What came out of an item.
#[derive(Debug, PartialEq, Eq)]
pub struct Line {
    /// The item.
    pub id: AttemptId,
    /// Its end.
    pub said: Said,
}

/// How an item ended.
#[derive(Debug, PartialEq, Eq)]
pub enum Said {
    /// The body of a success, in the provider's format.
    Answered(Vec<u8>),
    /// The status and body of a refusal.
    Refused(u16, Vec<u8>),
    /// It was not begun before its batch was over.
    Expired,
    /// It was called off before it was begun.
    Cancelled,
}

/// A batch API.
pub trait Api: Sync {
    /// An item: the provider's own request under its name.
    fn item(&self, id: AttemptId, body: &[u8]) -> Vec<u8>;

    /// The request that sends items as a file; nothing where they are sent with the batch.
    fn upload(&self, batch: AttemptId, items: &[Vec<u8>]) -> Option<Request>;

    /// The request that lists files.
    fn files(&self) -> Request;

    /// The file of a batch in such a list.
    fn file(&self, body: &Value, batch: AttemptId) -> Option<String>;

    /// The request that makes a batch of a file, or of items.
    fn create(&self, batch: AttemptId, file: Option<&str>, items: &[Vec<u8>]) -> Request;

    /// The request that lists batches, the newest first.
    fn list(&self) -> Request;

    /// Whether `batch` is in such a list.
    fn find(&self, body: &Value, batch: &Batch) -> Found;

    /// The request that looks at a batch.
    fn look(&self, upstream: &str) -> Request;

    /// How it stands.
    ///
    /// # Errors
    /// The answer has no state that is known here.
    fn standing(&self, body: &Value) -> Result<Standing, Failure>;

    /// The request that calls a batch off.
    fn cancel(&self, upstream: &str) -> Request;

    /// A line of what came out; nothing when it is of no item of ours.
    fn line(&self, line: &[u8]) -> Option<Line>;
}

/// The batch API that is spoken with a provider.
#[must_use]
pub fn of(provider: Provider) -> Option<&'static dyn Api> {
    match provider {
        Provider::Openai => Some(&openai::Openai),
        Provider::Anthropic => Some(&anthropic::Anthropic),
        _ => None,
    }
}

/// The name that the provider gave what was made.
///
/// # Errors
/// The answer has none.
pub fn name(body: &Value) -> Result<String, Failure> {
    let name = body.get("id").and_then(Value::as_str).filter(|id| is_name(id));
    name.map(str::to_owned).ok_or_else(|| Failure::new(ErrorClass::Malformed, "the provider's answer has no id"))
}

/// The end of an item as that of a call of the model resource `name`.
///
/// # Errors
/// It failed.
pub fn result(said: &Said, wire: &dyn Wire, name: &str, now: Timestamp) -> Result<Answer, Failure> {
    match said {
        Said::Answered(body) => wire.answer(body, name, now),
        Said::Refused(status, body) => {
            Err(wire.refused(&Refusal { status: *status, error_type: None, body, retry_after_ms: None }))
        }
        Said::Expired => Err(Failure::new(ErrorClass::Timeout, "its batch expired before it was begun")),
        Said::Cancelled => Err(Failure::new(ErrorClass::Cancelled, "its batch was called off before it was begun")),
    }
}

/// The request for what came out.
#[must_use]
pub fn results(path: &str) -> Request {
    Request::get(path)
}

/// Whether a name of the provider's can stand in a path.
fn is_name(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    (1..=256).contains(&text.len()) && !text.starts_with('.') && text.bytes().all(allowed)
}

fn text<'v>(value: &'v Value, pointer: &str) -> &'v str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

fn unknown(state: &str) -> Failure {
    let known: String = state.chars().filter(char::is_ascii_alphanumeric).take(32).collect();
    Failure::new(ErrorClass::Malformed, format!("the batch is in the unknown state {known:?}"))
}

#[cfg(test)]
mod tests;
