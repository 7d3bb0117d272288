//! The body of a chat completion.

use axum::body::Bytes;
use serde::Serialize;

use crate::domain::answer::{Answer, Content};
use crate::domain::dialect::Reply;
use crate::domain::usage::Usage;

#[derive(Serialize)]
struct Completion<'a> {
    id: String,
    object: &'static str,
    created: u64,
    model: &'a str,
    choices: Vec<Choice<'a>>,
    usage: Tokens,
    system_fingerprint: &'static str,
}

#[derive(Serialize)]
struct Choice<'a> {
    index: usize,
    message: Message<'a>,
    logprobs: Option<()>,
    finish_reason: &'static str,
}

#[derive(Serialize)]
struct Message<'a> {
    role: &'static str,
    content: Option<&'a str>,
    refusal: Option<()>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_calls: Option<[ToolCall<'a>; 1]>,
}

#[derive(Serialize)]
struct ToolCall<'a> {
    id: String,
    #[serde(rename = "type")]
    kind: &'static str,
    function: Function<'a>,
}

#[derive(Serialize)]
struct Function<'a> {
    name: &'a str,
    arguments: &'a str,
}

#[derive(Serialize)]
pub(super) struct Tokens {
    prompt_tokens: u64,
    completion_tokens: u64,
    total_tokens: u64,
    prompt_tokens_details: PromptDetails,
    completion_tokens_details: CompletionDetails,
}

#[derive(Serialize)]
struct PromptDetails {
    cached_tokens: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    cache_write_tokens: Option<u64>,
}

#[derive(Serialize)]
struct CompletionDetails {
    reasoning_tokens: u64,
}

pub(super) fn body(reply: &Reply<'_>) -> Result<Bytes, serde_json::Error> {
    let completion = Completion {
        id: id(reply),
        object: "chat.completion",
        created: reply.created_unix_s,
        model: reply.model,
        choices: reply.answers.iter().enumerate().map(|(index, answer)| choice(reply, index, answer)).collect(),
        usage: tokens(reply.usage),
        system_fingerprint: "fp_simulator",
    };
    serde_json::to_vec(&completion).map(Bytes::from)
}

pub(super) fn id(reply: &Reply<'_>) -> String {
    format!("chatcmpl-{:016x}-{}", reply.digest, reply.number)
}

pub(super) fn call_id(reply: &Reply<'_>, index: usize) -> String {
    format!("call_{:016x}_{index}", reply.digest)
}

fn choice<'a>(reply: &Reply<'_>, index: usize, answer: &'a Answer) -> Choice<'a> {
    let (content, tool_calls) = match &answer.content {
        Content::Text(text) => (Some(text.as_str()), None),
        Content::Call { name, arguments } => {
            let id = call_id(reply, index);
            (None, Some([ToolCall { id, kind: "function", function: Function { name, arguments } }]))
        }
    };
    let message = Message { role: "assistant", content, refusal: None, tool_calls };
    Choice { index, message, logprobs: None, finish_reason: answer.finish_reason }
}

pub(super) fn tokens(usage: &Usage) -> Tokens {
    Tokens {
        prompt_tokens: usage.prompt,
        completion_tokens: usage.completion,
        total_tokens: usage.prompt + usage.completion,
        prompt_tokens_details: PromptDetails {
            cached_tokens: usage.cached,
            cache_write_tokens: Some(usage.written).filter(|written| *written > 0),
        },
        completion_tokens_details: CompletionDetails { reasoning_tokens: usage.reasoning },
    }
}
