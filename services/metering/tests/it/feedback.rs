//! What is said about answers is in the ledger once, and the strongest of it counts.

use crate::{
    facts::{attempt, failed_attempt, feedback, finished},
    support::{PATIENCE, World},
};
use neptune_bus::dead;
use neptune_contracts::{
    PicoUsd,
    feedback::FeedbackBy,
    finished::TaskFinished,
    ids::RunId,
    query::{SpendGroup, TaskQuery, quality::QualityQuery},
    task::StepRef,
};
use neptune_testkit::wait_until;
use sea_orm::ConnectionTrait as _;

#[tokio::test(flavor = "multi_thread")]
async fn the_strongest_counts_whatever_the_order_and_however_often_it_comes() {
    let mut world = World::start().await;
    world.until_spent(PicoUsd::ZERO, 0).await;
    world.stop_metering().await;
    let mut judged = finished("support", vec![failed_attempt("a", 4), attempt("b", 6)]);
    // Another team's task of the same id is another task.
    let other = TaskFinished { id: judged.id, ..finished("sales", vec![attempt("a", 1)]) };
    judged.step = Some(StepRef { run: RunId::mint(), workflow: "x/y:1".into(), step: "do/0".into(), instance: None });
    // Feedback comes before its task's fact, the strongest in the middle, and some of it twice.
    let said =
        [(0.1, FeedbackBy::Judge), (0.5, FeedbackBy::Person), (0.7, FeedbackBy::Person), (0.9, FeedbackBy::Implied)]
            .map(|(score, by)| feedback(&judged, score, by));
    for given in [&said[0], &said[2], &said[1], &said[3], &said[0]] {
        world.store(given).await;
    }
    world.store(&judged).await;
    world.store(&other).await;
    world.store(&finished("support", vec![attempt("b", 10)])).await;
    world.start_metering();
    world.until_spent(PicoUsd(21), 3).await;
    world.until_settled().await;
    check(&world, &judged, &other).await;
    world.stop_metering().await;
    // As if it had died between the commit and the acknowledgements.
    world.forget_acknowledgements().await;
    world.start_metering();
    world.until_settled().await;
    assert_eq!(world.number("SELECT count(*) FROM feedback").await, 4, "a redelivery adds nothing");
    check(&world, &judged, &other).await;
    world.stop_metering().await;
}

async fn check(world: &World, judged: &TaskFinished, other: &TaskFinished) {
    let of = |fact: &TaskFinished| TaskQuery { id: fact.id, team: Some(fact.team.clone()) };
    let quality = world.operator.request(&of(judged)).await.unwrap().quality.unwrap();
    assert_eq!((quality.score, quality.by, quality.given), (0.7, FeedbackBy::Person, 4), "the later of two persons");
    assert_eq!(world.operator.request(&of(other)).await.unwrap().quality, None);
    let report = world.operator.request(&QualityQuery::default()).await.unwrap();
    let [row] = report.rows.as_slice() else { panic!("{report:?}") };
    assert_eq!((row.model.as_str(), row.workflow.as_deref(), row.step.as_deref()), ("b", Some("x/y:1"), Some("do/0")));
    assert_eq!((row.tasks, row.judged, row.judged_by_person, row.quality), (1, 1, 1, 0.7));
    let spend = world.spend(SpendGroup::Model).await.unwrap();
    let told: Vec<_> = spend.rows.iter().map(|row| (row.group.as_str(), row.judged, row.quality)).collect();
    assert_eq!(told, [("b", 1, Some(0.7)), ("a", 0, None)], "about the model that answered");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_score_that_is_none_is_kept_as_a_dead_letter_and_nothing_said_can_be_changed() {
    let mut world = World::start().await;
    let fact = finished("support", vec![attempt("a", 1)]);
    world.store(&feedback(&fact, 1.5, FeedbackBy::Person)).await;
    world.store(&feedback(&fact, 1.0, FeedbackBy::Person)).await;
    let kept = || async { dead::list(&world.operator, 10).await.unwrap().len() == 1 };
    wait_until("it is kept as a dead letter", PATIENCE, kept).await;
    let letter = dead::list(&world.operator, 10).await.unwrap().remove(0).letter;
    assert_eq!(letter.reason, "score is 1.5; the limit is 0 to 1");
    world.until_settled().await;
    assert_eq!(world.number("SELECT count(*) FROM feedback").await, 1);
    let database = world.database().await;
    for change in ["UPDATE feedback SET score = 0", "DELETE FROM feedback", "TRUNCATE feedback"] {
        let error = database.execute_unprepared(change).await.unwrap_err().to_string();
        assert!(error.contains("append-only"), "{change}: {error}");
    }
    world.stop_metering().await;
}
