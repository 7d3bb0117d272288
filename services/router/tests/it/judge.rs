//! A sample of answers that a model judges, unseen.

use crate::{
    shadow::accepted_as,
    support::{Arrived, SOON, World, submitted, two_models},
};
use neptune_bus::{Bus, BusConfig};
use neptune_contracts::{
    Timestamp,
    finished::TaskFinished,
    ids::TaskId,
    names::{Lane, Origin, Service},
    resource::{JudgeSpec, Manifest, Metadata},
    shadow::JUDGE_OF,
    task::TaskSubmitted,
    topology::StreamName,
};
use neptune_router::{
    domain::judge::{judge, judgement_id},
    judge::Judges,
    statistics::{Asker, MOST_QUESTIONS, Store},
};
use neptune_runtime::Shutdown;
use neptune_testkit::{Redis, builders, wait_until};
use serde_json::json;
use std::sync::Arc;

const QUESTION: &str = "What is a router?";
const SHARE: f64 = 0.2;

/// The route `tickets`, which `a/first` serves and `b/second` judges.
async fn declare(world: &World, max_cost_usd_per_day: &str) {
    let operator = bus(world, Service::Operator).await;
    let judge = json!({"model": "b/second", "share": SHARE, "maxCostUsdPerDay": max_cost_usd_per_day});
    let manifest = Manifest {
        api_version: "neptune/v1".into(),
        kind: "Route".into(),
        metadata: Metadata { name: "tickets".into() },
        spec: json!({"candidates": ["a/first"], "judge": judge}),
    };
    operator.put_resource(&manifest).await.unwrap();
}

async fn bus(world: &World, service: Service) -> Bus {
    Bus::connect(&BusConfig::open(world.nats.url(), world.namespace.clone()), service).await.unwrap()
}

/// A task of the route that is drawn, or is not.
fn ticket(is_drawn: bool) -> TaskSubmitted {
    let spec = JudgeSpec { model: "b/second".into(), share: SHARE, max_cost_usd_per_day: "1".parse().unwrap() };
    loop {
        let mut task = submitted(QUESTION);
        task.constraints.route = Some("tickets".into());
        let settled = task.clone().settle(TaskId::mint(), Timestamp::now()).unwrap();
        if judge(&settled, &builders::admission(&["b/second"]), &spec).is_some() == is_drawn {
            return task;
        }
    }
}

fn asker(task: TaskId) -> Asker {
    Asker { team: "support".parse().unwrap(), origin: Origin::Bus, task }
}

/// Asks until the route is known to the router, and returns a task that is drawn, with its question kept.
async fn drawn(world: &World) -> Arrived {
    let deadline = std::time::Instant::now() + SOON;
    loop {
        let arrived = world.follow(&ticket(true)).await;
        if arrived.routed.plan.explanation.judged_by.as_deref() == Some("b/second") {
            let (store, asker) = (world.store(), asker(arrived.routed.task.id));
            let is_kept = async || store.question(&asker).await.is_ok_and(|question| question.is_some());
            wait_until("its question is kept", SOON, is_kept).await;
            return arrived;
        }
        assert!(std::time::Instant::now() < deadline, "{:?}", arrived.routed.plan.explanation);
        world.finish(arrived, vec![]).await;
    }
}

/// The judgement of a task, as the executor gets it.
async fn judgement(world: &World, task: TaskId) -> Arrived {
    world.arrival(judgement_id(Origin::Bus, task)).await
}

/// What is known of the answers of `a/first`: the weight of good and of bad ones.
async fn evidence(world: &World) -> Option<(f64, f64)> {
    let (_, cells) = world.store().read_cells(None).await.ok()??;
    cells.get("*")?.get("a/first").map(|cell| (cell.good, cell.bad))
}

