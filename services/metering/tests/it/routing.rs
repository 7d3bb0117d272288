//! The report on routing, and recorded decisions, from what is really in the ledger.

use crate::{
    facts::{attempt, failed_attempt, feedback, finished},
    support::World,
};
use neptune_contracts::{
    PicoUsd, Timestamp,
    feedback::FeedbackBy,
    finished::{CacheHit, Outcome, TaskError, TaskFinished},
    ids::TaskId,
    query::{
        decisions::DecisionsQuery,
        routing::{Method, PolicyName, RoutingQuery},
    },
    task::CacheMode,
};
use neptune_testkit::builders;
use serde_json::json;

/// A task for which `first` was called first, of a strong and a weak candidate.
fn routed(first: &str, propensity: f64, cost: i64) -> TaskFinished {
    let candidate = |model: &str, quality: f64, cost_usd: &str| json!({"model": model, "quality": quality, "success": 1.0, "cost_usd": cost_usd, "latency_ms": 1, "utility_usd": quality * 0.02});
    let route = json!({
        "route": "auto", "task_type": "summarization", "task_type_by": "predicted", "task_type_confidence": 0.9,
        "config_revision": 7, "value_usd": "0.02", "because": "", "decided_in_us": 20, "propensity": propensity,
        "removed": [{"model": "x", "by": "governance", "reason": ""}],
        "candidates": [candidate("strong", 0.9, "0.000000004"), candidate("weak", 0.7, "0.000000001")],
        "learning": {"policy": "1.7", "levels": [], "beliefs": [], "explored": first == "weak"},
    });
    TaskFinished {
        route: Some(serde_json::from_value(route).unwrap()),
        admission: Some(builders::admission(&["strong", "weak"])),
        ..finished("support", vec![attempt(first, cost)])
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_week_of_routing_is_told_with_how_each_number_is_known() {
    let mut world = World::start().await;
    let strong = routed("strong", 0.8, 4_000);
    let weak = routed("weak", 0.2, 2_000);
    let fell_back = {
        let mut fact = routed("strong", 0.8, 0);
        fact.attempts = vec![failed_attempt("strong", 100), attempt("weak", 1_000)];
        fact.cost_usd = PicoUsd(1_100);
        fact
    };
    let hit = TaskFinished {
        cache: Some(CacheHit {
            task: TaskId::mint(),
            kind: CacheMode::Exact,
            likeness: 1.0,
            model: "strong".into(),
            provider: "openai".into(),
            answered_at: Timestamp::now(),
            saved_usd: PicoUsd(4_000),
        }),
        ..finished("support", Vec::new())
    };
    let error = TaskError {
        code: "budget_exceeded".into(),
        message: String::new(),
        problems: Vec::new(),
        retry_after_ms: None,
    };
    let rejected = TaskFinished { outcome: Outcome::Rejected, error: Some(error), ..finished("support", Vec::new()) };
    for fact in [&strong, &weak, &fell_back, &hit, &rejected, &finished("sales", vec![attempt("other", 5)])] {
        world.store(fact).await;
    }
    world.store(&feedback(&strong, 1.0, FeedbackBy::Person)).await;
    world.store(&feedback(&weak, 0.5, FeedbackBy::Person)).await;
    world.until_spent(PicoUsd(7_105), 5).await;
    world.until_settled().await;
    let query = RoutingQuery { team: Some("support".parse().unwrap()), since: None, until: None };
    let report = world.operator.request(&query).await.unwrap();
    assert_eq!((report.tasks, report.cost_usd), (4, PicoUsd(7_100)), "what governance refused was not routed");
    let rows: Vec<_> = report
        .rows
        .iter()
        .map(|row| (row.model.as_deref(), row.tasks, row.share, row.cost_usd.0, row.fell_back, row.judged, row.quality))
        .collect();
    assert_eq!(
        rows,
        [(Some("strong"), 2, 0.5, 4_000, 0, 1, Some(1.0)), (Some("weak"), 2, 0.5, 3_100, 1, 1, Some(0.5))]
    );
    assert_eq!((report.rows[0].served_from_cache, report.rows[0].saved_usd), (1, PicoUsd(4_000)));
    assert_eq!((report.decisions.considered, report.decisions.of), (3, 3));
    let of = |policy: PolicyName| report.policies.iter().find(|outcome| outcome.policy == policy).unwrap();
    assert_eq!(of(PolicyName::AsDecided).cost_usd, PicoUsd(7_100));
    // 4,000 as it was, twice 4,000 because the weak one cost twice what it should, 1.1 times 4,000.
    let strongest = of(PolicyName::AlwaysStrongest);
    assert_eq!((strongest.cost_usd, strongest.cost_by), (PicoUsd(16_400), Method::ExpectedCost));
    let weighted = strongest.quality.iter().find(|quality| quality.by == Method::InversePropensity).unwrap();
    assert_eq!((weighted.mean, weighted.observations), (1.0, 1));
    assert_eq!((report.exploration.tasks, report.exploration.cost_usd), (1, PicoUsd(2_000)));
    assert_eq!((report.removed[0].by.as_str(), report.removed[0].models), ("governance", 3));
    let [failed] = report.fallbacks.as_slice() else { panic!("{:?}", report.fallbacks) };
    assert_eq!((failed.model.as_str(), failed.class.as_str(), failed.calls), ("strong", "malformed", 1));
    let later = RoutingQuery { since: Some(Timestamp::now().plus_millis(60_000)), ..query };
    let empty = world.operator.request(&later).await.unwrap();
    assert_eq!((empty.tasks, empty.rows.len(), empty.policies.len(), empty.decisions.of), (0, 0, 0, 0));
    world.stop_metering().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn recorded_decisions_are_told_page_by_page_each_once_and_without_outputs() {
    let mut world = World::start().await;
    let mut wanted = Vec::new();
    for index in 0..250 {
        let mut fact = routed("strong", 0.8, 1);
        // Several end at the same moment, so that pages break between them.
        fact.times.finished_at = Timestamp::from_unix_micros(1_800_000_000_000_000 + index / 7).unwrap();
        wanted.push((fact.times.finished_at, fact.id));
        world.store(&fact).await;
    }
    world.store(&finished("support", vec![attempt("a", 1)])).await;
    world.until_spent(PicoUsd(251), 251).await;
    wanted.sort();
    let (mut query, mut told, mut pages) = (DecisionsQuery::default(), Vec::new(), 0);
    loop {
        let page = world.operator.request(&query).await.unwrap();
        pages += 1;
        for fact in page.decisions {
            assert!(fact.output.is_none() && fact.route.is_some() && fact.admission.is_some());
            told.push((fact.times.finished_at, fact.id));
        }
        query.after = page.next;
        if query.after.is_none() {
            break;
        }
    }
    assert_eq!(told, wanted);
    assert!(pages > 1, "{pages}");
    world.stop_metering().await;
}
