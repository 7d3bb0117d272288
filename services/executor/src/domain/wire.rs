//! Wire formats of providers: the task's OpenAI-shaped request in their words, and their answers and
//! errors back in OpenAI's.
//!
//! What a provider cannot express is left out with a warning when the answer means the same without
//! it, and is a failure of class `unsupported` when it would not: another model of the plan may do it.

mod anthropic;
mod azure;
mod bedrock;
mod chunks;
mod completion;
mod conversation;
mod gemini;
mod media;
mod openai;
mod options;
mod reading;
mod responses;
mod tools;
mod warnings;

use super::{answer::Answer, classify, embedding::Vectors, failure::Failure, prompt::Prompt, sse::Event};
use neptune_contracts::{
    Timestamp,
    attempt::{ErrorClass, Usage},
    chat::ChatRequest,
    embedding::EmbeddingSpec,
    problem::Problem,
    resource::{ModelSpec, Provider},
};
use serde_json::Value;

/// What is asked of a model.
#[derive(Clone, Copy)]
pub struct Asked<'a> {
    /// The name the provider knows the model by.
    pub upstream_model: &'a str,
    /// The model resource.
    pub model: &'a ModelSpec,
    /// The request.
    pub input: &'a ChatRequest,
    /// The same, written already.
    pub prompt: &'a Prompt,
}

/// A request in a provider's words.
#[derive(Debug, PartialEq)]
pub struct Outgoing {
    /// Path and query below the model's endpoint, percent-encoded.
    pub path: String,
    /// Headers of the format itself; credentials are none of them.
    pub headers: Vec<(&'static str, String)>,
    /// JSON.
    pub body: Vec<u8>,
    /// What was left out or done otherwise.
    pub warnings: Vec<Problem>,
}

/// A refusal as it came.
#[derive(Clone, Copy, Default)]
pub struct Refusal<'a> {
    /// HTTP status.
    pub status: u16,
    /// What the header `x-amzn-errortype` says, by which AWS names the kind of error.
    pub error_type: Option<&'a str>,
    /// The body, as far as it arrived.
    pub body: &'a [u8],
    /// How long the headers ask to wait.
    pub retry_after_ms: Option<u64>,
}

/// A wire format. Every function is pure.
pub trait Wire: Sync {
    /// The request in the provider's words.
    ///
    /// # Errors
    /// Class `unsupported` for what the provider cannot do, `bad_request` for what cannot be written.
    fn request(&self, asked: &Asked<'_>) -> Result<Outgoing, Failure>;

    /// The body of a success as an answer of the model resource `name`, which came at `now`.
    ///
    /// # Errors
    /// It cannot be read, holds no answer, or was filtered.
    fn answer(&self, body: &[u8], name: &str, now: Timestamp) -> Result<Answer, Failure>;

    /// The request for an answer in pieces; nothing where the format's pieces are not read here, so
    /// that the answer comes in one.
    fn streamed_request(&self, _asked: &Asked<'_>) -> Option<Result<Outgoing, Failure>> {
        None
    }

    /// The request for the vectors of the texts.
    ///
    /// # Errors
    /// As those of [`Self::request`]; class `unsupported` where the format's embeddings are not spoken here.
    fn embeddings_request(&self, _asked: &Asked<'_>, _spec: EmbeddingSpec) -> Result<Outgoing, Failure> {
        Err(unsupported("embeddings of this provider cannot be asked for"))
    }

    /// The body of a success as the vectors that [`Self::embeddings_request`] asks for.
    ///
    /// # Errors
    /// It cannot be read, or holds none.
    fn vectors(&self, _body: &[u8]) -> Result<Vectors, Failure> {
        Err(unsupported("embeddings of this provider cannot be read"))
    }

    /// How the pieces that [`Self::streamed_request`] asks for are packed.
    fn framing(&self) -> Framing {
        Framing::ServerSent
    }

    /// A reader of these pieces, which begin to come at `now`.
    fn pieces(&self, _now: Timestamp) -> Box<dyn Pieces> {
        Box::<openai::Chunks>::default()
    }

    /// The failure that a refusal is.
    fn refused(&self, refusal: &Refusal<'_>) -> Failure {
        classify::refused(refusal.status, refusal.body, refusal.retry_after_ms)
    }
}

/// How the pieces of a streamed answer are packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// Server-sent events.
    ServerSent,
    /// AWS's binary frames.
    AwsFrames,
}

impl Framing {
    /// The media type of such a body.
    #[must_use]
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::ServerSent => "text/event-stream",
            Self::AwsFrames => "application/vnd.amazon.eventstream",
        }
    }
}

/// Reads the pieces of a streamed answer, in the order they come.
pub trait Pieces: Send {
    /// The chat completion chunks that an event is, in OpenAI's form.
    ///
    /// # Errors
    /// It cannot be read, or says that the answer failed.
    fn read(&mut self, event: &Event) -> Result<Vec<Value>, Failure>;

    /// Whether the provider has said that nothing follows.
    fn is_ended(&self) -> bool;

    /// What was counted, as far as chunks have no word for its classes; nothing when they say all.
    fn usage(&self) -> Option<Usage> {
        None
    }
}

/// The format a provider speaks.
#[must_use]
pub fn of(provider: Provider) -> &'static dyn Wire {
    match provider {
        Provider::Openai => &openai::Openai,
        Provider::OpenaiResponses => &responses::Responses,
        Provider::Azure => &azure::Azure,
        Provider::Anthropic => &anthropic::Anthropic,
        Provider::Gemini => &gemini::Gemini,
        Provider::Bedrock => &bedrock::Bedrock,
    }
}

/// A failure by which the plan goes on: another provider may be able to do it.
fn unsupported(message: impl Into<String>) -> Failure {
    Failure::new(ErrorClass::Unsupported, message)
}

/// The JSON object that an event of a stream carries.
fn event_data(event: &Event) -> Result<Value, Failure> {
    let data: Option<Value> = serde_json::from_str(&event.data).ok();
    data.filter(Value::is_object)
        .ok_or_else(|| Failure::new(ErrorClass::Malformed, "a piece of the answer is not a JSON object"))
}

/// Headers that the format wants with each request, whatever it asks.
#[must_use]
pub fn headers(model: &ModelSpec) -> Vec<(&'static str, String)> {
    match model.provider {
        Provider::Anthropic => vec![anthropic::version(model)],
        _ => Vec::new(),
    }
}

fn written(body: &serde_json::Value) -> Result<Vec<u8>, Failure> {
    serde_json::to_vec(body).map_err(|_| Failure::new(ErrorClass::BadRequest, "the request cannot be written as JSON"))
}

/// One segment of a path: everything but unreserved characters is encoded.
fn segment(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

#[cfg(test)]
mod tests;
