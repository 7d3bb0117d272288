//! An organisation to decide about.

use neptune_contracts::{
    PicoUsd, Timestamp,
    admission::Task,
    chat::ChatRequest,
    ids::TaskId,
    resource::{API_VERSION, Manifest, Metadata, Resources},
    task::TaskSubmitted,
};
use neptune_governance::domain::policy::Policy;
use serde_json::{Value, json};
use std::sync::Arc;

/// The base64 of the bytes 0 to 31.
pub(crate) const SEED: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

pub(crate) fn usd(text: &str) -> PicoUsd {
    text.parse().unwrap()
}

pub(crate) fn time(text: &str) -> Timestamp {
    serde_json::from_value(text.into()).unwrap()
}

/// The time at which the tables decide.
pub(crate) fn noon() -> Timestamp {
    time("2026-11-23T12:00:00Z")
}

pub(crate) fn manifest(kind: &str, name: &str, spec: Value) -> Manifest {
    let metadata = Metadata { name: name.into() };
    Manifest { api_version: API_VERSION.into(), kind: kind.into(), metadata, spec }
}

fn model(name: &str, zone: &str, output_usd: &str) -> Manifest {
    let spec = json!({
        "provider": "openai", "endpoint": "http://127.0.0.1:1/v1", "zone": zone,
        "price": {"inputUsdPerMtok": "0", "outputUsdPerMtok": output_usd},
    });
    manifest("Model", name, spec)
}

/// Teams, models and keys, no budgets.
pub(crate) fn organisation() -> Vec<Manifest> {
    let mut disabled = model("openai/retired", "external", "1");
    disabled.spec["disabled"] = true.into();
    let key = |name: &str, spec: Value| manifest("Key", name, spec);
    vec![
        manifest(
            "Team",
            "support",
            json!({"models": ["openai/*", "meta/llama", "own/*"], "zones": ["external", "onprem"], "channels": ["webhook"], "maxCostUsd": "0.50"}),
        ),
        manifest("Team", "legal", json!({"models": ["*"], "channels": ["webhook", "email"], "class": "restricted"})),
        manifest("Team", "guests", json!({})),
        model("openai/large", "external", "100"),
        model("openai/small", "external", "1"),
        disabled,
        model("meta/llama", "onprem", "0.5"),
        model("own/private", "private", "1"),
        model("anthropic/other", "external", "1"),
        manifest("Route", "careful", json!({})),
        key("good", json!({"team": "support", "hash": "00"})),
        key("void", json!({"team": "support", "hash": "00", "disabled": true})),
        key("old", json!({"team": "support", "hash": "00", "expiresAt": "2026-11-23T12:00:00Z"})),
        key("boss", json!({"team": "support", "hash": "00", "role": "admin"})),
        key("foreign", json!({"team": "legal", "hash": "00"})),
    ]
}

pub(crate) fn policy_of(manifests: &[Manifest]) -> Policy {
    let mut resources = Resources { revision: 7, ..Resources::default() };
    for manifest in manifests {
        resources.insert(&manifest.kind, &manifest.metadata.name, manifest.spec.clone()).unwrap();
    }
    Policy::of(Arc::new(resources))
}

pub(crate) fn submitted(team: &str, text: &str) -> TaskSubmitted {
    TaskSubmitted::new(team.parse().unwrap(), ChatRequest::user(text))
}

pub(crate) fn settled(submitted: TaskSubmitted, at: Timestamp) -> Task {
    submitted.settle(TaskId::mint(), at).unwrap()
}
