//! What must hold in the executor for any bytes from a provider or a caller.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "each target runs one of them, and a panic is what the fuzzer looks for"
)]

use neptune_contracts::{
    PicoUsd, Timestamp,
    attempt::Usage,
    batch::{Batch, BatchPhase},
    chat::ChatRequest,
    ids::AttemptId,
    resource::{ModelSpec, Provider},
};
use neptune_executor::domain::{
    answer::{self, Answer},
    assemble::Assembly,
    batch::api::{self, Found, Standing},
    failure::Failure,
    frames,
    output::repair::repaired,
    price,
    prompt::Prompt,
    sse,
    wire::{self, Asked, Framing, Refusal},
};
use serde_json::{Value, json};

const NAME: &str = "acme/m";

fn now() -> Timestamp {
    Timestamp::from_unix_micros(1_790_000_000_000_000).unwrap()
}

fn model(provider: Provider) -> ModelSpec {
    let price = json!({"inputUsdPerMtok": "2", "cachedInputUsdPerMtok": "0.5", "outputUsdPerMtok": "8"});
    serde_json::from_value(json!({"provider": provider, "endpoint": "https://acme.example/v1", "price": price}))
        .unwrap()
}

/// Where a body is cut; the first byte says.
fn halves(data: &[u8]) -> (&[u8], &[u8]) {
    let at = data.first().map_or(0, |first| usize::from(*first) % (data.len() + 1));
    data.split_at(at)
}

/// Where a stream is cut does not matter.
pub fn server_sent_events(data: &[u8]) {
    let whole = sse::Reader::default().read(data);
    let (mut reader, (first, rest)) = (sse::Reader::default(), halves(data));
    let parts = reader.read(first).and_then(|events| Ok([events, reader.read(rest)?].concat()));
    assert_eq!(whole, parts);
}

/// Where a stream is cut does not matter.
pub fn aws_frames(data: &[u8]) {
    let whole = frames::Reader::default().read(data);
    let (mut reader, (first, rest)) = (frames::Reader::default(), halves(data));
    let parts = reader.read(first).and_then(|events| Ok([events, reader.read(rest)?].concat()));
    assert_eq!(whole, parts);
}

/// An answer is one in OpenAI's shape that can be paid for, and a failure says nothing of the provider's words.
pub fn answers(data: &[u8]) {
    for provider in Provider::ALL {
        let wire = wire::of(provider);
        check(wire.answer(data, NAME, now()), provider);
        for status in [302, 400, 401, 403, 404, 408, 413, 422, 429, 500, 503, 529] {
            let refusal = Refusal { status, error_type: None, body: data, retry_after_ms: Some(u64::MAX) };
            check_failure(&wire.refused(&refusal));
        }
    }
}

/// What a batch API says is known or a failure, and its names can stand in a path.
pub fn batches(data: &[u8]) {
    let value: Value = serde_json::from_slice(data).unwrap_or_default();
    let batch = Batch {
        id: "0199f2aa-0000-7000-8000-0000000000b1".parse::<AttemptId>().unwrap(),
        members: Vec::new(),
        planned_at: Timestamp::EPOCH,
        phase: BatchPhase::Uploading,
    };
    for provider in [Provider::Openai, Provider::Anthropic] {
        let api = api::of(provider).unwrap();
        for line in data.split(|byte| *byte == b'\n') {
            if let Some(line) = api.line(line) {
                check(api::result(&line.said, wire::of(provider), NAME, now()), provider);
            }
        }
        let mut names: Vec<String> = api::name(&value).into_iter().chain(api.file(&value, batch.id)).collect();
        match api.find(&value, &batch) {
            Found::No => {}
            Found::This(name) => names.push(name),
            Found::Perhaps(all) => names.extend(all),
        }
        match api.standing(&value) {
            Ok(Standing::Ended(paths)) => {
                names.extend(paths.iter().flat_map(|path| path.split('/').map(str::to_owned)))
            }
            Ok(Standing::Working) => {}
            Err(failure) => check_failure(&failure),
        }
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        assert!(names.iter().all(|name| !name.is_empty() && !name.starts_with('.') && name.bytes().all(is_plain)));
    }
}

