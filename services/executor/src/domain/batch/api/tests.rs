#![allow(clippy::unwrap_used, clippy::indexing_slicing)]
use super::*;
use crate::domain::{failure::Billed, samples::start, wire};
use neptune_contracts::{batch::BatchPhase, ids::TaskId};
use serde_json::json;

const OPENAI: &dyn Api = &openai::Openai;
const ANTHROPIC: &dyn Api = &anthropic::Anthropic;

fn batch() -> Batch {
    let member = neptune_contracts::batch::BatchMember {
        team: "support".parse().unwrap(),
        task: TaskId::mint(),
        attempt: AttemptId::mint(),
        deadline: None,
    };
    Batch { id: AttemptId::mint(), members: vec![member], planned_at: start(), phase: BatchPhase::Uploading }
}

fn json_of(body: &[u8]) -> Value {
    serde_json::from_slice(body).unwrap()
}

#[test]
fn an_item_is_the_providers_own_request_under_its_name() {
    let id = AttemptId::mint();
    let body = br#"{"model":"m","messages":[{"role":"user","content":"two\nlines"}]}"#;
    let item = OPENAI.item(id, body);
    assert!(!item.contains(&b'\n'), "it stays a line");
    let wanted =
        json!({"custom_id": id.to_string(), "method": "POST", "url": "/v1/chat/completions", "body": json_of(body)});
    assert_eq!(json_of(&item), wanted);
    assert_eq!(json_of(&ANTHROPIC.item(id, body)), json!({"custom_id": id.to_string(), "params": json_of(body)}));
}

#[test]
fn openai_gets_a_file_and_a_batch_that_are_found_again_by_their_names() {
    let (batch, items) = (batch(), [b"{\"a\":1}".to_vec(), b"{\"b\":2}".to_vec()]);
    let upload = OPENAI.upload(batch.id, &items).unwrap();
    let form = String::from_utf8(upload.body).unwrap();
    assert!(
        upload.is_post && upload.path == "files" && upload.content_type.starts_with("multipart/form-data; boundary=")
    );
    assert!(
        form.contains("name=\"purpose\"\r\n\r\nbatch\r\n") && form.contains("\r\n\r\n{\"a\":1}\n{\"b\":2}\n\r\n--")
    );
    let name = format!("neptune-{}.jsonl", batch.id);
    assert!(form.contains(&format!("filename=\"{name}\"")));
    let files = json!({"data": [{"id": "file-x", "filename": "other"}, {"id": "file-1", "filename": name}]});
    assert_eq!(OPENAI.file(&files, batch.id).as_deref(), Some("file-1"));
    assert_eq!(OPENAI.file(&files, AttemptId::mint()), None);
    assert_eq!(OPENAI.file(&json!({"data": [{"id": "../secret", "filename": name}]}), batch.id), None);
    let create = OPENAI.create(batch.id, Some("file-1"), &[]);
    let said = json_of(&create.body);
    assert_eq!((said["input_file_id"].as_str(), said["completion_window"].as_str()), (Some("file-1"), Some("24h")));
    let list = json!({"data": [{"id": "batch_0", "metadata": null}, {"id": "batch_1", "metadata": said["metadata"]}]});
    assert_eq!(OPENAI.find(&list, &batch), Found::This("batch_1".into()));
    assert_eq!(OPENAI.find(&json!({"data": []}), &batch), Found::No);
    assert_eq!(OPENAI.find(&json!(null), &batch), Found::No);
}

#[test]
fn anthropic_gets_the_items_and_only_they_tell_a_batch() {
    let batch = batch();
    assert_eq!(ANTHROPIC.upload(batch.id, &[]), None);
    let create = ANTHROPIC.create(batch.id, None, &[b"{\"a\":1}".to_vec(), b"{\"b\":2}".to_vec()]);
    assert_eq!(
        (create.path.as_str(), json_of(&create.body)),
        ("messages/batches", json!({"requests": [{"a": 1}, {"b": 2}]}))
    );
    let made = |id: &str, at: Timestamp, counts: Value| json!({"id": id, "created_at": at.to_string(), "request_counts": counts});
    let list = json!({"data": [
        made("msgbatch_1", start().plus_millis(9_000), json!({"processing": 1, "succeeded": 0})),
        made("msgbatch_2", start(), json!({"processing": 1, "succeeded": 1})),
        made("msgbatch_3", start().plus_millis(-90_000), json!({"processing": 1})),
    ]});
    assert_eq!(
        ANTHROPIC.find(&list, &batch),
        Found::Perhaps(vec!["msgbatch_1".into()]),
        "neither larger nor older ones"
    );
    assert_eq!(ANTHROPIC.find(&json!({"data": []}), &batch), Found::No);
}

