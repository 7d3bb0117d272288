//! Timers of runs: what is left of them when their runs have ended, and when these go on.

use crate::{
    upstream::{Reply, Upstream},
    workflows::definition,
    world::{LONG, World, planned},
};
use neptune_contracts::{
    names::Zone,
    run::{finished::RunOutcome, input::RunWish},
};
use neptune_testkit::wait_until;
use serde_json::Value;
use std::sync::{Arc, atomic::AtomicBool};

const JSON: &str = "content-type: application/json\r\n";

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_is_taken_up_again_keeps_its_new_timers_when_those_before_are_taken_back() {
    let fails = Box::new(Reply::With(400, JSON, "{}".into()));
    let answers = Box::new(Reply::With(200, JSON, "{}".into()));
    let web = Upstream::that(Reply::Once(Arc::new(AtomicBool::new(false)), fails, answers)).await;
    let world = World::start(vec![planned("acme/a", Zone::External)], |_| {}).await;
    world.execute(&[Zone::External, Zone::Onprem]);
    // It waits longer than timers of a run that has ended are left.
    let text = format!(
        "do:\n  - ask: {{call: http, with: {{method: post, endpoint: 'http://127.0.0.1:{}/x', body: {{}}}}}}\n  - rest: {{wait: PT4S}}\n",
        web.port()
    );
    let run = world.begin(&definition("rests", &text), Value::Null).await;
    assert_eq!(world.run_ended(run).await.outcome, RunOutcome::Faulted);
    world.tell(run, "again", RunWish::Retry).await;
    let team = "support".parse().unwrap();
    let ended = || async { world.operator.run_result(&team, run).await.unwrap().unwrap().turn == 2 };
    wait_until("the second end is stored", LONG, ended).await;
    assert_eq!(world.operator.run_result(&team, run).await.unwrap().unwrap().outcome, RunOutcome::Completed);
    let timers = world.namespace.resource("TIMERS");
    wait_until("no timer is left", LONG, || async { world.nats.stream_messages(&timers).await == 0 }).await;
}
