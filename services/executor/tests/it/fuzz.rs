//! The bodies of `fuzz/`, for a moment, over changed samples.

#[path = "../../../../fuzz/bodies/executor.rs"]
mod bodies;
#[path = "../../../../fuzz/bodies/changes.rs"]
mod changes;

use crate::golden::{golden, text};
use changes::Changes;
use serde_json::{Value, json};

/// Changed samples for each body; they are the same each time.
const COUNT: usize = 1_500;

const PROVIDERS: [&str; 5] = ["openai", "azure", "anthropic", "gemini", "bedrock"];

/// Answers and errors of every provider.
fn answers() -> Vec<Vec<u8>> {
    let answer = |provider: &str| golden(&format!("{provider}/answer.json"));
    let mut samples: Vec<Value> = PROVIDERS.iter().flat_map(|provider| parts(answer(provider))).collect();
    samples.extend(PROVIDERS.iter().flat_map(|provider| parts(golden(&format!("{provider}/errors.json")))));
    samples.iter().map(|sample| sample.to_string().into_bytes()).collect()
}

/// A golden file as a whole, and each object in it.
fn parts(file: Value) -> Vec<Value> {
    let inner: Vec<Value> = match &file {
        Value::Array(list) => list.clone(),
        Value::Object(fields) => fields.values().filter(|value| value.is_object()).cloned().collect(),
        _ => Vec::new(),
    };
    [file].into_iter().chain(inner).collect()
}

/// Streams of every provider, as server-sent events.
fn streams() -> Vec<Vec<u8>> {
    let packed =
        |event: &Value| format!("event: {}\ndata: {}\n\n", event["event"].as_str().unwrap_or_default(), event["data"]);
    let of_bedrock: String = golden("bedrock/stream.json").as_array().unwrap().iter().map(packed).collect();
    let chunk = json!({"id": "c", "choices": [{"index": 0, "delta": {"role": "assistant", "content": "hi", "tool_calls": [{"index": 0, "id": "a", "function": {"name": "f", "arguments": "{"}}]}, "finish_reason": "stop"}], "usage": {"prompt_tokens": 3, "completion_tokens": 2}});
    let of_openai = format!("data: {chunk}\n\n: comment\r\ndata: {chunk}\r\n\r\ndata: [DONE]\n\n");
    [text("anthropic/stream.sse"), text("gemini/stream.sse"), of_bedrock, of_openai].map(String::into_bytes).to_vec()
}

#[test]
fn streams_are_read_however_they_are_packed_and_cut() {
    Changes::of(streams(), 1).run(COUNT, bodies::server_sent_events);
    let mut frames = streams();
    frames.extend([vec![0; 16], vec![0, 0, 0, 16, 0, 0, 0, 0, 5, 194, 72, 235, 125, 152, 200, 255]]);
    Changes::of(frames, 2).run(COUNT, bodies::aws_frames);
}

#[test]
fn whatever_a_provider_answers_is_an_answer_or_a_failure() {
    Changes::of(answers(), 3).run(COUNT, bodies::answers);
    Changes::of(streams(), 4).run(COUNT, bodies::streamed_answers);
}

/// What batch APIs say: states, lists, and lines of results.
fn batches() -> Vec<Vec<u8>> {
    let id = "0199f2aa-0000-7000-8000-0000000000b1";
    let answer =
        json!({"choices": [{"message": {"content": "hi"}}], "usage": {"prompt_tokens": 3, "completion_tokens": 2}});
    let message = json!({"type": "message", "stop_reason": "end_turn", "content": [{"type": "text", "text": "hi"}], "usage": {"input_tokens": 3, "output_tokens": 2}});
    let error = json!({"type": "error", "error": {"type": "overloaded_error", "message": "later"}});
    let lines = [
        json!({"custom_id": id, "response": {"status_code": 200, "body": answer}, "error": null}),
        json!({"custom_id": id, "response": {"status_code": 400, "body": error}, "error": null}),
        json!({"custom_id": id, "response": null, "error": {"code": "batch_expired", "message": "late"}}),
        json!({"custom_id": id, "result": {"type": "succeeded", "message": message}}),
        json!({"custom_id": id, "result": {"type": "errored", "error": error}}),
        json!({"custom_id": id, "result": {"type": "expired"}}),
    ];
    let batch = json!({"id": "batch_1", "status": "completed", "output_file_id": "file-o", "error_file_id": "file-e", "metadata": {"neptune_batch": id}});
    let made = json!({"id": "msgbatch_1", "processing_status": "ended", "created_at": "2026-11-26T20:00:00Z", "request_counts": {"succeeded": 0}});
    let file = json!({"id": "file-1", "filename": format!("neptune-{id}.jsonl")});
    let lists = [batch.clone(), made.clone(), json!({"data": [batch, made, file]})];
    lines.iter().chain(&lists).map(|sample| sample.to_string().into_bytes()).collect()
}

#[test]
fn whatever_a_batch_api_says_is_known_or_a_failure() {
    Changes::of(batches(), 7).run(COUNT * 2, bodies::batches);
}

#[test]
fn whatever_is_asked_for_is_json_for_each_provider_or_refused() {
    Changes::of(vec![text("request.json").into_bytes()], 5).run(COUNT, bodies::requests);
}

#[test]
fn what_is_repaired_is_json() {
    let samples = [
        r#"Here you are: ```json
{'leaking': 3, "names": ["a", "b",], // two
 valve: "it said \"no\"", deep: {"x": [1, 2.5e3, -0, null, true]}}
```"#,
        r#"{"a": [1, 2, {"b": "c"#,
        r#"[{“a”: 'b', "c": NaN}, {"c": True, d: undefined}] and {"e": 1}"#,
        r#"{"a": 1e999, "b": -.5, "c": +7, "d": 0x1F, "e": "\u00e4\ud83d\ude00"}"#,
    ];
    Changes::of(samples.map(|text| text.as_bytes().to_vec()).to_vec(), 6).run(COUNT * 4, bodies::repair);
}
