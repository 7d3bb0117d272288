//! What metering answers.

use crate::{
    facts::{attempt, delivered, delivery_try, failed_attempt, failure, finished, webhook},
    support::{PATIENCE, World},
};
use neptune_bus::RequestError;
use neptune_contracts::{
    PicoUsd,
    ids::{RunId, TaskId},
    query::{AttemptsQuery, SpendGroup, SpendQuery, TaskQuery},
    task::StepRef,
};
use neptune_testkit::wait_until;

#[tokio::test(flavor = "multi_thread")]
async fn a_task_is_told_with_its_deliveries_and_its_total_and_without_its_output() {
    let mut world = World::start().await;
    let mut fact = finished("support", vec![failed_attempt("a", 4), attempt("b", 6)]);
    fact.deliver.extend([webhook(), webhook(), webhook()]);
    fact.step = Some(StepRef { run: RunId::mint(), workflow: "x/y:1".into(), step: "do/0".into(), instance: None });
    world.store(&delivery_try(&fact, 0, 1, Some("503"))).await;
    world.store(&delivery_try(&fact, 0, 2, None)).await;
    world.store(&delivered(&fact, 0, 5)).await;
    world.store(&delivery_try(&fact, 1, 1, Some("connection refused"))).await;
    world.store(&fact).await;
    world.until_spent(PicoUsd(15), 1).await;
    world.until_settled().await;
    let own = TaskQuery { id: fact.id, team: Some("support".parse().unwrap()) };
    let view = world.operator.request(&own).await.unwrap();
    let mut expected = fact.clone();
    expected.output = None;
    assert_eq!(view.finished, expected);
    assert_eq!(view.ledger_total_usd, PicoUsd(15));
    let states: Vec<_> = view.deliveries.iter().map(|view| (view.state.as_str(), view.attempts)).collect();
    assert_eq!(states, [("delivered", 2), ("pending", 1), ("pending", 0)]);
    assert_eq!(view.deliveries[1].error.as_deref(), Some("connection refused"));
    assert_eq!(world.operator.request(&TaskQuery { id: fact.id, team: None }).await.unwrap(), view);
    for stranger in
        [TaskQuery { id: fact.id, team: Some("sales".parse().unwrap()) }, TaskQuery { id: TaskId::mint(), team: None }]
    {
        let Err(RequestError::Refused(error)) = world.operator.request(&stranger).await else {
            panic!("it is answered")
        };
        assert_eq!(error.code, "not_found");
    }
    world.stop_metering().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn spend_is_grouped_and_a_failure_that_came_first_counts_for_its_kind_of_work() {
    let mut world = World::start().await;
    let fact = finished("support", vec![failed_attempt("a", 4), attempt("b", 6)]);
    world.store(&failure(&fact, &fact.attempts[0])).await;
    world.until_spent(PicoUsd(4), 1).await;
    let other = finished("sales", vec![attempt("b", 100)]);
    world.store(&fact).await;
    world.store(&other).await;
    world.store(&delivered(&fact, 0, 1)).await;
    world.until_spent(PicoUsd(111), 2).await;
    for (group_by, expected) in [
        (SpendGroup::Team, vec![("sales", 1, 100), ("support", 2, 11)]),
        (SpendGroup::Model, vec![("b", 2, 106), ("a", 1, 4), ("delivery by webhook", 0, 1)]),
        (SpendGroup::TaskType, vec![("summarization", 3, 111)]),
        (SpendGroup::Workflow, vec![("none", 3, 111)]),
    ] {
        let report = world.spend(group_by).await.unwrap();
        let rows: Vec<_> = report.rows.iter().map(|row| (row.group.as_str(), row.calls, row.cost_usd.0)).collect();
        assert_eq!(rows, expected, "{group_by:?}");
        assert!(report.as_of.is_some());
    }
    let (team, now) = ("support".parse().unwrap(), fact.times.finished_at.plus_millis(600_000));
    let own = SpendQuery { team: Some(team), since: None, until: Some(now), group_by: SpendGroup::Team };
    let report = world.operator.request(&own).await.unwrap();
    assert_eq!((report.total_usd, report.rows.len()), (PicoUsd(11), 1));
    assert_eq!((report.rows[0].input_tokens, report.rows[0].output_tokens), (222, 44));
    let later = SpendQuery { since: Some(now), until: None, ..own };
    assert_eq!(world.operator.request(&later).await.unwrap().rows, []);
    world.stop_metering().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn attempts_come_newest_first() {
    let mut world = World::start().await;
    let attempts: Vec<_> =
        (0..5).map(|cost| if cost == 2 { failed_attempt("a", cost) } else { attempt("a", cost) }).collect();
    let fact = finished("support", attempts.clone());
    world.store(&fact).await;
    world.store(&finished("support", vec![attempt("b", 50)])).await;
    let total = PicoUsd(60);
    world.until_spent(total, 2).await;
    let newest = AttemptsQuery { model: Some("a".into()), limit: 3 };
    let expected: Vec<_> = attempts.into_iter().rev().take(3).collect();
    let told = || async { world.operator.request(&newest).await.is_ok_and(|report| report.attempts == expected) };
    wait_until("they are told", PATIENCE, told).await;
    let all = world.operator.request(&AttemptsQuery { model: None, limit: 1_000 }).await.unwrap();
    assert_eq!((all.attempts.len(), all.attempts[0].model.as_str()), (6, "b"));
    let refused = world.operator.request(&AttemptsQuery { model: None, limit: 0 }).await;
    assert!(matches!(refused, Err(RequestError::Refused(error)) if error.code == "invalid_request"));
    world.stop_metering().await;
}