fn check(found: Result<Answer, Failure>, provider: Provider) {
    match found {
        Ok(answer) => {
            assert_eq!(answer.output["model"], NAME, "{provider:?}");
            let choices = answer.output["choices"].as_array().unwrap();
            assert!(!choices.is_empty() && choices.iter().all(|choice| choice["message"].is_object()), "{provider:?}");
            let usage = answer.usage.unwrap_or_else(|| price::estimated_usage(7, &answer.output));
            check_usage(&usage, provider);
        }
        Err(failure) => check_failure(&failure),
    }
}

fn check_usage(usage: &Usage, provider: Provider) {
    assert!(price::cost(usage, &model(provider).price) >= PicoUsd::ZERO, "{usage:?}");
    assert!(usage.input_total() < u64::MAX && usage.output_total() < u64::MAX);
}

fn check_failure(failure: &Failure) {
    // Fixed words and identifiers of 64 characters at most, so that no piece of a task is repeated.
    let message = &failure.error.message;
    assert!(message.len() <= 400 && message.chars().all(|character| !character.is_control()), "{message}");
}

/// The pieces of a streamed answer end in an answer or a failure, and can be paid for as far as they came.
pub fn streamed_answers(data: &[u8]) {
    for provider in Provider::ALL {
        let wire = wire::of(provider);
        let events = match wire.framing() {
            Framing::ServerSent => sse::Reader::default().read(data).unwrap_or_default(),
            // Frames are hard to hit by chance; what they hold is read as if it had come in some.
            Framing::AwsFrames => {
                frames::Reader::default().read(data).or_else(|_| sse::Reader::default().read(data)).unwrap_or_default()
            }
        };
        let (mut pieces, mut assembly) = (wire.pieces(now()), Assembly::default());
        for event in &events {
            match pieces.read(event) {
                Ok(chunks) => drop(chunks.iter().map(|chunk| assembly.add(chunk)).collect::<Vec<_>>()),
                Err(failure) => {
                    check_failure(&failure);
                    break;
                }
            }
        }
        if let Some(usage) = pieces.usage() {
            check_usage(&usage, provider);
        }
        let completion = assembly.completion();
        check_usage(&price::estimated_usage(0, &completion), provider);
        check(answer::of_output(completion, NAME), provider);
    }
}

/// A chat completion becomes JSON for each provider, or is refused.
pub fn requests(data: &[u8]) {
    let Ok(input) = serde_json::from_slice::<ChatRequest>(data) else { return };
    let prompt = Prompt::write(&input).unwrap();
    for provider in Provider::ALL {
        let model = model(provider);
        let asked = Asked { upstream_model: "m", model: &model, input: &input, prompt: &prompt };
        let wire = wire::of(provider);
        for found in [Some(wire.request(&asked)), wire.streamed_request(&asked)].into_iter().flatten() {
            match found {
                Ok(outgoing) => {
                    let body: Value = serde_json::from_slice(&outgoing.body).unwrap();
                    assert!(body.is_object() && !outgoing.path.contains(' '), "{provider:?}");
                }
                Err(failure) => assert!(!failure.error.message.is_empty()),
            }
        }
    }
}

/// What is repaired is JSON, and is found in itself again.
pub fn repair(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    for is_cut in [false, true] {
        for found in repaired(text, is_cut) {
            let Ok(value) = serde_json::from_str::<Value>(&found) else {
                // Numbers that no float holds are JSON all the same.
                assert!(found.contains(['e', 'E']) || found.len() > 300, "{found}");
                continue;
            };
            let again = repaired(&found, is_cut);
            let again: Value = serde_json::from_str(again.first().unwrap_or_else(|| panic!("{found}"))).unwrap();
            assert_eq!(again, value);
        }
    }
}
