//! Answers in pieces.

use crate::{
    upstream::{Reply, Upstream, answer},
    world::{LONG, World, planned},
};
use neptune_bus::Chunk;
use neptune_contracts::{
    attempt::ErrorClass,
    finished::{Outcome, TaskFinished},
    ids::TaskId,
    names::Zone,
};
use neptune_testkit::wait_until;
use serde_json::{Value, json};
use std::time::Duration;

const EVENT_STREAM: &str = "content-type: text/event-stream; charset=utf-8\r\n";

fn chunk(delta: Value, finish_reason: Option<&str>) -> Value {
    json!({"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "upstream-name",
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish_reason}]})
}

fn sse(events: &[Value], end: &str) -> Reply {
    let events: String = events.iter().map(|event| format!("data: {event}\n\n")).collect();
    Reply::With(200, EVENT_STREAM, format!(": hello\n\n{events}{end}"))
}

fn hello() -> Vec<Value> {
    vec![
        chunk(json!({"role": "assistant", "content": ""}), None),
        chunk(json!({"content": "Hel"}), None),
        chunk(json!({"content": "lo"}), None),
        chunk(json!({}), Some("stop")),
        json!({"id": "c1", "choices": [], "usage": {"prompt_tokens": 1_000, "completion_tokens": 100, "prompt_tokens_details": {"cached_tokens": 200}}}),
    ]
}

/// The fact and the pieces of a task that asks `a` and then `b` for pieces.
async fn streamed(a: Reply, b: Reply) -> (World, TaskFinished, Vec<Chunk>, [Upstream; 2]) {
    let world = World::start(vec![planned("acme/a", Zone::External), planned("acme/b", Zone::External)], |_| {}).await;
    let upstreams = [Upstream::that(a).await, Upstream::that(b).await];
    for (name, upstream) in ["acme/a", "acme/b"].into_iter().zip(&upstreams) {
        world.declare(name, Zone::External, upstream).await;
    }
    world.execute(&[Zone::External]);
    let id = TaskId::mint();
    let mut heard = world.operator.chunks(&"support".parse().unwrap(), id).await.unwrap();
    world
        .submit(|task| {
            task.id = Some(id);
            task.input.stream = Some(true);
        })
        .await;
    let fact = world.finished(id).await;
    let mut chunks = Vec::new();
    while let Ok(Some(chunk)) = tokio::time::timeout(Duration::from_millis(200), heard.next()).await {
        chunks.push(chunk);
    }
    (world, fact, chunks, upstreams)
}

fn texts(chunks: &[Chunk]) -> Vec<String> {
    let bodies = chunks.iter().map(|chunk| serde_json::from_slice::<Value>(&chunk.body).unwrap());
    bodies.map(|body| body["choices"][0]["delta"]["content"].as_str().unwrap_or("-").to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn pieces_come_in_order_and_the_fact_has_the_whole() {
    let (_world, fact, chunks, [a, _]) = streamed(sse(&hello(), "data: [DONE]\n\n"), Reply::Reset).await;
    assert_eq!((fact.outcome, fact.text()), (Outcome::Completed, Some("Hello")));
    let attempt = &fact.attempts[0];
    assert_eq!((attempt.chunks, attempt.estimated, fact.cost_usd.to_string().as_str()), (4, false, "0.0025"));
    assert!(attempt.first_token_us.is_some_and(|first| first <= attempt.latency_us));
    assert_eq!(texts(&chunks), ["", "Hel", "lo", "-"]);
    for (index, chunk) in (0..).zip(&chunks) {
        assert_eq!((chunk.attempt, chunk.index), (attempt.id, index));
        let body: Value = serde_json::from_slice(&chunk.body).unwrap();
        assert_eq!((body["model"].as_str(), body.get("usage")), (Some("acme/a"), None));
    }
    let asked = &a.asked()[0].body;
    assert_eq!(
        (&asked["stream"], &asked["stream_options"]),
        (&json!(true), &json!({"include_usage": true})),
        "what was counted is asked for, whatever the caller wants to see"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn before_the_first_piece_of_content_another_model_takes_over_unseen() {
    let broken = [hello()[0].clone(), json!({"error": {"message": "overloaded", "code": 503}})];
    for reply in [sse(&broken, ""), sse(&hello()[..1], ""), Reply::With(500, "", "{}".into()), Reply::Cut] {
        let (_world, fact, chunks, _) = streamed(reply, sse(&hello(), "data: [DONE]\n\n")).await;
        assert_eq!((fact.outcome, fact.text(), fact.attempts.len()), (Outcome::Completed, Some("Hello"), 2));
        assert_eq!(fact.attempts[0].chunks, 0);
        assert_eq!(texts(&chunks), ["", "Hel", "lo", "-"]);
        assert!(chunks.iter().all(|chunk| chunk.attempt == fact.attempts[1].id));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn after_it_the_task_fails_and_no_other_text_is_spliced_in() {
    let (_world, fact, chunks, [_, b]) = streamed(sse(&hello()[..3], ""), sse(&hello(), "data: [DONE]\n\n")).await;
    let error = fact.error.as_ref().unwrap();
    assert_eq!((fact.outcome, error.code.as_str()), (Outcome::Failed, "stream_interrupted"), "{error:?}");
    assert_eq!((texts(&chunks), b.calls()), (vec!["".to_owned(), "Hel".into(), "lo".into()], 0));
    let attempt = &fact.attempts[0];
    assert_eq!(attempt.error.as_ref().unwrap().class, ErrorClass::Network);
    assert!(attempt.estimated && attempt.usage.output == 2 && fact.cost_usd.0 > 0, "what arrived is paid: {attempt:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_comes_in_one_is_the_same_answer() {
    let (_world, fact, chunks, _) = streamed(Reply::With(200, "", answer("whole")), Reply::Reset).await;
    assert_eq!((fact.outcome, fact.text(), chunks.len()), (Outcome::Completed, Some("whole"), 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_task_is_cut_and_what_it_may_have_cost_is_recorded() {
    let world = World::start(vec![planned("acme/a", Zone::External), planned("acme/b", Zone::External)], |_| {}).await;
    let (a, b) = (Upstream::that(Reply::Stalled).await, Upstream::answering("late").await);
    world.declare("acme/a", Zone::External, &a).await;
    world.declare("acme/b", Zone::External, &b).await;
    world.execute(&[Zone::External]);
    let (team, task) = ("support".parse().unwrap(), world.submit(|_| {}).await);
    wait_until("the call is under way", LONG, || async { a.calls() == 1 }).await;
    world.operator.cancel(&team, task).await.unwrap();
    let fact = world.finished(task).await;
    assert_eq!((fact.outcome, fact.error.unwrap().code.as_str()), (Outcome::Cancelled, "cancelled"));
    let attempt = &fact.attempts[0];
    assert_eq!((fact.attempts.len(), b.calls()), (1, 0));
    assert_eq!(attempt.error.as_ref().unwrap().class, ErrorClass::Cancelled);
    assert!(attempt.estimated && attempt.usage.input_uncached > 0);
}
