//! Streams in each provider's words, written from its documentation, against the whole answers.

use crate::golden::{golden, model, request, text};
use neptune_contracts::{Timestamp, attempt::Usage};
use neptune_executor::domain::{
    answer,
    assemble::Assembly,
    prompt::Prompt,
    sse::{Event, Reader},
    wire::{self, Asked},
};
use serde_json::{Value, json};

const PROVIDERS: [&str; 4] = ["openai_responses", "anthropic", "gemini", "bedrock"];

fn now() -> Timestamp {
    Timestamp::from_unix_micros(1_790_000_000_000_000).unwrap()
}

fn event(found: &Value) -> Event {
    Event { event: found["event"].as_str().unwrap().to_owned(), data: found["data"].to_string() }
}

fn events(provider: &str) -> Vec<Event> {
    if provider == "bedrock" {
        return golden("bedrock/stream.json").as_array().unwrap().iter().map(event).collect();
    }
    Reader::default().read(text(&format!("{provider}/stream.sse")).as_bytes()).unwrap()
}

#[test]
fn pieces_put_together_are_the_whole_answer() {
    for provider in PROVIDERS {
        let pair = golden(&format!("{provider}/answer.json"));
        let (mut pieces, mut assembly) = (wire::of(model(provider).provider).pieces(now()), Assembly::default());
        let mut said = Vec::new();
        for event in events(provider) {
            for chunk in pieces.read(&event).unwrap() {
                assert_eq!(
                    (chunk["object"].as_str(), &chunk["id"]),
                    (Some("chat.completion.chunk"), &pair["answer"]["id"])
                );
                assembly.add(&chunk);
                said.push(chunk);
            }
        }
        assert!(assembly.is_complete(), "{provider}");
        // Gemini's stream just ends.
        assert_eq!(pieces.is_ended(), provider != "gemini");
        let whole = answer::of_output(assembly.completion(), "acme/m").unwrap();
        assert_eq!(whole.output, pair["answer"], "{provider}: {:#}", whole.output);
        assert_eq!(
            json!(pieces.usage()),
            json!(serde_json::from_value::<Usage>(pair["usage"].clone()).unwrap()),
            "{provider}"
        );
        let first = &said[0]["choices"][0]["delta"];
        assert_eq!((&first["role"], &first["reasoning_content"].is_string()), (&json!("assistant"), &true), "{first}");
    }
}

#[test]
fn what_goes_wrong_in_a_stream_has_its_class() {
    for provider in PROVIDERS {
        for error in golden(&format!("{provider}/stream_errors.json")).as_array().unwrap() {
            let mut pieces = wire::of(model(provider).provider).pieces(now());
            let failure = pieces.read(&event(error)).expect_err(&error.to_string());
            assert_eq!(json!(failure.error.class), error["class"], "{provider} {error}");
            let words = error.pointer("/data/error/message").or(error.pointer("/data/message")).and_then(Value::as_str);
            assert!(words.is_none_or(|words| !failure.error.message.contains(words)), "{provider} {error}");
        }
    }
}

#[test]
fn a_stream_is_asked_for_as_the_provider_expects() {
    for (provider, path, stream) in [
        ("openai_responses", "responses", json!(true)),
        ("anthropic", "messages", json!(true)),
        ("gemini", "models/upstream-name:streamGenerateContent?alt=sse", Value::Null),
        ("bedrock", "model/upstream-name/converse-stream", Value::Null),
    ] {
        let mut wanted = golden(&format!("{provider}/sent.json"))["body"].take();
        if !stream.is_null() {
            wanted["stream"] = stream;
        }
        let model = model(provider);
        let mut input = request(provider);
        input.stream = Some(true);
        let prompt = Prompt::write(&input).unwrap();
        let asked = Asked { upstream_model: "upstream-name", model: &model, input: &input, prompt: &prompt };
        let sent = wire::of(model.provider).streamed_request(&asked).unwrap().unwrap();
        assert_eq!(serde_json::from_slice::<Value>(&sent.body).unwrap(), wanted, "{provider}");
        assert_eq!(sent.path, path);
    }
}
