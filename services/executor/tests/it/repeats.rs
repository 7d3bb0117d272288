//! Runs that are asked for twice, by a team that may not, or by a definition that is none any more.

use crate::{
    upstream::{Reply, Upstream},
    workflows::{definition, definition_with},
    world::{LONG, World},
};
use futures::StreamExt as _;
use neptune_bus::Cause;
use neptune_contracts::{
    Timestamp,
    ids::RunId,
    names::{Origin, Service, Team},
    query::run::RunQuery,
    run::{
        RunSubmitted,
        finished::{RunFinished, RunOutcome},
        input::RunWish,
        log::{RunLogged, RunMadeOf},
    },
};
use neptune_testkit::wait_until;
use serde_json::{Value, json};
use std::sync::Arc;
use tokio::sync::Semaphore;

const ZONES: &str = "external,onprem";

fn team() -> Team {
    "support".parse().unwrap()
}

async fn world() -> World {
    World::start(Vec::new(), |_| {}).await
}

#[tokio::test(flavor = "multi_thread")]
async fn two_with_the_same_key_are_one_run_also_when_their_executor_is_killed() {
    let world = world().await;
    let gate = Arc::new(Semaphore::new(0));
    let web = Upstream::that(Reply::Held(gate.clone(), "{}".into())).await;
    let text = format!(
        "do:\n  - call: {{call: http, with: {{method: post, endpoint: 'http://127.0.0.1:{}/x', body: {{}}}}}}\n",
        web.port()
    );
    let workflow = world.apply(&definition_with("keyed", "{idempotencyKey: '${ .ticket }'}", &text)).await;
    // An executor that starts now knows the workflow from its start.
    let mut doomed = world.process(ZONES);
    let input = json!({"ticket": 17});
    let submits = (world.submit_run(&workflow, input.clone()), world.submit_run(&workflow, input.clone()));
    let (one, two) = tokio::join!(submits.0, submits.1);
    let run = RunId::of_key(&team(), "test/keyed", "17");
    wait_until("the call is made", LONG, || async { web.calls() == 1 }).await;
    doomed.kill();
    let _survivor = world.process(ZONES);
    wait_until("the call is made again", LONG, || async { web.calls() == 2 }).await;
    gate.add_permits(9);
    assert_eq!(world.run_ended(run).await.outcome, RunOutcome::Completed);
    let tasks = world.namespace.resource("TASKS");
    wait_until("both are done with", LONG, || async { world.nats.stream_messages(&tasks).await == 0 }).await;
    assert_eq!(web.calls(), 2);
    for other in [one, two] {
        assert!(world.operator.run_result(&team(), other).await.unwrap().is_none(), "its id follows from its key");
    }
    // Whoever asks again on the bus hears how it ended, and that another input is another run.
    for (input, outcome) in [(input, RunOutcome::Completed), (json!({"ticket": "17"}), RunOutcome::Rejected)] {
        let fact = answered(&world, &workflow, input).await;
        assert_eq!((fact.id, fact.outcome), (run, outcome), "{fact:?}");
    }
    assert_eq!(world.run_ended(run).await.outcome, RunOutcome::Completed, "what is stored stays");
}

/// What a program of the team is told that submits this.
async fn answered(world: &World, workflow: &str, input: Value) -> RunFinished {
    let client = world.nats.client().await;
    let mut answers = client.subscribe("_INBOX.support.x1").await.unwrap();
    let mut run = RunSubmitted {
        id: Some(RunId::mint()),
        team: Some(team()),
        origin: Origin::Api,
        key: None,
        workflow: workflow.to_owned(),
        input,
        metadata: Default::default(),
        tags: Vec::new(),
        parent: None,
        idempotency_key: None,
        priority: None,
        start: None,
        class: None,
    };
    run.metadata.insert("again".into(), true.into());
    let cause = Cause::root().with_reply_to("_INBOX.support.x1");
    world.operator.publish(&run, &cause).await.unwrap();
    let answer = tokio::time::timeout(LONG, answers.next()).await.unwrap().unwrap();
    serde_json::from_slice(&answer.payload).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_of_the_submit_is_a_run_of_its_workflow() {
    let world = world().await;
    for name in ["one", "two"] {
        world.apply(&definition(name, "do:\n  - out: {set: {x: 1}}\n")).await;
    }
    let _executor = world.process(ZONES);
    for workflow in ["test/one", "test/one:1.0.0", "test/two"] {
        let key = |run: &mut RunSubmitted| run.idempotency_key = Some("k".into());
        world.submit_run_with(workflow, Value::Null, key).await;
    }
    for workflow in ["test/one", "test/two"] {
        let run = RunId::of_key(&team(), workflow, "k");
        assert_eq!(world.run_ended(run).await.outcome, RunOutcome::Completed);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workflow_of_a_team_is_run_by_no_other() {
    let world = world().await;
    let _executor = world.process(ZONES);
    let run =
        world.begin(&definition_with("sales", "{team: sales}", "do:\n  - out: {set: {x: 1}}\n"), Value::Null).await;
    let fact = world.run_ended(run).await;
    assert_eq!(fact.outcome, RunOutcome::Rejected, "{fact:?}");
    let error = fact.error.unwrap();
    assert_eq!(error["status"], 403);
    assert!(error["detail"].as_str().unwrap().contains("metadata.neptune.team"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_whose_definition_is_refused_by_now_faults_and_says_why() {
    let world = world().await;
    // Stored by an earlier executor that took it; with a step that this one does not know.
    let definition = json!({
        "document": {"dsl": "1.0.3", "namespace": "test", "name": "old", "version": "1.0.0"},
        "do": [{"rest": {"nap": "PT1H"}}],
    });
    let run = RunId::mint();
    let made_of = RunMadeOf::new("test/old:1.0.0".into(), definition, "of a test".into(), Timestamp::now());
    let began = json!({"began": {"run": run.to_string(), "workflow": "test/old 1.0.0", "input": {"x": 1}}});
    let logged = RunLogged {
        id: "old".into(),
        run,
        team: team(),
        made_of: Some(Box::new(made_of)),
        causes: vec!["start".into()],
        records: vec![json!({"at_ms": 1, "changes": [began]})],
    };
    world.bus(Service::Executor).await.append_log(&logged, 0).await.unwrap();
    let _executor = world.process(ZONES);
    // It can be looked at, and whatever comes to it ends it.
    assert_eq!(world.view(run).await.input, json!({"x": 1}));
    world.tell(run, "p1", RunWish::Pause).await;
    let fact = world.run_ended(run).await;
    assert_eq!(fact.outcome, RunOutcome::Faulted, "{fact:?}");
    let detail = fact.error.unwrap()["detail"].as_str().unwrap().to_owned();
    assert!(detail.contains("test/old:1.0.0 cannot be run") && detail.contains("/do/0/rest"), "{detail}");
    let view = world.operator.request(&RunQuery { id: run, team: Some(team()) }).await.unwrap();
    assert_eq!(view.state, "faulted");
}