#[test]
fn a_batch_is_worked_on_or_over() {
    let openai =
        |status: &str| OPENAI.standing(&json!({"status": status, "output_file_id": "file-o", "error_file_id": null}));
    for status in ["validating", "in_progress", "finalizing", "cancelling"] {
        assert_eq!(openai(status), Ok(Standing::Working), "{status}");
    }
    for status in ["completed", "failed", "expired", "cancelled"] {
        assert_eq!(openai(status), Ok(Standing::Ended(vec!["files/file-o/content".into()])), "{status}");
    }
    assert!(openai("melted").unwrap_err().error.message.contains("melted"));
    let anthropic = |status: &str| ANTHROPIC.standing(&json!({"id": "msgbatch_1", "processing_status": status}));
    assert_eq!((anthropic("in_progress"), anthropic("canceling")), (Ok(Standing::Working), Ok(Standing::Working)));
    assert_eq!(anthropic("ended"), Ok(Standing::Ended(vec!["messages/batches/msgbatch_1/results".into()])));
    assert!(ANTHROPIC.standing(&json!([])).is_err());
}

fn ended(api: &dyn Api, provider: Provider, line: &Value) -> Result<Answer, Failure> {
    let line = api.line(line.to_string().as_bytes()).unwrap();
    result(&line.said, wire::of(provider), "acme/a", start())
}

#[test]
fn the_lines_of_openai_are_answers_and_failures() {
    let id = AttemptId::mint().to_string();
    let line =
        |response: Value, error: Value| json!({"id": "r", "custom_id": id, "response": response, "error": error});
    let body =
        json!({"choices": [{"message": {"content": "hi"}}], "usage": {"prompt_tokens": 3, "completion_tokens": 2}});
    let check = |response, error| ended(OPENAI, Provider::Openai, &line(response, error));
    let answer = check(json!({"status_code": 200, "body": body}), Value::Null).unwrap();
    assert_eq!(
        (answer.output["choices"][0]["message"]["content"].as_str(), answer.usage.unwrap().output),
        (Some("hi"), 2)
    );
    let class = |response, error| check(response, error).unwrap_err().error.class;
    let refused = json!({"error": {"code": "context_length_exceeded", "message": "too long"}});
    assert_eq!(class(json!({"status_code": 400, "body": refused}), Value::Null), ErrorClass::ContextLength);
    assert_eq!(class(json!({"status_code": 500, "body": {}}), Value::Null), ErrorClass::Overload);
    let expired = check(Value::Null, json!({"code": "batch_expired", "message": "late"})).unwrap_err();
    assert_eq!((expired.error.class, expired.billed), (ErrorClass::Timeout, Billed::No));
    assert_eq!(class(Value::Null, json!({"code": "batch_cancelled"})), ErrorClass::Cancelled);
    assert_eq!(class(Value::Null, json!({"code": "strange"})), ErrorClass::Overload);
}

#[test]
fn the_lines_of_anthropic_are_answers_and_failures() {
    let id = AttemptId::mint().to_string();
    let check = |said: Value| ended(ANTHROPIC, Provider::Anthropic, &json!({"custom_id": id, "result": said}));
    let message = json!({"id": "m", "type": "message", "role": "assistant", "stop_reason": "end_turn",
        "content": [{"type": "text", "text": "hi"}], "usage": {"input_tokens": 3, "output_tokens": 2}});
    let answer = check(json!({"type": "succeeded", "message": message})).unwrap();
    assert_eq!(
        (answer.output["choices"][0]["message"]["content"].as_str(), answer.usage.unwrap().output),
        (Some("hi"), 2)
    );
    let class = |said| check(said).unwrap_err().error.class;
    let error =
        |kind: &str| json!({"type": "errored", "error": {"type": "error", "error": {"type": kind, "message": "no"}}});
    assert_eq!(class(error("overloaded_error")), ErrorClass::Overload);
    assert_eq!(class(error("rate_limit_error")), ErrorClass::RateLimit);
    assert_eq!(class(error("not_found_error")), ErrorClass::Unsupported);
    assert_eq!(class(json!({"type": "errored", "error": {"type": "overloaded_error"}})), ErrorClass::Overload);
    assert_eq!(class(json!({"type": "expired"})), ErrorClass::Timeout);
    assert_eq!(class(json!({"type": "canceled"})), ErrorClass::Cancelled);
    assert_eq!(class(json!({"type": "succeeded", "message": 7})), ErrorClass::Malformed);
}

#[test]
fn lines_that_are_no_items_of_ours_are_none() {
    for line in ["", "{", "[]", r#"{"custom_id": "other"}"#, r#"{"custom_id": 7}"#] {
        assert_eq!((OPENAI.line(line.as_bytes()), ANTHROPIC.line(line.as_bytes())), (None, None), "{line}");
    }
    assert_eq!(name(&json!({"id": "batch_1"})).unwrap(), "batch_1");
    for wrong in [json!({}), json!({"id": ""}), json!({"id": "a/b"}), json!({"id": ".."}), json!({"id": "a?b"})] {
        assert!(name(&wrong).is_err(), "{wrong}");
    }
}
