//! Gemini's answer in OpenAI's words.

use crate::domain::{
    answer::Answer,
    failure::{Billed, Failure},
    wire::{
        completion::{Call, Choice, Completion, End},
        reading::{arguments, count, list, object, text},
    },
};
use neptune_contracts::{
    Timestamp,
    attempt::{ErrorClass, Usage},
};
use serde_json::Value;

pub(super) fn read(body: &[u8], name: &str, now: Timestamp) -> Result<Answer, Failure> {
    let body = object(body)?;
    let usage = usage(body.get("usageMetadata"));
    let id = body.get("responseId").and_then(Value::as_str);
    let candidates = list(&body, "/candidates");
    if candidates.is_empty() && !text(&body, "/promptFeedback/blockReason").is_empty() {
        let billed = usage.map_or(Billed::Perhaps, Billed::Counted);
        return Err(
            Failure::new(ErrorClass::Refusal, "the provider's content filter stopped the request").billed(billed)
        );
    }
    let choices = candidates.iter().enumerate().map(|(index, candidate)| choice(candidate, index, id)).collect();
    Completion { id, choices, usage }.into_answer(name, now)
}

fn choice(candidate: &Value, index: usize, response: Option<&str>) -> Choice {
    let mut choice = Choice { end: end(text(candidate, "/finishReason")), ..Choice::default() };
    for part in list(candidate, "/content/parts") {
        let words = text(part, "/text");
        if part.get("thought").and_then(Value::as_bool) == Some(true) {
            choice.thoughts.push_str(words);
        } else {
            choice.text.push_str(words);
        }
        let place = choice.calls.len();
        choice.calls.extend(call(part, (index, place), response));
    }
    choice
}

/// The call that a part is, at its `place` among the calls of the candidate `index`.
pub(super) fn call(part: &Value, (index, place): (usize, usize), response: Option<&str>) -> Option<Call> {
    let called = part.get("functionCall")?;
    let signature = part.get("thoughtSignature").and_then(Value::as_str);
    // Most models name no id; OpenAI's clients need one that is unique in the conversation.
    let minted = || format!("call_{}_{index}_{place}", response.unwrap_or("0"));
    Some(Call {
        id: called.get("id").and_then(Value::as_str).map_or_else(minted, str::to_owned),
        name: text(called, "/name").into(),
        arguments: arguments(called.get("args")),
        signature: signature.map(str::to_owned),
    })
}

pub(super) fn end(finish_reason: &str) -> End {
    match finish_reason {
        "MAX_TOKENS" => End::Length,
        "SAFETY"
        | "RECITATION"
        | "BLOCKLIST"
        | "PROHIBITED_CONTENT"
        | "SPII"
        | "LANGUAGE"
        | "IMAGE_SAFETY"
        | "IMAGE_PROHIBITED_CONTENT"
        | "IMAGE_RECITATION"
        | "MODEL_ARMOR" => End::Filtered,
        "MALFORMED_FUNCTION_CALL"
        | "UNEXPECTED_TOOL_CALL"
        | "MISSING_THOUGHT_SIGNATURE"
        | "TOO_MANY_TOOL_CALLS"
        | "MALFORMED_RESPONSE"
        | "OTHER" => End::Malformed,
        _ => End::Stop,
    }
}

/// Gemini's prompt includes what its cache read; its candidates exclude thoughts.
pub(super) fn usage(usage: Option<&Value>) -> Option<Usage> {
    let usage = usage?;
    let or_none = |pointer: &str| count(usage, pointer).unwrap_or(0);
    let input = count(usage, "/promptTokenCount")?.saturating_add(or_none("/toolUsePromptTokenCount"));
    let cache_read = or_none("/cachedContentTokenCount").min(input);
    Some(Usage {
        input_uncached: input - cache_read,
        cache_read,
        output: or_none("/candidatesTokenCount"),
        reasoning: or_none("/thoughtsTokenCount"),
        ..Usage::default()
    })
}
