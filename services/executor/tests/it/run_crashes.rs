//! The crash table of runs, line by line (`tests/CRASHES.md`): an executor is killed (-9) in the very moment that a
//! line names, held there by a gate before the broker, and another one goes on.

use crate::{
    gate::{Close, Gate},
    upstream::{Reply, Upstream},
    workflows::{chain, definition, steps},
    world::{LONG, World, planned},
};
use neptune_contracts::{
    ids::RunId,
    names::Zone,
    run::finished::{RunFinished, RunOutcome},
};
use neptune_testkit::{process::Server, wait_until};
use serde_json::{Value, json};
use std::{sync::Arc, time::Duration};
use tokio::sync::Semaphore;

const ZONES: &str = "external,onprem";
const JSON: &str = "content-type: application/json\r\n";

/// A world in which one executor is to die, behind a gate.
struct Doomed {
    world: World,
    gate: Gate,
    doomed: Server,
    run: RunId,
}

/// Submits a run of these tasks to an executor behind a gate that closes there.
async fn doomed(close: Option<Close>, tasks: &str) -> Doomed {
    let world = World::start(vec![planned("acme/a", Zone::External)], |_| {}).await;
    let gate = Gate::open(&world.nats).await;
    if let Some(close) = close {
        gate.arm(close);
    }
    let workflow = world.apply(&definition("crash", tasks)).await;
    // It knows the workflow when it begins to work.
    let doomed = world.process_through(ZONES, &gate.url());
    let run = world.submit_run(&workflow, Value::Null).await;
    Doomed { world, gate, doomed, run }
}

impl Doomed {
    /// Kills the executor once the gate has closed, and has another one carry the run to its end. Each step is
    /// recorded once.
    async fn dies(&mut self) -> RunFinished {
        self.gate.closed().await;
        self.doomed.kill();
        self.goes_on().await
    }

    async fn goes_on(&self) -> RunFinished {
        let _survivor = self.world.process(ZONES);
        let fact = self.world.run_ended(self.run).await;
        let view = self.world.view(self.run).await;
        assert!(view.steps.iter().all(|step| steps(&view, &step.name).len() == 1), "{view:?}");
        fact
    }

    async fn log_length(&self) -> usize {
        self.world.operator.run_log(None, self.run, 0).await.unwrap().len()
    }
}

async fn endpoint() -> Upstream {
    Upstream::that(Reply::With(200, JSON, r#"{"ok": true}"#.into())).await
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_before_the_append_nothing_was_written_and_all_is_done_by_the_next() {
    let web = endpoint().await;
    let mut crash = doomed(Some(Close::Before("run.log.v1.".into())), &chain(web.port(), 1)).await;
    crash.gate.closed().await;
    assert_eq!((crash.log_length().await, web.calls()), (0, 0));
    assert_eq!((crash.dies().await.outcome, web.calls()), (RunOutcome::Completed, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn whether_an_append_was_stored_is_found_out_by_who_never_heard() {
    let web = endpoint().await;
    let crash = doomed(Some(Close::Cut("run.log.v1.".into())), &chain(web.port(), 2)).await;
    crash.gate.closed().await;
    // Nobody dies: the same executor comes back, and goes on.
    let fact = crash.world.run_ended(crash.run).await;
    assert_eq!((fact.outcome, web.calls()), (RunOutcome::Completed, 2), "{fact:?}");
    assert_eq!(crash.log_length().await, 3, "the beginning, and what follows from each answer");
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_after_the_append_what_it_asks_for_is_asked_for_by_the_next() {
    let web = endpoint().await;
    let mut crash = doomed(Some(Close::After("run.log.v1.".into())), &chain(web.port(), 1)).await;
    crash.gate.closed().await;
    let stored = || async { crash.log_length().await == 1 };
    wait_until("the append is stored", LONG, stored).await;
    assert_eq!(web.calls(), 0, "nothing was asked for");
    assert_eq!((crash.dies().await.outcome, web.calls()), (RunOutcome::Completed, 1));
    assert_eq!(crash.log_length().await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_after_everything_was_asked_for_it_is_asked_for_again_and_done_once() {
    let web = endpoint().await;
    let tasks = format!("do:\n  - rest: {{wait: PT1S}}\n{}", &chain(web.port(), 1)[4..]);
    let mut crash = doomed(Some(Close::After(".1-wait-0".into())), &tasks).await;
    assert_eq!((crash.dies().await.outcome, web.calls()), (RunOutcome::Completed, 1));
    assert_eq!(crash.log_length().await, 3, "the beginning, the end of the wait, the answer");
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_before_a_call_it_is_made_once() {
    let web = endpoint().await;
    // The note of a call that must not be made twice is the last thing before it.
    let tasks = chain(web.port(), 1).replace("}}\n", "}, metadata: {neptune: {delivery: at-most-once}}}\n");
    let mut crash = doomed(Some(Close::Before("run.input.v1.".into())), &tasks).await;
    crash.gate.closed().await;
    assert_eq!(web.calls(), 0);
    assert_eq!((crash.dies().await.outcome, web.calls()), (RunOutcome::Completed, 1));
}

/// A run whose only call is under way, and what lets it be answered.
async fn calling() -> (Doomed, Upstream, Arc<Semaphore>) {
    let answers = Arc::new(Semaphore::new(0));
    let web = Upstream::that(Reply::Held(answers.clone(), "{}".into())).await;
    let crash = doomed(None, &chain(web.port(), 1)).await;
    wait_until("the call is made", LONG, || async { web.calls() == 1 }).await;
    (crash, web, answers)
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_between_an_answer_and_its_record_the_call_is_made_again_and_recorded_once() {
    let (mut crash, web, answers) = calling().await;
    crash.gate.arm(Close::Before("run.log.v1.".into()));
    answers.add_permits(2);
    assert_eq!((crash.dies().await.outcome, web.calls()), (RunOutcome::Completed, 2));
    assert_eq!(crash.log_length().await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_between_the_record_of_an_answer_and_its_ack_the_call_is_not_made_again() {
    let (mut crash, web, answers) = calling().await;
    crash.gate.arm(Close::After("run.log.v1.".into()));
    answers.add_permits(2);
    crash.gate.closed().await;
    wait_until("the record is stored", LONG, || async { crash.log_length().await == 2 }).await;
    let team = "support".parse().unwrap();
    assert_eq!(crash.world.operator.run_result(&team, crash.run).await.unwrap(), None, "its end was not stored");
    assert_eq!((crash.dies().await.outcome, web.calls()), (RunOutcome::Completed, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_is_submitted_again_is_the_same_although_the_broker_has_forgotten_it() {
    let web = endpoint().await;
    let mut world = World::start(vec![planned("acme/a", Zone::External)], |_| {}).await;
    let workflow = world.apply(&definition("crash", &chain(web.port(), 1))).await;
    let _executor = world.process(ZONES);
    let run = world.submit_run(&workflow, json!({"n": 1})).await;
    let first = world.run_ended(run).await;
    let tasks = world.namespace.resource("TASKS");
    wait_until("its submit is acknowledged", LONG, || async { world.nats.stream_messages(&tasks).await == 0 }).await;
    // Of what is out of a work queue a broker that starts again remembers no duplicates.
    world.nats.restart().await;
    world.submit_as(run, &workflow, json!({"n": 1})).await;
    let taken = || async { world.nats.unsettled(&tasks, "executor-run-submitted").await == 0 };
    wait_until("the second submit is taken", Duration::from_secs(60), taken).await;
    assert_eq!((world.run_ended(run).await, web.calls()), (first, 1));
}