/// How much feedback is stored.
async fn feedback_given(world: &World) -> u64 {
    let stream = world.namespace.resource(StreamName::Facts.as_str());
    let filter = format!(r#"{{"subjects_filter": "{}.feedback.given.>"}}"#, world.namespace);
    let client = world.nats.client().await;
    let answer = client.request(format!("$JS.API.STREAM.INFO.{stream}"), filter.into()).await.unwrap();
    let info: serde_json::Value = serde_json::from_slice(&answer.payload).unwrap();
    let subjects = info["state"]["subjects"].as_object().cloned().unwrap_or_default();
    subjects.values().filter_map(serde_json::Value::as_u64).sum()
}

/// Sees to a finished task once more, as a router does to which it is handed out again.
async fn see_to_again(world: &World, fact: &TaskFinished) {
    let bus = bus(world, Service::Router).await;
    let resources = bus.resources(&Shutdown::new()).await.unwrap();
    Judges { bus, store: Arc::new(world.store()), resources }.see_to(&[fact]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drawn_answer_is_judged_once_and_learnt_from_once() {
    let world = World::start(&two_models()).await;
    declare(&world, "1").await;
    let task = drawn(&world).await;
    let id = task.routed.task.id;
    let fact = world.complete(&task, "A thing with a belt.").await;
    let judging = judgement(&world, id).await;
    let asked = &judging.routed.task;
    assert_eq!((asked.origin, asked.constraints.lane, judging.first()), (Origin::Shadow, Lane::Batch, "b/second"));
    assert_eq!((asked.team.as_str(), &asked.metadata[JUDGE_OF]), ("support", &json!(id.to_string())));
    let texts = asked.input.texts().collect::<String>();
    assert!(texts.contains(QUESTION) && texts.contains("A thing with a belt."), "{texts}");
    assert_eq!(judging.routed.plan.attempts.len(), 1, "nobody stands in for the judge");
    assert_eq!(judging.routed.plan.explanation.judged_by, None, "nobody judges a judge");
    let store = world.store();
    let is_forgotten = async || store.question(&asker(id)).await.is_ok_and(|question| question.is_none());
    wait_until("the question is forgotten", SOON, is_forgotten).await;

    // A router that died before it forgot the question sees to the task again.
    assert!(store.keep_question(&asker(id), "[]", Timestamp::now()).await.unwrap());
    see_to_again(&world, &fact).await;
    assert_eq!(accepted_as(&world, "shadow").await, 1, "the judgement is the one there is");

    let verdict = world.complete(&judging, r#"{"score": 0.0}"#).await;
    wait_until("it is learnt", SOON, async || evidence(&world).await.is_some_and(|(_, bad)| bad > 0.0)).await;
    let (good, bad) = evidence(&world).await.unwrap();
    assert!(good < 1e-6 && (0.25..=0.3001).contains(&bad), "a judge counts 0.3: {good} {bad}");
    see_to_again(&world, &verdict).await;
    assert_eq!(feedback_given(&world).await, 1, "it is told once");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_router_takes_over_and_a_broken_judgement_changes_nothing() {
    let world = World::start(&two_models()).await;
    declare(&world, "1").await;
    let (early, broken, task) = (drawn(&world).await, drawn(&world).await, drawn(&world).await);
    // Whoever routed them is gone when they end.
    world.kill_routers().await;
    world.complete(&early, "A thing with a belt.").await;
    world.start_router().await;
    let says = async |task: &Arrived, verdict: &str| {
        world.complete(task, "A thing with a belt.").await;
        let judging = judgement(&world, task.routed.task.id).await;
        world.complete(&judging, verdict).await;
    };
    says(&broken, "It is not bad at all.").await;
    says(&task, r#"{"score": 1.0}"#).await;
    wait_until("the other is learnt", SOON, async || evidence(&world).await.is_some_and(|(good, _)| good > 0.0)).await;
    let (good, bad) = evidence(&world).await.unwrap();
    assert!(bad < 1e-6 && good <= 0.3001, "the broken one counts nothing: {good} {bad}");
    assert_eq!(feedback_given(&world).await, 1);
    // What the dead router had been handed is handed out again after half a minute.
    wait_until("it goes to its judge", 6 * SOON, async || accepted_as(&world, "shadow").await == 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_judged_that_is_not_drawn_or_that_costs_too_much() {
    let world = World::start(&two_models()).await;
    declare(&world, "0").await;
    let task = drawn(&world).await;
    let other = world.follow(&ticket(false)).await;
    assert_eq!(other.routed.plan.explanation.judged_by, None);
    let ids = [task.routed.task.id, other.routed.task.id];
    for task in [&task, &other] {
        world.complete(task, "A thing with a belt.").await;
    }
    // The question goes when the task was seen to, judged or not.
    let store = world.store();
    let is_seen_to = async || store.question(&asker(ids[0])).await.is_ok_and(|question| question.is_none());
    wait_until("it was seen to", SOON, is_seen_to).await;
    assert_eq!(accepted_as(&world, "shadow").await, 0);
}

#[tokio::test]
async fn so_many_questions_are_kept_and_none_for_another_team() {
    let redis = Redis::start().await;
    let store = Store::open(&redis.url(), neptune_testkit::namespace().as_str(), SOON).unwrap();
    let now = Timestamp::now();
    let first = asker(TaskId::mint());
    for number in 0..MOST_QUESTIONS {
        let asker = if number == 0 { first.clone() } else { asker(TaskId::mint()) };
        assert!(store.keep_question(&asker, "[]", now).await.unwrap());
    }
    let late = asker(TaskId::mint());
    assert!(!store.keep_question(&late, "[]", now).await.unwrap(), "there is no room");
    assert!(store.keep_question(&first, "[]", now).await.unwrap(), "again it changes nothing");
    assert_eq!(store.question(&late).await.unwrap(), None);
    let foreign = Asker { team: "other".parse().unwrap(), ..first.clone() };
    assert_eq!(store.question(&foreign).await.unwrap(), None, "ids are the callers'");
    store.forget_question(&first).await.unwrap();
    assert!(store.keep_question(&late, "[]", now).await.unwrap(), "room for one");
    let hour_later = now.plus_millis(3_600_000);
    assert!(store.keep_question(&asker(TaskId::mint()), "[]", hour_later).await.unwrap(), "the old ones are forgotten");
}
