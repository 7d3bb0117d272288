//! An OpenAI chat completion, put together from what another provider answered.

use crate::domain::{
    answer::Answer,
    failure::{Billed, Failure},
};
use neptune_contracts::{
    Timestamp,
    attempt::{ErrorClass, Usage},
};
use serde_json::{Map, Value, json};

/// One answer of a model.
#[derive(Debug, Default)]
pub(super) struct Choice {
    /// What it said.
    pub(super) text: String,
    /// What it said when it declined to answer.
    pub(super) refusal: String,
    /// What it thought, in words.
    pub(super) thoughts: String,
    /// The same as the provider wants it back, see `Kind::Thinking`.
    pub(super) thinking_blocks: Vec<Value>,
    /// Its calls of tools.
    pub(super) calls: Vec<Call>,
    /// Why it ended.
    pub(super) end: End,
}

/// A call of a tool.
#[derive(Debug)]
pub(super) struct Call {
    /// Minted from its place when the provider names none.
    pub(super) id: String,
    pub(super) name: String,
    pub(super) arguments: Value,
    /// What Gemini wants back with it.
    pub(super) signature: Option<String>,
}

/// Why an answer ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum End {
    /// It was complete, or calls tools.
    #[default]
    Stop,
    /// It had no room left.
    Length,
    /// A filter, or the model, declined.
    Filtered,
    /// The model produced what its provider cannot read.
    Malformed,
}

/// An answer before it is put together.
#[derive(Debug)]
pub(super) struct Completion<'a> {
    /// The provider's id of it.
    pub(super) id: Option<&'a str>,
    pub(super) choices: Vec<Choice>,
    pub(super) usage: Option<Usage>,
}

impl Completion<'_> {
    /// The answer of the model resource `name`, which came at `now`.
    ///
    /// # Errors
    /// It holds none, or was filtered. What was counted is billed.
    pub(super) fn into_answer(self, name: &str, now: Timestamp) -> Result<Answer, Failure> {
        let billed = self.usage.map_or(Billed::Perhaps, Billed::Counted);
        let fail = |class, what: &str| Err(Failure::new(class, what).billed(billed));
        let all = |end: End| !self.choices.is_empty() && self.choices.iter().all(|choice| choice.end == end);
        if all(End::Filtered) {
            return fail(ErrorClass::Refusal, "the provider's content filter or the model declined to answer");
        }
        if all(End::Malformed) {
            return fail(ErrorClass::Malformed, "the model produced what its provider cannot read");
        }
        if self.choices.is_empty() {
            return fail(ErrorClass::Malformed, "the answer holds no choice");
        }
        let choices: Vec<Value> = self.choices.into_iter().enumerate().map(choice).collect();
        let mut output = json!({
            "id": self.id.map_or_else(|| format!("chatcmpl-{}", now.unix_seconds()), str::to_owned),
            "object": "chat.completion",
            "created": now.unix_seconds(),
            "model": name,
            "choices": choices,
        });
        if let (Some(usage), Some(fields)) = (&self.usage, output.as_object_mut()) {
            fields.insert("usage".into(), counted(usage));
        }
        Ok(Answer { output, usage: self.usage, warnings: Vec::new(), limits: None })
    }
}

fn choice((index, choice): (usize, Choice)) -> Value {
    let mut message = Map::new();
    message.insert("role".into(), "assistant".into());
    let says_nothing = choice.text.is_empty() && !(choice.calls.is_empty() && choice.refusal.is_empty());
    message.insert("content".into(), if says_nothing { Value::Null } else { choice.text.into() });
    let has_refused = !choice.refusal.is_empty();
    message.insert("refusal".into(), if has_refused { choice.refusal.into() } else { Value::Null });
    if !choice.thoughts.is_empty() {
        message.insert("reasoning_content".into(), choice.thoughts.into());
    }
    if !choice.thinking_blocks.is_empty() {
        message.insert("thinking_blocks".into(), choice.thinking_blocks.into());
    }
    let finish_reason = finish_reason(choice.end, !choice.calls.is_empty());
    if !choice.calls.is_empty() {
        message.insert("tool_calls".into(), choice.calls.into_iter().map(call).collect());
    }
    json!({"index": index, "message": message, "logprobs": null, "finish_reason": finish_reason})
}

/// Why a choice ended, in OpenAI's words.
pub(super) const fn finish_reason(end: End, has_calls: bool) -> &'static str {
    match end {
        End::Length => "length",
        End::Filtered | End::Malformed => "content_filter",
        End::Stop if has_calls => "tool_calls",
        End::Stop => "stop",
    }
}

fn call(call: Call) -> Value {
    let function = json!({"name": call.name, "arguments": call.arguments.to_string()});
    let mut written = json!({"id": call.id, "type": "function", "function": function});
    if let (Some(signature), Some(fields)) = (call.signature, written.as_object_mut()) {
        fields.insert("extra_content".into(), json!({"google": {"thought_signature": signature}}));
    }
    written
}

/// Usage as OpenAI counts: cached input is part of the prompt, reasoning is part of the completion.
pub(super) fn counted(usage: &Usage) -> Value {
    json!({
        "prompt_tokens": usage.input_total(),
        "completion_tokens": usage.output_total(),
        "total_tokens": usage.input_total().saturating_add(usage.output_total()),
        "prompt_tokens_details": {
            "cached_tokens": usage.cache_read,
            "cache_write_tokens": usage.cache_write + usage.cache_write_hour,
        },
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning},
    })
}
