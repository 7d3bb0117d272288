#![allow(clippy::unwrap_used)]
use super::*;
use serde_json::json;

fn report() -> RoutingReport {
    let quality =
        |mean: f64, by: &str, observations: u64| json!({"mean": mean, "by": by, "observations": observations});
    serde_json::from_value(json!({
        "tasks": 5, "cost_usd": "0.01", "as_of": "2026-11-23T09:50:00Z",
        "rows": [
            {"task_type": "chat", "model": "a/small", "tasks": 3, "share": 0.75, "cost_usd": "0.006", "failed": 0, "fell_back": 1,
                "served_from_cache": 1, "saved_usd": "0.002", "judged": 2, "quality": 0.75},
            {"task_type": "chat", "tasks": 1, "share": 0.25, "cost_usd": "0", "failed": 1, "fell_back": 0,
                "served_from_cache": 0, "saved_usd": "0", "judged": 0},
            {"workflow": "x/y:1", "step": "do/0", "task_type": "extraction", "model": "b/large", "tasks": 1, "share": 1.0,
                "cost_usd": "0.004", "failed": 0, "fell_back": 0, "served_from_cache": 0, "saved_usd": "0", "judged": 0},
        ],
        "decisions": {"considered": 4, "of": 8},
        "policies": [
            {"policy": "as_decided", "tasks": 4, "unavailable": 0, "cost_usd": "0.01", "actual_cost_usd": "0.01", "cost_by": "observed",
                "quality": [quality(0.75, "observed", 2)]},
            {"policy": "best_single", "detail": "b/large", "tasks": 4, "unavailable": 1, "cost_usd": "0.02", "actual_cost_usd": "0.01",
                "cost_by": "expected_cost", "quality": [
                    {"mean": 0.9, "by": "inverse_propensity", "observations": 2, "effective": 1.52}, quality(0.88, "believed", 3)]},
            {"policy": "always_strongest", "tasks": 4, "unavailable": 0, "cost_usd": "0.02", "actual_cost_usd": "0.01",
                "cost_by": "expected_cost", "quality": []},
        ],
        "exploration": {"tasks": 1, "cost_usd": "0.002", "forgone_usd": 0.0001},
        "removed": [{"by": "governance", "models": 4, "tasks": 2}],
        "fallbacks": [{"model": "a/small", "class": "timeout", "calls": 2}],
        "shadows": [{"model": "c/new", "task_type": "chat", "copies": 3, "answered": 2, "invalid": 1, "compared": 2, "agreed": 1,
            "cost_usd": "0.001", "served_cost_usd": "0.004", "latency_ms": 410.4, "served_latency_ms": 800.0}],
    }))
    .unwrap()
}

#[test]
fn every_number_says_how_it_is_known() {
    let expected = "\
5 tasks reached the router and cost $0.01, as of 2026-11-23T09:50:00Z.

Who did what
PLACE                          MODEL          TASKS  SHARE    COST  FAILED  FELL BACK  CACHED   SAVED     QUALITY
chat                           a/small            3   75 %  $0.006       0          1       1  $0.002  0.75 (n=2)
chat                           none answered      1   25 %      $0       1          0       0      $0           -
x/y:1 do/0 (extraction)        b/large            1  100 %  $0.004       0          0       0      $0           -";
    let text = render(&report());
    let squeezed = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(squeezed(&text).starts_with(&squeezed(expected)), "{text}");
    for wanted in [
        "Other policies, from 4 of 8 recorded decisions, an even sample by id",
        "0.750 observed (n=2)",
        "best single model (b/large)",
        "4 (1 as they were)",
        "0.900 inverse_propensity (n=2, worth 1.5), 0.880 believed (n=3)",
        "unknown",
        "believed: what was believed when the decision was made; nobody judged it",
        "Tried out of turn: 1 tasks, which cost $0.002",
        "a/small  timeout      2",
        "1 of 2  $0.001  $0.004  410 ms       800 ms",
    ] {
        assert!(text.contains(wanted), "{wanted:?} is missing in\n{text}");
    }
    assert!(!text.contains("observed_by_kind"), "only methods that occur are explained");
}

#[test]
fn a_week_without_tasks_says_so_and_no_more() {
    let empty = RoutingReport { tasks: 0, rows: Vec::new(), policies: Vec::new(), as_of: None, ..report() };
    assert_eq!(render(&empty), "0 tasks reached the router and cost $0.01.");
}
