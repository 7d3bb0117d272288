//! Several models at once, and one answer out of theirs.

use crate::{
    upstream::{Reply, Upstream, answer},
    world::{LONG, World, planned},
};
use neptune_contracts::{
    PicoUsd,
    attempt::{JUDGE, MEMBER},
    finished::{Outcome, TaskFinished},
    names::Zone,
    plan::{Combine, PlannedAttempt, Strategy},
    task::OutputSpec,
};
use neptune_runtime::Shutdown;
use neptune_testkit::wait_until;
use std::sync::Arc;
use tokio::sync::Semaphore;

fn usd(text: &str) -> PicoUsd {
    text.parse().unwrap()
}

fn external(model: &str) -> PlannedAttempt {
    planned(model, Zone::External)
}

/// Three members that say these texts, and a judge that says its word.
async fn world(combine: Combine, texts: [&'static str; 3], word: &'static str) -> (World, Upstream) {
    let members = ["acme/a", "acme/b", "acme/d"];
    let judge = (combine == Combine::Judge).then(|| external("acme/judge"));
    let plan = (Strategy::Ensemble { combine }, members.map(external).to_vec(), judge);
    let world = World::start_with(plan, |_| {}).await;
    for (name, text) in members.into_iter().zip(texts) {
        world.declare(name, Zone::External, &Upstream::saying(&[text]).await).await;
    }
    let judge = Upstream::saying(&[word]).await;
    world.declare("acme/judge", Zone::External, &judge).await;
    world.execute(&[Zone::External]);
    (world, judge)
}

fn purposes(fact: &TaskFinished) -> Vec<&str> {
    fact.attempts.iter().filter_map(|attempt| attempt.purpose.as_deref()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_majority_decides_and_every_call_is_paid() {
    let (world, judge) = world(Combine::Majority, ["bug", "Billing.", "billing"], "").await;
    let task = world.submit(|_| {}).await;
    let fact = world.finished(task).await;
    assert_eq!((fact.outcome, fact.text()), (Outcome::Completed, Some("Billing.")));
    assert_eq!((fact.winner().unwrap().model.as_str(), purposes(&fact)), ("acme/b", vec![MEMBER; 3]));
    assert_eq!((fact.cost_usd, judge.calls()), (usd("0.0075"), 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_judge_chooses_by_number_and_is_paid_too() {
    let (world, judge) = world(Combine::Judge, ["bug", "billing", "billing"], r#"{"best": 1}"#).await;
    let task = world.submit(|_| {}).await;
    let fact = world.finished(task).await;
    assert_eq!((fact.text(), fact.winner().unwrap().model.as_str()), (Some("bug"), "acme/a"));
    assert_eq!(purposes(&fact), [MEMBER, MEMBER, MEMBER, JUDGE]);
    assert_eq!((fact.cost_usd, judge.calls()), (usd("0.01"), 1));
    let asked = judge.asked()[0].body["messages"][1]["content"].as_str().unwrap().to_owned();
    assert!(asked.contains("hello") && asked.contains("Answer 3"), "{asked}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_judges_word_the_majority_decides() {
    let (world, _judge) = world(Combine::Judge, ["bug", "billing", "billing"], "Hard to say.").await;
    let task = world.submit(|_| {}).await;
    let fact = world.finished(task).await;
    assert_eq!((fact.text(), fact.winner().unwrap().model.as_str()), (Some("billing"), "acme/b"));
    assert_eq!(purposes(&fact).len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_answers_that_are_as_they_must_be_count() {
    let (world, _judge) = world(Combine::Majority, ["perhaps", "perhaps", "bug"], "").await;
    let output = OutputSpec { one_of: Some(vec!["bug".into()]), ..OutputSpec::default() };
    let task = world.submit(|task| task.output = Some(output.clone())).await;
    let fact = world.finished(task).await;
    assert_eq!((fact.text(), fact.attempts.len()), (Some("bug"), 3));
    let none = OutputSpec { one_of: Some(vec!["billing".into()]), ..OutputSpec::default() };
    let task = world.submit(|task| task.output = Some(none)).await;
    let fact = world.finished(task).await;
    assert_eq!((fact.error.unwrap().code.as_str(), fact.attempts.len()), ("output_invalid", 3));
}

#[tokio::test(flavor = "multi_thread")]
async fn members_beyond_the_cap_are_not_called() {
    let dear = |model: &str| PlannedAttempt { expected_cost_usd: usd("0.4"), ..external(model) };
    let members = ["acme/a", "acme/b", "acme/d"].map(dear).to_vec();
    let world = World::start_with((Strategy::Ensemble { combine: Combine::Majority }, members, None), |_| {}).await;
    let upstream = Upstream::answering("yes").await;
    for name in ["acme/a", "acme/b", "acme/d"] {
        world.declare(name, Zone::External, &upstream).await;
    }
    world.execute(&[Zone::External]);
    let task = world.submit(|_| {}).await;
    let fact = world.finished(task).await;
    assert_eq!((fact.text(), fact.attempts.len(), upstream.calls()), (Some("yes"), 2, 2), "three may cost 1.2");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ensemble_whose_executor_died_is_made_again_and_ends_once() {
    let members = ["acme/a", "acme/b"];
    let plan = (Strategy::Ensemble { combine: Combine::Majority }, members.map(external).to_vec(), None);
    let world = World::start_with(plan, |_| {}).await;
    let gate = Arc::new(Semaphore::new(0));
    let upstream = Upstream::that(Reply::Held(gate.clone(), answer("second time"))).await;
    for name in members {
        world.declare(name, Zone::External, &upstream).await;
    }
    let doomed = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    doomed.spawn(neptune_executor::run(world.config(&[Zone::External]), Shutdown::new()));
    let task = world.submit(|_| {}).await;
    wait_until("both members are called", LONG, || async { upstream.calls() == 2 }).await;
    doomed.shutdown_background();
    world.execute(&[Zone::External]);
    wait_until("both are called again", LONG, || async { upstream.calls() == 4 }).await;
    gate.add_permits(4);
    let fact = world.finished(task).await;
    assert_eq!((fact.outcome, fact.text(), fact.attempts.len()), (Outcome::Completed, Some("second time"), 2));
    assert_eq!(fact.cost_usd, usd("0.005"));
}
