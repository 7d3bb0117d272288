//! `neptune report routing` and `neptune eval policy` against a broker, with a metering that tells
//! what this test gives it.

use crate::bus::Stand;
use neptune_bus::Bus;
use neptune_contracts::{
    finished::TaskFinished,
    query::{
        QueryError,
        decisions::{DecisionMark, DecisionsPage, DecisionsQuery},
        routing::{RoutingQuery, RoutingReport},
    },
};
use neptune_runtime::Shutdown;
use serde_json::json;
use std::fs;

const MODELS: &str = "\
apiVersion: neptune/v1
kind: Model
metadata: {name: a/small}
spec: {provider: openai, endpoint: https://a.example/v1, price: {inputUsdPerMtok: 0.1, outputUsdPerMtok: 0.4}}
---
apiVersion: neptune/v1
kind: Model
metadata: {name: b/large}
spec: {provider: openai, endpoint: https://b.example/v1, price: {inputUsdPerMtok: 1, outputUsdPerMtok: 4}}
";

const ROUTE: &str = "\
apiVersion: neptune/v1
kind: Route
metadata: {name: auto}
spec: {candidates: [b/large]}
";

/// A task that `auto` gave to the small model, because it is as good and cheaper.
fn decided(number: u32) -> TaskFinished {
    let candidate = |model: &str, cost_usd: &str, utility_usd: f64| json!({"model": model, "quality": 0.8, "success": 0.95, "cost_usd": cost_usd, "latency_ms": 800, "utility_usd": utility_usd});
    let id = format!("01987654-3210-7abc-8def-{number:012}");
    let time = "2026-11-23T09:50:00Z";
    serde_json::from_value(json!({
        "id": id, "team": "support", "origin": "api", "outcome": "completed", "cost_usd": "0.0001", "lane": "realtime",
        "attempts": [{"id": id, "model": "a/small", "provider": "openai", "zone": "external", "started_at": time,
            "latency_us": 800_000, "usage": {"input_uncached": 100, "output": 200}, "cost_usd": "0.0001"}],
        "admission": {"admitted_at": time, "expires_at": "2026-11-23T10:50:00Z", "class": "internal",
            "allowed_models": ["a/small", "b/large"], "allowed_zones": ["external"], "policy_version": "r1",
            "input_sha256": "", "signed_by": "", "signature": ""},
        "route": {"route": "auto", "task_type": "chat", "task_type_by": "predicted", "task_type_confidence": 0.9,
            "config_revision": 7, "value_usd": "0.02", "because": "", "decided_in_us": 20, "removed": [],
            "candidates": [candidate("a/small", "0.00009", 0.015), candidate("b/large", "0.0009", 0.014)],
            "learning": {"policy": "1.7", "levels": [], "refrained": "no_feedback", "beliefs": []}},
        "times": {"submitted_at": time, "routed_at": time, "finished_at": time, "added_us": 900},
    }))
    .unwrap()
}

/// Answers with two pages of one decision each.
fn page(query: DecisionsQuery) -> DecisionsPage {
    let facts = [decided(1), decided(2)];
    let place = usize::from(query.after.is_some());
    let mark = DecisionMark { finished_at: facts[0].times.finished_at, task: facts[0].id };
    DecisionsPage { decisions: vec![facts[place].clone()], next: (place == 0).then_some(mark) }
}

fn serve(bus: &Bus, shutdown: &Shutdown) {
    let (decisions, routing, stop) = (bus.clone(), bus.clone(), shutdown.clone());
    tokio::spawn(async move {
        decisions.serve(&stop, |query: DecisionsQuery| async { Ok::<_, QueryError>(page(query)) }).await.unwrap();
    });
    let stop = shutdown.clone();
    tokio::spawn(async move {
        let report = |query: RoutingQuery| async move {
            assert!(query.since.is_some() && query.team.is_some());
            Ok::<RoutingReport, QueryError>(
                serde_json::from_value(json!({
                    "tasks": 2, "cost_usd": "0.0002", "rows": [], "decisions": {"considered": 2, "of": 2}, "policies": [],
                    "exploration": {"tasks": 0, "cost_usd": "0", "forgone_usd": 0.0}, "removed": [], "fallbacks": [],
                }))
                .unwrap(),
            )
        };
        routing.serve(&stop, report).await.unwrap();
    });
}

async fn until_served(stand: &Stand) {
    let ready = async || stand.neptune(&["report", "routing", "--team", "support"]).status.success();
    neptune_testkit::wait_until("the queries are served", std::time::Duration::from_secs(20), ready).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_change_would_do_is_told_before_it_is_applied() {
    let stand = Stand::start().await;
    fs::write(stand.folder.path().join("models.yaml"), MODELS).unwrap();
    fs::write(stand.folder.path().join("route.yaml"), ROUTE).unwrap();
    stand.json(&["apply", "-f", "models.yaml", "--json"]);
    let (bus, shutdown) = (stand.bus().await, Shutdown::new());
    serve(&bus, &shutdown);
    until_served(&stand).await;
    let told = stand.json(&["eval", "policy", "--routes", "route.yaml", "--since", "7d", "--json"]);
    assert_eq!(
        (&told["decisions"], &told["reproduced"], &told["changed"]),
        (&json!(2), &json!(2), &json!(2)),
        "{told}"
    );
    assert_eq!(told["moves"], json!([{"from": "a/small", "to": "b/large", "tasks": 2}]));
    assert_eq!(
        (&told["before"]["cost_usd"], &told["after"]["cost_usd"]),
        (&json!("0.00018"), &json!("0.0018")),
        "{told}"
    );
    let stored = stand.bus().await.stored_resources().await.unwrap();
    assert!(!stored.contains_key("route/auto"), "nothing is applied");
    let text = String::from_utf8(stand.neptune(&["eval", "policy", "--routes", "route.yaml"]).stdout).unwrap();
    assert!(text.contains("2 recorded decisions; 2 of 2 come out as recorded"), "{text}");
    assert!(text.contains("- a/small -> b/large: 2") && text.contains("Prompts are not stored"), "{text}");
    shutdown.cancel();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_is_asked_of_metering_and_a_wrong_time_is_refused() {
    let stand = Stand::start().await;
    let (bus, shutdown) = (stand.bus().await, Shutdown::new());
    serve(&bus, &shutdown);
    until_served(&stand).await;
    let told = stand.json(&["report", "routing", "--team", "support", "--json"]);
    assert_eq!((&told["tasks"], &told["decisions"]["of"]), (&json!(2), &json!(2)));
    let refused = stand.neptune(&["report", "routing", "--since", "lately"]);
    assert!(!refused.status.success() && String::from_utf8_lossy(&refused.stderr).contains("--since"), "{refused:?}");
    shutdown.cancel();
}
