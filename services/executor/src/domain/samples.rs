//! A routed task and attempts for tests.
#![allow(clippy::unwrap_used)]

use neptune_contracts::{
    PicoUsd, Timestamp,
    attempt::{Attempt, AttemptError, ErrorClass, Usage},
    ids::AttemptId,
    names::Zone,
    plan::TaskRouted,
};
use serde_json::json;

/// Where all samples begin.
pub(crate) fn start() -> Timestamp {
    Timestamp::from_unix_micros(1_790_000_000_000_000).unwrap()
}

pub(crate) fn usd(text: &str) -> PicoUsd {
    text.parse().unwrap()
}

/// A task with a plan of two external models and one on the premises, which may cost a dollar.
pub(crate) fn routed() -> TaskRouted {
    let planned = |model: &str, zone: &str| json!({"model": model, "zone": zone, "timeout_ms": 5_000, "expected_cost_usd": "0.4", "expected_latency_ms": 700});
    let explanation = json!({
        "route": "auto", "task_type": "chat", "task_type_by": "default", "task_type_confidence": 0.5, "config_revision": 3,
        "value_usd": "0.1", "removed": [], "candidates": [], "because": "it is best", "decided_in_us": 12
    });
    serde_json::from_value(json!({
        "task": {"id": "01890000-0000-7000-8000-000000000001", "team": "support", "origin": "api", "key": "k1", "submitted_at": start().to_string(),
            "input": {"messages": [{"role": "user", "content": "hello there"}]}, "metadata": {"ticket": 7}},
        "admission": {"admitted_at": start().to_string(), "expires_at": start().plus_millis(60_000).to_string(), "class": "internal",
            "allowed_models": ["a", "b", "c"], "allowed_zones": ["external", "onprem"], "max_cost_usd": "1",
            "policy_version": "r1", "input_sha256": "", "signed_by": "g1", "signature": ""},
        "plan": {"routed_at": start().plus_millis(1).to_string(), "strategy": {"kind": "fallback"}, "explanation": explanation,
            "attempts": [planned("a", "external"), planned("b", "external"), planned("c", "onprem")]}
    }))
    .unwrap()
}

/// A call of `model` that took 10 ms.
pub(crate) fn attempt(model: &str, error: Option<ErrorClass>, cost: &str) -> Attempt {
    let error =
        error.map(|class| AttemptError { class, message: "why".into(), http_status: None, retry_after_ms: None });
    Attempt {
        id: AttemptId::mint(),
        model: model.into(),
        provider: "openai".into(),
        zone: Zone::External,
        started_at: start(),
        latency_us: 10_000,
        first_token_us: None,
        chunks: 0,
        error,
        usage: Usage::default(),
        cost_usd: usd(cost),
        estimated: false,
        warnings: Vec::new(),
        limits: None,
        purpose: None,
        validation: None,
    }
}
