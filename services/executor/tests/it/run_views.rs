//! What is seen of runs: how they stand, what their steps do, ask and did.

use crate::{
    upstream::{Reply, Upstream, answer},
    workflows::{definition, is_running, steps},
    world::{LONG, World, planned},
};
use futures::StreamExt as _;
use neptune_contracts::{
    names::Zone,
    run::{
        changed::{RunChanged, RunState},
        finished::RunOutcome,
        input::RunWish,
    },
};
use neptune_testkit::wait_until;
use serde_json::{Value, json};
use std::sync::Arc;
use tokio::sync::Semaphore;

const JSON: &str = "content-type: application/json\r\n";

async fn world(upstream: &Upstream) -> World {
    let world = World::start(vec![planned("acme/a", Zone::External)], |_| {}).await;
    world.declare("acme/a", Zone::External, upstream).await;
    world.execute(&[Zone::External, Zone::Onprem]);
    world
}

fn approval(data: Value) -> RunWish {
    RunWish::Signal {
        event: json!({"id": "e1", "specversion": "1.0", "source": "/test", "type": "neptune.approval", "data": data}),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_state_of_a_run_is_told_in_its_order_with_its_tags() {
    let world = world(&Upstream::answering("x").await).await;
    let mut told = world.operator.listen::<RunChanged>().await.unwrap();
    let text = "do:\n  - hear: {listen: {to: {one: {with: {type: go}}}}}\n";
    let text = definition("told", text)
        .replace("version: '1.0.0'", "version: '1.0.0', metadata: {neptune: {tags: [nightly, urgent]}}");
    let run = world.begin(&text, Value::Null).await;
    world.until(run, "it listens", |view| is_running(view, "hear")).await;
    world.tell(run, "p1", RunWish::Pause).await;
    world.until(run, "it is paused", |view| view.state == "paused").await;
    world.tell(run, "p2", RunWish::Resume).await;
    world.until(run, "it goes on", |view| view.state == "running").await;
    world.tell(run, "c1", RunWish::Cancel { reason: "enough".into() }).await;
    let fact = world.run_ended(run).await;
    let mut seen = Vec::new();
    for _ in 0..3 {
        let changed = tokio::time::timeout(LONG, told.next()).await.unwrap().unwrap();
        assert_eq!((changed.id, changed.workflow.as_str()), (run, "test/told:1.0.0"));
        assert_eq!(changed.tags, ["nightly", "urgent"], "the workflow's and the caller's, each once");
        seen.push((changed.change, changed.state));
    }
    assert_eq!(seen, [(1, RunState::Running), (2, RunState::Paused), (3, RunState::Running)]);
    assert_eq!((fact.outcome, fact.change, fact.tags.len()), (RunOutcome::Cancelled, 4, 2));
    let view = world.view(run).await;
    assert_eq!(view.tags, ["nightly", "urgent"]);
    let states: Vec<&str> = view.steps.iter().map(|step| step.state.as_str()).collect();
    assert_eq!(states, ["cancelled", "cancelled"], "{view:?}");
    assert!(!view.can_retry);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_is_taken_up_again_goes_on_and_what_had_failed_stays_so() {
    let web = Upstream::that(Reply::With(503, JSON, "{}".into())).await;
    let gate = Arc::new(Semaphore::new(0));
    let model = Upstream::that(Reply::Held(gate.clone(), answer("done"))).await;
    let world = world(&model).await;
    let call =
        format!("{{call: http, with: {{method: post, endpoint: 'http://127.0.0.1:{}/x', body: {{}}}}}}", web.port());
    let text = format!(
        "do:\n  - first: {{set: {{n: 1}}}}\n  - tried:\n      try:\n        - call: {call}\n      catch: {{errors: {{with: {{status: 503}}}}, retry: {{delay: {{milliseconds: 20}}, limit: {{attempt: {{count: 2}}}}}}}}\n"
    );
    let run = world.begin(&definition("again", &text), Value::Null).await;
    assert_eq!(world.run_ended(run).await.outcome, RunOutcome::Faulted);
    let view = world.view(run).await;
    assert_eq!((steps(&view, "tried")[0].tries, view.can_retry), (Some(3), true), "{view:?}");
    assert_eq!(steps(&view, "call").iter().filter(|step| step.state == "failed").count(), 3);
    assert_eq!((view.steps[0].state.as_str(), steps(&view, "tried")[0].state.as_str()), ("failed", "dropped"));
    let team = "support".parse().unwrap();
    world.tell(run, "again", RunWish::Retry).await;
    let ended = || async { world.operator.run_result(&team, run).await.unwrap().unwrap().turn == 2 };
    wait_until("it has ended a second time", LONG, ended).await;
    let view = world.view(run).await;
    assert_eq!(steps(&view, "first").len(), 1, "what is finished is not done again: {view:?}");
    let failed = steps(&view, "call").iter().filter(|step| step.state == "failed").count();
    assert!(failed > 3, "the failures before and after: {view:?}");
    assert_eq!(view.steps[0].state, "failed");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_approval_says_what_it_asks_and_until_when_and_goes_to_the_next_who_may_when_nobody_answers() {
    let world = world(&Upstream::answering("x").await).await;
    let text = "do:\n  - first:\n      try:\n        - lead: {call: 'approval:1.0.0@default', with: {text: 'Refund 20 dollars?'}, timeout: {after: {milliseconds: 1500}}}\n      catch:\n        errors: {with: {type: https://open-workflow-specification.org/spec/1.0.0/errors/timeout}}\n        do:\n          - head: {call: 'approval:1.0.0@default', with: {text: 'The lead did not answer. Refund?'}}\n  - out: {set: {approved: '${ .approved }', by: '${ .by }', via: '${ .via }'}}\n";
    let run = world.begin(&definition("escalates", text), Value::Null).await;
    let view = world.until(run, "the lead is asked", |view| is_running(view, "lead")).await;
    let lead = steps(&view, "lead")[0];
    assert_eq!(lead.asks.as_deref(), Some("Refund 20 dollars?"));
    assert!(lead.due_at.unwrap() > lead.started_at, "{lead:?}");
    let view = world.until(run, "the head is asked", |view| is_running(view, "head")).await;
    assert_eq!(steps(&view, "lead")[0].asks, None);
    let head = steps(&view, "head")[0];
    assert_eq!((head.asks.as_deref(), head.due_at), (Some("The lead did not answer. Refund?"), None));
    // The lead's answer comes too late for its own question, and is not the head's.
    let late = json!({"approved": false, "by": "lead", "instance": steps(&view, "lead")[0].instance});
    world.tell(run, "s1", approval(late)).await;
    let answer = json!({"approved": true, "by": "head", "instance": head.instance, "via": {"key": "k1"}});
    world.tell(run, "s2", approval(answer)).await;
    let fact = world.run_ended(run).await;
    assert_eq!(fact.output, Some(json!({"approved": true, "by": "head", "via": {"key": "k1"}})), "{fact:?}");
    let view = world.view(run).await;
    assert_eq!(steps(&view, "head")[0].note.as_ref().unwrap()["approval"]["by"], "head");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_step_tells_each_attempt() {
    let model = Upstream::answering("x").await;
    let world = world(&model).await;
    let text = "do:\n  - ask: {call: 'model:1.0.0@default', with: {input: hi}}\n";
    let run = world.begin(&definition("asks", text), Value::Null).await;
    assert_eq!(world.run_ended(run).await.outcome, RunOutcome::Completed);
    let view = world.view(run).await;
    let tried = &steps(&view, "ask")[0].note.as_ref().unwrap()["tried"];
    assert_eq!((tried[0]["model"].as_str(), &tried[0]["error"]), (Some("acme/a"), &Value::Null), "{tried}");
    assert_eq!(json!(view.cost_usd), tried[0]["cost_usd"]);
}
