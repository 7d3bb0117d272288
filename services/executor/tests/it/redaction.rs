//! `governance.redact` in runs: governance is asked, over crashes too, and what is left is not as sensitive as the run.

use crate::{
    workflows::{definition, steps},
    world::{LONG, World},
};
use neptune_bus::{Incoming, Outcome};
use neptune_contracts::{
    delivery::DeliveryRequested,
    names::{DataClass, Service, Zone},
    query::redact::{RedactQuery, RedactReply, Redaction},
    run::finished::RunOutcome,
    topology::GOVERNANCE_DELIVERY,
};
use neptune_testkit::wait_until;
use serde_json::{Value, json};
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

const BOTH: [Zone; 2] = [Zone::External, Zone::Onprem];
const CLEAN: &str =
    "do:\n  - clean: {call: 'governance.redact:1.0.0@default', with: {text: '${ .body }'}, output: {as: .text}}\n";

fn reply(query: &RedactQuery) -> RedactReply {
    let text = query.value.as_str().unwrap().replace("4111111111111111", "[CREDIT_CARD_1]");
    let found = Redaction { kind: "CREDIT_CARD".into(), count: 1, class: DataClass::Restricted, taken_out: true };
    RedactReply {
        value: text.into(),
        findings: vec![found],
        class: DataClass::Internal,
        found_class: DataClass::Restricted,
    }
}

/// A governance that answers questions, but leaves the first `silent` ones without an answer; counts them.
async fn redacting(world: &World, silent: usize) -> Arc<AtomicUsize> {
    let asked = Arc::new(AtomicUsize::new(0));
    let (bus, stop, counter) = (world.bus(Service::Governance).await, world.shutdown.clone(), Arc::clone(&asked));
    let handler = move |query: RedactQuery| {
        let count = counter.fetch_add(1, Ordering::SeqCst);
        async move {
            if count < silent {
                std::future::pending::<()>().await;
            }
            Ok(reply(&query))
        }
    };
    tokio::spawn(async move { bus.serve(&stop, handler).await });
    asked
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_left_is_told_as_less_sensitive_than_the_run() {
    let world = World::start(Vec::new(), |_| {}).await;
    world.execute(&BOTH);
    redacting(&world, 0).await;
    let (bus, stop) = (world.bus(Service::Governance).await, world.shutdown.clone());
    let told: Arc<Mutex<Vec<(String, DataClass)>>> = Arc::default();
    let heard = Arc::clone(&told);
    let handler = move |incoming: Incoming<DeliveryRequested>| {
        let delivery = incoming.message.delivery;
        heard.lock().unwrap().push((delivery.content.text, delivery.class));
        async { Outcome::Done }
    };
    tokio::spawn(async move { bus.consume(&GOVERNANCE_DELIVERY, 8, &stop, handler).await });
    let text = format!(
        "{CLEAN}  - both:\n      fork:\n        branches:\n          - left: {{call: 'notify:1.0.0@default', with: {{channel: webhook, to: 'https://example.com/x', text: '${{ . }}'}}}}\n          - raw: {{call: 'notify:1.0.0@default', with: {{channel: webhook, to: 'https://example.com/x', text: '${{ $workflow.input.body }}'}}}}\n"
    );
    let run = world.begin(&definition("told", &text), json!({"body": "card 4111111111111111"})).await;
    wait_until("both are told", LONG, || async { told.lock().unwrap().len() == 2 }).await;
    let mut told = told.lock().unwrap().clone();
    told.sort();
    let wanted = [
        ("card 4111111111111111".to_owned(), DataClass::Restricted),
        ("card [CREDIT_CARD_1]".to_owned(), DataClass::Internal),
    ];
    assert_eq!(told, wanted);
    let view = world.view(run).await;
    let note = steps(&view, "clean")[0].note.clone().unwrap();
    assert_eq!((&note["findings"][0]["kind"], &note["lowered_to"]), (&json!("CREDIT_CARD"), &json!("internal")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_waits_for_a_governance_that_is_away() {
    let world = World::start(Vec::new(), |_| {}).await;
    world.execute(&BOTH);
    let run = world.begin(&definition("away", CLEAN), json!({"body": "card 4111111111111111"})).await;
    world.until(run, "the step has begun", |view| !steps(view, "clean").is_empty()).await;
    // How long it is away: the step asks in vain at once, and again before this is over.
    tokio::time::sleep(Duration::from_millis(500)).await;
    let asked = redacting(&world, 0).await;
    let fact = world.run_ended(run).await;
    assert_eq!(fact.output, Some(json!("card [CREDIT_CARD_1]")), "{fact:?}");
    assert_eq!(asked.load(Ordering::SeqCst), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_whose_executor_dies_while_it_asks_is_done_by_another_once() {
    let world = World::start(Vec::new(), |_| {}).await;
    let asked = redacting(&world, 1).await;
    let first = world.process("external,private,onprem");
    let run = world.begin(&definition("killed", CLEAN), json!({"body": "card 4111111111111111"})).await;
    wait_until("governance is asked", LONG, || async { asked.load(Ordering::SeqCst) == 1 }).await;
    drop(first);
    let _second = world.process("external,private,onprem");
    let fact = world.run_ended(run).await;
    assert_eq!(fact.outcome, RunOutcome::Completed, "{fact:?}");
    assert_eq!(fact.output, Some(json!("card [CREDIT_CARD_1]")));
    assert_eq!(asked.load(Ordering::SeqCst), 2);
    let view = world.view(run).await;
    assert_eq!(steps(&view, "clean").len(), 1, "{view:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_input_that_is_not_what_it_must_be_never_begins() {
    let world = World::start(Vec::new(), |_| {}).await;
    world.execute(&BOTH);
    let text = "input: {schema: {document: {type: object, required: [body]}}}\ndo:\n  - one: {set: {x: 1}}\n";
    let run = world.begin(&definition("strict", text), json!({"bod": 1})).await;
    let fact = world.run_ended(run).await;
    assert_eq!(fact.outcome, RunOutcome::Rejected, "{fact:?}");
    let error = fact.error.unwrap();
    assert!(error["type"].as_str().unwrap().ends_with("/validation"), "{error}");
    assert!(error["detail"].as_str().unwrap().contains("as a whole: \"body\" is a required property"), "{error}");
    let fine = world.submit_run("test/strict", json!({"body": Value::Null})).await;
    assert_eq!(world.run_ended(fine).await.outcome, RunOutcome::Completed);
}
