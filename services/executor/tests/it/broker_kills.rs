//! A broker that dies under the calls of an executor that lives.

use crate::{
    upstream::{Reply, Upstream, answer},
    world::{LONG, World, planned},
};
use neptune_contracts::{finished::Outcome, names::Zone};
use neptune_testkit::wait_until;
use std::time::Duration;

/// Tasks of a round.
const TASKS: usize = 40;

#[tokio::test(flavor = "multi_thread")]
async fn calls_of_an_executor_that_lives_are_not_made_again_because_the_broker_forgot_them() {
    let mut world = World::start(vec![planned("acme/a", Zone::External)], |_| {}).await;
    let a = Upstream::that(Reply::Slow(Duration::from_millis(1_500), answer("once"))).await;
    world.declare("acme/a", Zone::External, &a).await;
    world.execute(&[Zone::External]);
    let mut tasks = Vec::new();
    for begun in [1, TASKS / 2, TASKS] {
        let before = tasks.len();
        for _ in 0..TASKS {
            tasks.push(world.submit(|_| {}).await);
        }
        wait_until("calls are under way", LONG, || async { a.calls() >= before + begun }).await;
        world.nats.restart().await;
        for task in &tasks[before..] {
            let fact = world.finished(*task).await;
            assert_eq!((fact.outcome, fact.attempts.len()), (Outcome::Completed, 1), "{fact:?}");
        }
    }
    assert_eq!(a.calls(), tasks.len());
}
