//! How sensitive a run is: as the most sensitive thing that came to it, and so is all that it asks for.

use crate::{
    upstream::Upstream,
    workflows::{definition, is_running},
    world::{LONG, World, planned},
};
use futures::StreamExt as _;
use neptune_bus::Cause;
use neptune_contracts::{
    event::EventPublished,
    ids::RunId,
    names::{DataClass, Origin, Zone},
    run::{
        RunSubmitted,
        finished::RunOutcome,
        input::{CLASS_ATTRIBUTE, RunWish},
    },
};
use serde_json::{Value, json};

const SAY: &str = "say: {emit: {event: {with: {type: ticket.seen, source: 'https://example.com'}}}}";

async fn world() -> World {
    let world = World::start(vec![planned("acme/a", Zone::External)], |_| {}).await;
    let model = Upstream::answering("x").await;
    world.declare("acme/a", Zone::External, &model).await;
    world.execute(&[Zone::External, Zone::Onprem]);
    world
}

fn event(class: &str) -> RunWish {
    RunWish::Signal {
        event: json!({"id": class, "specversion": "1.0", "source": "/test", "type": "go", CLASS_ATTRIBUTE: class}),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_class_of_an_event_joins_the_runs_and_goes_with_all_that_it_asks_for() {
    let world = world().await;
    let mut emitted = world.operator.listen::<EventPublished>().await.unwrap();
    world.apply(&definition("inner", &format!("do:\n  - {SAY}\n"))).await;
    let text = format!(
        "do:\n  - {SAY}\n  - hear: {{listen: {{to: {{one: {{with: {{type: go}}}}}}}}}}\n  - again: {{emit: {{event: {{with: {{type: ticket.done, source: 'https://example.com'}}}}}}}}\n  - inner: {{run: {{workflow: {{namespace: test, name: inner, version: '1.0.0'}}}}}}\n  - ask: {{call: 'model:1.0.0@default', with: {{input: hi}}}}\n"
    );
    let run = world.begin(&definition("outer", &text), Value::Null).await;
    world.until(run, "it listens", |view| is_running(view, "hear")).await;
    world.tell(run, "s1", event("confidential")).await;
    assert_eq!(world.run_ended(run).await.outcome, RunOutcome::Completed);
    let mut said = Vec::new();
    while said.len() < 3 {
        let one = tokio::time::timeout(LONG, emitted.next()).await.unwrap().unwrap();
        said.push((one.run == Some(run), one.kind, one.class));
    }
    let confidential = Some(DataClass::Confidential);
    let wanted = [
        (true, "ticket.seen".to_owned(), None),
        (true, "ticket.done".to_owned(), confidential),
        // The run of the step is as sensitive as the run that asked for it.
        (false, "ticket.seen".to_owned(), confidential),
    ];
    assert_eq!(said, wanted);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_class_of_its_input_and_of_another_run_s_answer_are_the_runs_own() {
    let world = world().await;
    let mut emitted = world.operator.listen::<EventPublished>().await.unwrap();
    let hears = "do:\n  - hear: {listen: {to: {one: {with: {type: go}}}}}\n";
    let inner = world.apply(&definition("inner", hears)).await;
    let text = format!(
        "do:\n  - inner: {{run: {{workflow: {{namespace: test, name: inner, version: '1.0.0'}}}}}}\n  - {SAY}\n"
    );
    let outer = world.begin(&definition("outer", &text), Value::Null).await;
    let view = world.until(outer, "the other run is asked for", |view| is_running(view, "inner")).await;
    let child = outer.child(view.steps.iter().find(|step| step.name == "inner").unwrap().instance);
    world.until(child, "it listens", |view| is_running(view, "hear")).await;
    world.tell(child, "s1", event("restricted")).await;
    assert_eq!(world.run_ended(outer).await.outcome, RunOutcome::Completed);
    let said = tokio::time::timeout(LONG, emitted.next()).await.unwrap().unwrap();
    assert_eq!((said.run, said.class), (Some(outer), Some(DataClass::Restricted)));
    // And of an input.
    world.apply(&definition("says", &format!("do:\n  - {SAY}\n"))).await;
    world.begin(&definition("says", &format!("do:\n  - {SAY}\n")), Value::Null).await;
    let said = tokio::time::timeout(LONG, emitted.next()).await.unwrap().unwrap();
    assert_eq!(said.class, None, "nobody said that {inner} is anything");
    let submitted = RunSubmitted {
        id: Some(RunId::mint()),
        team: Some("support".parse().unwrap()),
        origin: Origin::Api,
        key: None,
        workflow: "test/says:1.0.0".into(),
        input: Value::Null,
        metadata: Default::default(),
        tags: Vec::new(),
        parent: None,
        idempotency_key: None,
        priority: None,
        start: None,
        class: Some(DataClass::Internal),
    };
    world.operator.publish(&submitted, &Cause::root()).await.unwrap();
    let said = tokio::time::timeout(LONG, emitted.next()).await.unwrap().unwrap();
    assert_eq!(said.class, Some(DataClass::Internal));
}
