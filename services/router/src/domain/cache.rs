//! Answers that may serve again: what a request is the same as, and what it nearly is.
//!
//! A request's *scope* is everything about it except its last user message: team, policy version,
//! class, what it may be answered by, the conversation before, tools, sampling and the form of the
//! answer. Answers are only ever shared within a scope, so never across teams. Within it, the
//! *exact* key covers the last message byte for byte, and [`likeness`] says whether another last
//! message differs in nothing that matters.

mod likeness;
pub mod meaning;
mod sketch;
mod words;

use neptune_contracts::{
    admission::{Admission, Task},
    chat::{ChatMessage, ChatRequest, Content},
    resource::Resources,
    task::{CacheMode, OutputSpec},
};
use ring::digest::{SHA256, digest};
use serde::Serialize;

pub use likeness::likeness;
pub use words::{MAX_WORDS, Words};

/// How long an answer serves when the route says nothing, in seconds.
const DEFAULT_TTL_SECONDS: u64 = 3_600;

/// That answers may serve again, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wish {
    /// Whether requests that are nearly the same count.
    pub near: bool,
    /// How old an answer may be.
    pub ttl_seconds: u64,
}

/// What a request is known by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fingerprint {
    /// The same for requests that differ in their last message only; hexadecimal SHA-256.
    pub scope: String,
    /// The same for the same request; hexadecimal SHA-256.
    pub exact: String,
    /// The last message, when it is plain text of a length that can be compared.
    pub words: Option<Words>,
    /// The same as it was written.
    pub text: Option<String>,
}

impl Fingerprint {
    /// Names of the places where requests like this one are looked for. Two texts that share nine
    /// tenths of their words share one with 99.99 %.
    #[must_use]
    pub fn places(&self) -> Vec<String> {
        self.words.as_ref().map(sketch::bands).unwrap_or_default()
    }
}

/// Whether `task` may be answered by what another was: the task says so, else its route.
#[must_use]
pub fn wish(task: &Task, route: &str, resources: &Resources) -> Option<Wish> {
    let spec = resources.routes.get(route).and_then(|route| route.cache.as_ref());
    let mode = task.constraints.cache.or(spec.map(|spec| spec.mode))?;
    let ttl_seconds = spec.map_or(DEFAULT_TTL_SECONDS, |spec| spec.ttl_seconds);
    match mode {
        CacheMode::Off => None,
        CacheMode::Exact => Some(Wish { near: false, ttl_seconds }),
        // Another text has another vector, however near it is.
        CacheMode::Near => Some(Wish { near: task.input.embedding.is_none(), ttl_seconds }),
    }
}

#[derive(Serialize)]
struct Scope<'a> {
    team: &'a str,
    policy_version: &'a str,
    class: &'a str,
    route: &'a str,
    models: Vec<&'a str>,
    min_quality: Option<f64>,
    output: Option<&'a OutputSpec>,
    request: ChatRequest,
}

/// What `task` is known by.
///
/// # Errors
/// The request cannot be written as JSON.
pub fn fingerprint(task: &Task, admission: &Admission, route: &str) -> Result<Fingerprint, serde_json::Error> {
    let mut request = task.input.clone();
    // How the answer travels changes nothing about it, and the route is told apart.
    (request.model, request.stream) = (None, None);
    request.other.remove("stream_options");
    request.other.remove("user");
    let is_asked = request.messages.last().is_some_and(|message| message.role == "user");
    let last = if is_asked { request.messages.pop() } else { None };
    let mut models: Vec<&str> = task.constraints.models.iter().map(String::as_str).collect();
    models.sort_unstable();
    let scope = Scope {
        team: task.team.as_str(),
        policy_version: &admission.policy_version,
        class: admission.class.as_str(),
        route,
        models,
        min_quality: task.constraints.min_quality,
        output: task.output.as_ref(),
        request,
    };
    let scope = hex(&serde_json::to_vec(&scope)?);
    let exact = hex(&serde_json::to_vec(&(&scope, &last))?);
    let text = last.as_ref().filter(|_| task.input.embedding.is_none()).and_then(plain_text);
    let words = text.and_then(Words::of);
    let text = text.filter(|_| words.is_some()).map(str::to_owned);
    Ok(Fingerprint { scope, exact, words, text })
}

/// The text of a message that is nothing but text.
fn plain_text(message: &ChatMessage) -> Option<&str> {
    match &message.content {
        Some(Content::Text(text)) if message.other.is_empty() => Some(text),
        _ => None,
    }
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    digest(&SHA256, bytes).as_ref().iter().fold(String::with_capacity(64), |mut text, byte| {
        // Writing to a string cannot fail.
        let _written = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests;
