//! Copies of tasks beside the tasks themselves.

use crate::{
    facts::{attempt, failed_attempt, finished},
    support::World,
};
use neptune_contracts::{
    PicoUsd,
    finished::{Outcome, TaskFinished},
    ids::TaskId,
    names::Origin,
    query::routing::RoutingQuery,
    shadow::{SHADOW_MODEL, SHADOW_OF},
};
use serde_json::json;

fn answered(text: &str, fact: TaskFinished) -> TaskFinished {
    TaskFinished { output: Some(json!({"choices": [{"message": {"content": text}}]})), ..fact }
}

fn served(text: &str) -> TaskFinished {
    let route = serde_json::from_value(json!({
        "route": "tickets", "task_type": "summarization", "task_type_by": "predicted", "task_type_confidence": 0.9,
        "config_revision": 7, "value_usd": "0.02", "because": "", "decided_in_us": 20, "removed": [], "candidates": [],
        "shadows": ["c/new"],
    }));
    answered(text, TaskFinished { route: Some(route.unwrap()), ..finished("support", vec![attempt("a/old", 100)]) })
}

fn copy(of: &TaskFinished, text: Option<&str>) -> TaskFinished {
    let call = if text.is_some() { attempt("c/new", 10) } else { failed_attempt("c/new", 1) };
    let outcome = if text.is_some() { Outcome::Completed } else { Outcome::Failed };
    let mut fact = TaskFinished { origin: Origin::Shadow, outcome, ..finished(of.team.as_str(), vec![call]) };
    fact.id = TaskId::derive(of.id.0, "shadow.c/new");
    fact.metadata = serde_json::Map::from_iter([
        (SHADOW_OF.to_owned(), json!(of.id.to_string())),
        (SHADOW_MODEL.to_owned(), json!("c/new")),
    ]);
    match text {
        Some(text) => answered(text, fact),
        None => TaskFinished { output: None, ..fact },
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn copies_are_compared_with_what_was_served_whichever_comes_first_and_once() {
    let mut world = World::start().await;
    let [same, other, broken] = ["Spam", "Spam", "Spam"].map(served);
    let copies = [copy(&same, Some("spam.\n")), copy(&other, Some("ham")), copy(&broken, None)];
    // A caller's label makes no copy.
    let mut claimed = finished("support", vec![attempt("a/old", 100)]);
    claimed.metadata.insert(SHADOW_OF.into(), json!(same.id.to_string()));
    for fact in [&copies[0], &same, &other, &copies[1], &broken, &copies[2], &claimed] {
        world.store(fact).await;
    }
    world.until_spent(PicoUsd(421), 7).await;
    check(&world).await;
    world.stop_metering().await;
    world.forget_acknowledgements().await;
    world.start_metering();
    world.until_settled().await;
    world.until_spent(PicoUsd(421), 7).await;
    check(&world).await;
    let kept = "SELECT count(*) FROM task WHERE fact::text ILIKE '%spam%' OR fact::text ILIKE '%ham%'";
    assert_eq!(world.number(kept).await, 0, "no answer is kept");
    assert_eq!(world.number("SELECT count(answer_mark) FROM task WHERE id IN (SELECT shadow_of FROM task)").await, 3);
    world.stop_metering().await;
}

async fn check(world: &World) {
    let report = world.operator.request(&RoutingQuery::default()).await.unwrap();
    assert_eq!((report.tasks, report.cost_usd), (4, PicoUsd(400)), "copies are no tasks of the route");
    let [row] = report.shadows.as_slice() else { panic!("{:?}", report.shadows) };
    assert_eq!((row.model.as_str(), row.copies, row.answered, row.invalid), ("c/new", 3, 2, 1));
    assert_eq!((row.compared, row.agreed), (2, 1));
    assert_eq!((row.cost_usd, row.served_cost_usd), (PicoUsd(20), PicoUsd(200)));
    assert_eq!((row.latency_ms, row.served_latency_ms), (Some(1.234), Some(1.234)));
}
