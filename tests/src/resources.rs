//! Resources of test stacks.

use crate::keys::key;
use neptune_contracts::resource::Manifest;
use serde_json::{Value, json};

/// Key id of team `support`.
pub const CALLER: &str = "caller000001";
/// Key id of an administrator.
pub const ADMIN: &str = "admin0000001";

/// A resource.
#[must_use]
pub fn manifest(kind: &str, name: &str, spec: Value) -> Manifest {
    let manifest: Manifest = serde_json::from_value(
        json!({"apiVersion": "neptune/v1", "kind": kind, "metadata": {"name": name}, "spec": spec}),
    )
    .unwrap();
    manifest.check().unwrap();
    manifest
}

/// A simulated model in a zone, with prices in dollars per million tokens and a quality.
#[must_use]
pub fn model(name: &str, zone: &str, prices: (&str, &str), quality: f64) -> Manifest {
    let spec = json!({
        "provider": "openai", "endpoint": "${NEPTUNE_SIMULATOR_URL}/v1", "upstreamModel": name, "zone": zone,
        "price": {"inputUsdPerMtok": prices.0, "outputUsdPerMtok": prices.1},
        "quality": {"default": quality}, "speed": {"firstTokenMs": 5, "tokensPerSecond": 1000}, "timeoutMs": 5000
    });
    manifest("Model", name, spec)
}

/// The usual resources: four models, a team with everything, one with little, keys, channels.
#[must_use]
pub fn usual(sink: &str) -> Vec<Manifest> {
    let key = |id: &str, team: &str, role: &str| {
        manifest("Key", id, json!({"team": team, "role": role, "hash": key(id).hash}))
    };
    vec![
        model("openai/gpt-4.1", "external", ("2", "8"), 0.9),
        model("openai/gpt-4.1-mini", "external", ("0.4", "1.6"), 0.8),
        model("anthropic/claude-haiku-4.5", "external", ("1", "5"), 0.85),
        model("meta/llama-3.3-70b", "onprem", ("0.1", "0.1"), 0.6),
        manifest("Team", "support", json!({"models": ["*"], "channels": ["webhook", "email"], "maxCostUsd": "1"})),
        manifest("Team", "poor", json!({"models": ["openai/gpt-4.1-mini"]})),
        manifest("Team", "other", json!({"models": ["*"]})),
        manifest("Budget", "poor-daily", json!({"team": "poor", "limitUsd": "0.000001", "period": "day"})),
        manifest(
            "Budget",
            "support-monthly",
            json!({"team": "support", "limitUsd": "1000", "period": "month", "onOutage": "allow"}),
        ),
        manifest(
            "Channel",
            "webhook",
            json!({"type": "webhook", "secretEnv": "NEPTUNE_WEBHOOK_SECRET", "allowPrivate": [sink]}),
        ),
        manifest(
            "Channel",
            "email",
            json!({"type": "email", "smtpEnv": "NEPTUNE_SMTP_URL", "from": "Neptune <neptune@neptune.example>"}),
        ),
        key(CALLER, "support", "caller"),
        key("poor00000001", "poor", "caller"),
        key("other0000001", "other", "caller"),
        key(ADMIN, "support", "admin"),
    ]
}
