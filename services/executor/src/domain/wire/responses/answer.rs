//! An answer of OpenAI Responses in the words of a chat completion.

use crate::domain::{
    answer::{Answer, inner_error},
    failure::{Billed, Failure},
    wire::{
        completion::{Call, Choice, Completion, End},
        reading::{arguments, count, list, object, refused, text},
    },
};
use neptune_contracts::{Timestamp, attempt::Usage};
use serde_json::Value;

pub(super) fn read(body: &[u8], name: &str, now: Timestamp) -> Result<Answer, Failure> {
    let body = object(body)?;
    let usage = usage(body.get("usage"));
    if text(&body, "/status") == "failed" {
        return Err(failed(&body, "/error").billed(usage.map_or(Billed::No, Billed::Counted)));
    }
    if !body.get("output").is_some_and(Value::is_array)
        && let Some(failure) = inner_error(&body)
    {
        return Err(failure);
    }
    let choices = if body.get("output").is_some_and(Value::is_array) { vec![choice(&body)] } else { Vec::new() };
    Completion { id: body.get("id").and_then(Value::as_str), choices, usage }.into_answer(name, now)
}

fn choice(body: &Value) -> Choice {
    let mut choice = Choice { end: end(body), ..Choice::default() };
    for item in list(body, "/output") {
        match text(item, "/type") {
            "message" => {
                for part in list(item, "/content") {
                    choice.text.push_str(text(part, "/text"));
                    choice.refusal.push_str(text(part, "/refusal"));
                }
            }
            "function_call" => choice.calls.push(Call {
                id: text(item, "/call_id").into(),
                name: text(item, "/name").into(),
                arguments: arguments(serde_json::from_str(text(item, "/arguments")).ok().as_ref()),
                signature: None,
            }),
            "reasoning" => {
                let words = list(item, "/summary").iter().chain(list(item, "/content"));
                words.for_each(|part| choice.thoughts.push_str(text(part, "/text")));
            }
            _ => {}
        }
    }
    choice
}

pub(super) fn end(response: &Value) -> End {
    match text(response, "/incomplete_details/reason") {
        "max_output_tokens" => End::Length,
        "content_filter" => End::Filtered,
        _ => End::Stop,
    }
}

/// The input includes what a cache read, the output includes reasoning.
pub(super) fn usage(usage: Option<&Value>) -> Option<Usage> {
    let usage = usage?;
    let (input, output) = (count(usage, "/input_tokens")?, count(usage, "/output_tokens")?);
    let cache_read = count(usage, "/input_tokens_details/cached_tokens").unwrap_or(0).min(input);
    let cache_write = count(usage, "/input_tokens_details/cache_write_tokens").unwrap_or(0).min(input - cache_read);
    let reasoning = count(usage, "/output_tokens_details/reasoning_tokens").unwrap_or(0).min(output);
    Some(Usage {
        input_uncached: input - cache_read - cache_write,
        cache_read,
        cache_write,
        output: output - reasoning,
        reasoning,
        ..Usage::default()
    })
}

/// A failure that is told inside a success, by its code.
pub(super) fn failed(body: &Value, pointer: &str) -> Failure {
    let code = text(body, &format!("{pointer}/code"));
    let status = match code {
        "rate_limit_exceeded" | "insufficient_quota" => 429,
        "invalid_prompt"
        | "invalid_image"
        | "invalid_image_format"
        | "invalid_base64_image"
        | "invalid_image_url"
        | "image_too_large"
        | "image_too_small"
        | "empty_image_file"
        | "context_length_exceeded"
        | "content_filter"
        | "content_policy_violation" => 400,
        _ => 500,
    };
    refused(status, code, text(body, &format!("{pointer}/message")), None)
}
