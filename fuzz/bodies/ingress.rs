//! What must hold in the ingress for any body.
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
    Message as _, Timestamp,
    problem::Problem,
    resource::{KeyRole, Resources},
    task::TaskSubmitted,
};
use neptune_ingress::domain::{hints::Hints, keys::Caller, messages, pieces, submit};
use serde_json::Value;

fn now() -> Timestamp {
    Timestamp::from_unix_micros(1_790_000_000_000_000).unwrap()
}

fn caller() -> Caller {
    Caller { key: "k1".into(), team: "support".parse().unwrap(), role: KeyRole::Caller }
}

/// A task that is taken can be stored and read again; one that is not is told why.
fn check(found: Result<TaskSubmitted, Vec<Problem>>) {
    match found {
        Ok(task) => {
            assert_eq!((task.team.as_ref(), task.key.as_deref()), (Some(&caller().team), Some("k1")));
            let stored = serde_json::to_vec(&task).unwrap();
            let read = TaskSubmitted::decode(&stored).unwrap();
            assert_eq!(serde_json::to_value(&read).unwrap(), serde_json::to_value(&task).unwrap());
        }
        Err(problems) => check_problems(&problems),
    }
}

fn check_problems(problems: &[Problem]) {
    let is_told =
        |problem: &Problem| !problem.field.is_empty() && !problem.message.is_empty() && !problem.remedy.is_empty();
    assert!(!problems.is_empty() && problems.iter().all(is_told), "{problems:?}");
}

/// `POST /v1/chat/completions`.
pub fn completions(data: &[u8]) {
    let resources = Resources::default();
    check(submit::chat(data).and_then(|request| {
        submit::completion((request, serde_json::Map::new()), &Hints::default(), &caller(), now(), &resources)
    }));
}

/// `POST /v1/tasks`.
pub fn tasks(data: &[u8]) {
    check(submit::task(data, &caller(), now(), &Resources::default()));
}

/// `POST /v1/messages`, and whatever a model answers said in its shape, whole and in pieces.
pub fn messages(data: &[u8]) {
    let resources = Resources::default();
    match messages::read(data) {
        Ok(request) => check(submit::completion(
            (request, serde_json::Map::new()),
            &Hints::default(),
            &caller(),
            now(),
            &resources,
        )),
        Err(problems) => check_problems(&problems),
    }
    let Ok(completion) = serde_json::from_slice::<Value>(data) else { return };
    let message = messages::message(&completion);
    assert_eq!((&message["type"], &message["role"]), (&"message".into(), &"assistant".into()));
    let mut writer = messages::Writer::default();
    let chunks = pieces::of(&completion, true);
    let mut events: Vec<Value> = chunks.iter().flat_map(|chunk| writer.chunk(chunk)).collect();
    events.extend(writer.end(completion.get("usage")));
    assert_eq!(events.last().unwrap()["type"], "message_stop", "{events:?}");
    let count = |kind: &str| events.iter().filter(|event| event["type"] == kind).count();
    assert_eq!(count("content_block_start"), count("content_block_stop"), "{events:?}");
}
