//! Runs of workflows, from the submit to the end.

use crate::{
    upstream::{Reply, Upstream, answer},
    workflows::{definition, definition_with, is_running, steps},
    world::{LONG, World, planned},
};
use neptune_bus::{Cause, Incoming, Outcome};
use neptune_contracts::{
    delivery::{DeliveryFinished, DeliveryOutcome, DeliveryRequested},
    finished::Outcome as TaskOutcome,
    names::{Service, Zone},
    query::run::RunQuery,
    run::{finished::RunOutcome, input::RunWish},
    topology::GOVERNANCE_DELIVERY,
};
use neptune_testkit::wait_until;
use serde_json::{Value, json};
use std::sync::Arc;
use tokio::sync::Semaphore;

const BOTH: [Zone; 2] = [Zone::External, Zone::Onprem];
const JSON: &str = "content-type: application/json\r\n";

/// A world with a model that answers, and an executor that drives runs.
async fn world(upstream: &Upstream) -> World {
    let world = World::start(vec![planned("acme/a", Zone::External)], |_| {}).await;
    world.declare("acme/a", Zone::External, upstream).await;
    world.execute(&BOTH);
    world
}

fn signal(kind: &str, data: Value) -> RunWish {
    RunWish::Signal { event: json!({"id": "e1", "specversion": "1.0", "source": "/test", "type": kind, "data": data}) }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_goes_through_every_kind_of_step_and_says_how() {
    let model = Upstream::answering("{\"headline\": \"Pump leaks\"}").await;
    let web = Upstream::that(Reply::With(200, JSON, r#"{"stock": 3}"#.into())).await;
    let world = world(&model).await;
    let text = format!(
        "do:\n  - ask:\n      call: model:1.0.0@default\n      with: {{prompt: Extract., input: '${{ .ticket }}', responseSchema: {{type: object, required: [headline]}}}}\n      output: {{as: '${{ .json }}'}}\n  - rest: {{wait: PT0.3S}}\n  - look:\n      call: http\n      with: {{method: get, endpoint: 'http://127.0.0.1:{}/stock', query: {{of: '${{ .headline }}'}}}}\n      export: {{as: '${{ {{stock: .stock}} }}'}}\n  - which:\n      switch:\n        - some: {{when: '.stock > 0', then: good}}\n        - none: {{then: end}}\n  - skipped: {{set: {{x: 1}}}}\n  - good: {{set: {{stock: '${{ $context.stock }}', headline: '${{ $runtime.metadata.steps.ask.headline }}'}}}}\n",
        web.port()
    );
    let run = world.begin(&definition("kinds", &text), json!({"ticket": "The pump leaks."})).await;
    let fact = world.run_ended(run).await;
    assert_eq!(fact.outcome, RunOutcome::Completed, "{fact:?}");
    assert_eq!(fact.output, Some(json!({"stock": 3, "headline": "Pump leaks"})));
    assert_eq!(
        (fact.workflow.as_str(), fact.turn, fact.metadata["ticket"].as_str()),
        ("test/kinds:1.0.0", 1, Some("T-1"))
    );
    let view = world.view(run).await;
    assert_eq!(view.cost_usd, fact.cost_usd);
    assert_eq!(steps(&view, "ask")[0].cost_usd, fact.cost_usd, "{view:?}");
    assert_eq!(steps(&view, "ask")[0].note.as_ref().unwrap()["model"], "acme/a");
    assert!(steps(&view, "skipped").is_empty(), "{view:?}");
    let waited = steps(&view, "rest")[0];
    assert!(waited.ended_at.unwrap().micros_since(waited.started_at) >= 300_000, "{waited:?}");
    assert_eq!(web.asked()[0].path, "/stock?of=Pump%20leaks");
    // The step was a task like any other, and its fact says of which run.
    let task = world.finished(run.task(1)).await;
    assert_eq!((task.outcome, task.step.as_ref().unwrap().run), (TaskOutcome::Completed, run));
    // Nothing is left behind.
    let timers = world.namespace.resource("TIMERS");
    wait_until("no timer is left", LONG, || async { world.nats.stream_messages(&timers).await == 0 }).await;
    let tasks = world.namespace.resource("TASKS");
    wait_until("no task is left", LONG, || async { world.nats.stream_messages(&tasks).await == 0 }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workflow_that_is_not_there_is_a_run_that_is_rejected() {
    let world = world(&Upstream::answering("x").await).await;
    let run = world.submit_run("test/none", Value::Null).await;
    let fact = world.run_ended(run).await;
    assert_eq!(fact.outcome, RunOutcome::Rejected);
    assert!(fact.error.unwrap()["detail"].as_str().unwrap().contains("test/none"));
    let query = RunQuery { id: run, team: Some("support".parse().unwrap()) };
    assert_eq!(world.operator.request(&query).await.unwrap().state, "rejected");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_branches_at_once_are_joined_in_their_order() {
    let web = Upstream::that(Reply::With(200, JSON, r#"{"ok": true}"#.into())).await;
    let world = world(&Upstream::answering("x").await).await;
    // A second executor takes part in the same run.
    world.execute(&BOTH);
    let text = format!(
        "do:\n  - all:\n      for: {{each: item, at: index, in: '${{ [range(1000)] }}'}}\n      metadata: {{neptune: {{parallel: 1000}}}}\n      do:\n        - call: {{call: http, with: {{method: post, endpoint: 'http://127.0.0.1:{}/x', body: {{n: '${{ $item }}'}}}}}}\n        - out: {{set: {{n: '${{ $item }}'}}}}\n",
        web.port()
    );
    let run = world.begin(&definition("wide", &text), Value::Null).await;
    let fact = world.run_ended(run).await;
    let output = fact.output.unwrap_or_else(|| panic!("{:?}", fact.error));
    let numbers: Vec<u64> = output.as_array().unwrap().iter().map(|item| item["n"].as_u64().unwrap()).collect();
    assert_eq!(numbers, (0..1000).collect::<Vec<_>>());
    assert_eq!(web.calls(), 1000, "nobody died, so no call is made twice");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_failed_is_retried_as_the_definition_says_and_else_taken_up_again() {
    let web = Upstream::that(Reply::With(503, JSON, "{}".into())).await;
    let world = world(&Upstream::answering("x").await).await;
    let text = format!(
        "do:\n  - before: {{call: http, with: {{method: post, endpoint: 'http://127.0.0.1:{0}/once', body: {{}}, redirect: true}}}}\n",
        web.port()
    );
    let with_retry = format!(
        "do:\n  - hold:\n      try:\n        - call: {{call: http, with: {{method: post, endpoint: 'http://127.0.0.1:{}/x', body: {{}}}}}}\n      catch:\n        errors: {{with: {{status: 503}}}}\n        retry: {{delay: {{milliseconds: 50}}, limit: {{attempt: {{count: 3}}}}}}\n",
        web.port()
    );
    let run = world.begin(&definition("again", &with_retry), Value::Null).await;
    let fact = world.run_ended(run).await;
    assert_eq!((fact.outcome, fact.turn), (RunOutcome::Faulted, 1));
    assert_eq!(fact.error.as_ref().unwrap()["status"], 503);
    assert_eq!(web.calls(), 4, "the first call and three more");
    // It goes on where it failed, and ends a second time.
    world.tell(run, "again", RunWish::Retry).await;
    world.until(run, "it ended again", |view| view.ended_at.is_some_and(|at| at > fact.finished_at)).await;
    let team = "support".parse().unwrap();
    let again = || async { world.operator.run_result(&team, run).await.unwrap().unwrap().turn == 2 };
    wait_until("the second end is stored", LONG, again).await;
    assert!(web.calls() > 4);
    // Without a remedy the run fails at once.
    let failed = world.begin(&definition("fails", &text), Value::Null).await;
    assert_eq!(world.run_ended(failed).await.outcome, RunOutcome::Faulted);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_run_cuts_its_calls_and_undoes_what_it_did() {
    let web = Upstream::that(Reply::With(200, JSON, r#"{"booked": 7}"#.into())).await;
    let gate = Arc::new(Semaphore::new(0));
    let model = Upstream::that(Reply::Held(gate, answer("late"))).await;
    let world = world(&model).await;
    let address = format!("http://127.0.0.1:{}", web.port());
    let text = format!(
        "use:\n  functions:\n    unbook: {{call: http, with: {{method: post, endpoint: '{address}/unbook', body: {{of: '${{ .booked }}'}}}}}}\ndo:\n  - book:\n      call: http\n      with: {{method: post, endpoint: '{address}/book', body: {{}}}}\n      metadata: {{neptune: {{compensate: unbook}}}}\n  - ask: {{call: 'model:1.0.0@default', with: {{input: hi}}}}\n"
    );
    let run = world.begin(&definition("undo", &text), Value::Null).await;
    world.until(run, "the model is asked", |view| is_running(view, "ask")).await;
    wait_until("the model is called", LONG, || async { model.calls() == 1 }).await;
    world.tell(run, "c1", RunWish::Cancel { reason: "not needed".into() }).await;
    let fact = world.run_ended(run).await;
    assert_eq!((fact.outcome, fact.reason.as_deref()), (RunOutcome::Cancelled, Some("not needed")));
    let paths: Vec<String> = web.asked().iter().map(|asked| asked.path.clone()).collect();
    assert_eq!(paths, ["/book", "/unbook"]);
    assert_eq!(web.asked()[1].body, json!({"of": 7}));
    let view = world.view(run).await;
    let asked = steps(&view, "ask")[0].instance;
    assert_eq!(world.finished(run.task(asked)).await.outcome, TaskOutcome::Cancelled);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_run_begins_nothing_until_it_is_resumed() {
    let gate = Arc::new(Semaphore::new(0));
    let model = Upstream::that(Reply::Held(gate.clone(), answer("done"))).await;
    let world = world(&model).await;
    let text = "do:\n  - one: {call: 'model:1.0.0@default', with: {input: one}}\n  - two: {call: 'model:1.0.0@default', with: {input: two}}\n";
    let run = world.begin(&definition("pause", text), Value::Null).await;
    wait_until("the model is called", LONG, || async { model.calls() == 1 }).await;
    world.tell(run, "p1", RunWish::Pause).await;
    world.until(run, "it is paused", |view| view.state == "paused").await;
    gate.add_permits(2);
    let first = world.finished(run.task(1)).await;
    assert_eq!(first.outcome, TaskOutcome::Completed);
    // Whatever it asks for is asked for before the fact is acknowledged.
    let results = world.namespace.resource("RESULTS");
    let taken = || async { world.nats.unsettled(&results, "executor-run-finished").await == 0 };
    wait_until("the run has taken the answer", LONG, taken).await;
    assert_eq!(model.calls(), 1, "the answer is kept, and nothing is begun");
    let asked = world.operator.run_log(None, run, 0).await.unwrap();
    assert!(asked.iter().any(|entry| entry.logged.causes == ["task 1"]), "it was decided about: {asked:?}");
    world.tell(run, "p2", RunWish::Resume).await;
    assert_eq!(world.run_ended(run).await.outcome, RunOutcome::Completed);
    assert_eq!(model.calls(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn signals_and_approvals_are_waited_for_and_count_once() {
    let world = world(&Upstream::answering("x").await).await;
    let text = "do:\n  - hear: {listen: {to: {one: {with: {type: order.paid}}}}}\n  - may: {call: 'approval:1.0.0@default', with: {text: 'Refund?'}}\n  - out: {set: {approved: '${ .approved }', by: '${ .by }'}}\n";
    let run = world.begin(&definition("people", text), Value::Null).await;
    world.until(run, "it listens", |view| is_running(view, "hear")).await;
    world.tell(run, "s1", signal("order.shipped", json!({}))).await;
    world.tell(run, "s2", signal("order.paid", json!({"id": 7}))).await;
    let view = world.until(run, "it asks for an approval", |view| is_running(view, "may")).await;
    assert_eq!(steps(&view, "may")[0].doing.as_deref(), Some("waits for approval"));
    world.tell(run, "s3", signal("neptune.approval", json!({"approved": true, "by": "ann"}))).await;
    let fact = world.run_ended(run).await;
    world.tell(run, "s4", signal("neptune.approval", json!({"approved": false, "by": "bob"}))).await;
    assert_eq!(world.run_ended(run).await, fact);
    assert_eq!(fact.output, Some(json!({"approved": true, "by": "ann"})), "{fact:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_is_asked_for_once_and_its_end_is_the_answer() {
    let world = world(&Upstream::answering("x").await).await;
    let text = "do:\n  - tell: {call: 'notify:1.0.0@default', with: {channel: webhook, to: 'https://example.com/x', text: Hello, data: {n: 1}}}\n";
    let run = world.begin(&definition("tell", text), Value::Null).await;
    let (bus, stop) = (world.bus(Service::Governance).await, world.shutdown.clone());
    let publisher = bus.clone();
    let handler = move |incoming: Incoming<DeliveryRequested>| {
        let bus = publisher.clone();
        async move {
            let delivery = incoming.message.delivery;
            assert_eq!(delivery.content.text, "Hello");
            assert_eq!(delivery.content.data, json!({"n": 1, "text": "Hello"}));
            let fact = DeliveryFinished {
                id: delivery.id,
                team: delivery.team,
                task: delivery.task,
                run: delivery.run,
                channel: delivery.spec.channel,
                outcome: DeliveryOutcome::Delivered,
                attempts: 1,
                receipt: Some("r-1".into()),
                error: None,
                cost_usd: "0.001".parse().unwrap(),
                finished_at: neptune_contracts::Timestamp::now(),
            };
            bus.publish(&fact, &Cause::root()).await.unwrap();
            Outcome::Done
        }
    };
    tokio::spawn(async move { bus.consume(&GOVERNANCE_DELIVERY, 8, &stop, handler).await });
    let fact = world.run_ended(run).await;
    assert_eq!(fact.output.as_ref().unwrap()["receipt"], "r-1", "{fact:?}");
    assert_eq!(fact.cost_usd, "0.001".parse().unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_that_costs_more_than_is_left_ends_the_run_and_one_above_its_own_cap_fails() {
    let model = Upstream::answering("x").await;
    // A call of its model is expected to cost a cent.
    let world = world(&model).await;
    let text = |own: &str| {
        format!(
            "do:\n  - safe:\n      try: [ask: {{call: 'model:1.0.0@default', with: {{input: hi}}, metadata: {{neptune: {own}}}}}]\n      catch: {{as: error, do: [told: {{set: {{status: '${{ $error.status }}'}}}}]}}\n"
        )
    };
    let run = world.begin(&definition_with("poor", "{maxCostUsd: 0.001}", &text("{}")), Value::Null).await;
    let fact = world.run_ended(run).await;
    assert_eq!(fact.outcome, RunOutcome::BudgetExhausted, "{fact:?}");
    assert!(steps(&world.view(run).await, "ask")[0].problem.as_ref().unwrap().contains("cost_limit_reached"));
    let capped = definition_with("capped", "{maxCostUsd: 1}", &text("{maxCostUsd: 0.001}"));
    let run = world.begin(&capped, Value::Null).await;
    let fact = world.run_ended(run).await;
    assert_eq!((fact.outcome, fact.output), (RunOutcome::Completed, Some(json!({"status": 402}))));
    assert_eq!(model.calls(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_that_is_not_set_is_named_with_its_variable() {
    let world = world(&Upstream::answering("x").await).await;
    let text = "use: {secrets: [shop-token]}\ndo:\n  - ask: {call: http, with: {method: get, endpoint: 'http://127.0.0.1:9', headers: {token: '${ $secrets[\"shop-token\"] }'}}}\n";
    let run = world.begin(&definition("secret", text), Value::Null).await;
    let error = world.run_ended(run).await.error.unwrap();
    let detail = error["detail"].as_str().unwrap();
    assert!(detail.contains("`shop-token`; set NEPTUNE_SECRET_SHOP_TOKEN in"), "{detail}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workflow_runs_another_and_gets_its_output_or_its_fault() {
    let world = world(&Upstream::answering("x").await).await;
    world.apply(&definition("inner", "do:\n  - double: {set: {n: '${ .n * 2 }'}}\n")).await;
    let bad = "do:\n  - fail: {raise: {error: {type: 'https://example.com/no', status: 418, title: No}}}\n";
    world.apply(&definition("bad", bad)).await;
    let text = "do:\n  - inner: {run: {workflow: {namespace: test, name: inner, version: '1.0.0', input: {n: 21}}}}\n  - safe:\n      try:\n        - bad: {run: {workflow: {namespace: test, name: bad, version: '1.0.0'}}}\n      catch:\n        as: error\n        do:\n          - caught: {set: {n: '${ $runtime.metadata.steps.inner.n }', status: '${ $error.status }'}}\n";
    let run = world.begin(&definition("outer", text), Value::Null).await;
    let fact = world.run_ended(run).await;
    assert_eq!(fact.output, Some(json!({"n": 42, "status": 418})), "{fact:?}");
}
