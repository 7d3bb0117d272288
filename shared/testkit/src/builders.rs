//! Messages and resources with everything filled in, for tests to change what matters to them.

use neptune_contracts::{
    PicoUsd, Timestamp,
    admission::{Admission, Task},
    attempt::{Attempt, AttemptError, ErrorClass, Usage},
    chat::ChatRequest,
    ids::{AttemptId, TaskId},
    names::{DataClass, Zone},
    resource::{Capabilities, ModelSpec, PriceSpec, Provider, SpeedSpec},
    task::TaskSubmitted,
};
use std::collections::BTreeMap;

/// A task of `team` that asks `text`, submitted now.
#[must_use]
pub fn task(team: &str, text: &str) -> Task {
    TaskSubmitted::new(team.parse().unwrap(), ChatRequest::user(text)).settle(TaskId::mint(), Timestamp::now()).unwrap()
}

/// An unsigned admission of `models` in every zone, valid for a minute.
#[must_use]
pub fn admission(models: &[&str]) -> Admission {
    let now = Timestamp::now();
    Admission {
        admitted_at: now,
        expires_at: now.plus_millis(60_000),
        class: DataClass::Internal,
        findings: Vec::new(),
        allowed_models: models.iter().map(ToString::to_string).collect(),
        excluded_models: Vec::new(),
        allowed_zones: Zone::ALL.to_vec(),
        max_cost_usd: None,
        hold: None,
        pace: Vec::new(),
        policy_version: "r1".into(),
        input_sha256: String::new(),
        terms_sha256: None,
        signed_by: "test".into(),
        signature: String::new(),
    }
}

/// A model of this quality at everything, at this price per million tokens of input; output costs
/// four times as much.
#[must_use]
pub fn model(quality: f64, usd_per_mtok: &str) -> ModelSpec {
    let input: PicoUsd = usd_per_mtok.parse().unwrap();
    ModelSpec {
        provider: Provider::Openai,
        endpoint: "http://127.0.0.1:9/v1".into(),
        upstream_model: None,
        credential_env: None,
        headers: BTreeMap::new(),
        api_version: None,
        region: None,
        reasoning: None,
        allow_private: false,
        zone: Zone::External,
        price: PriceSpec {
            input_usd_per_mtok: input,
            cached_input_usd_per_mtok: None,
            cache_write_usd_per_mtok: None,
            cache_write_hour_usd_per_mtok: None,
            output_usd_per_mtok: PicoUsd(input.0 * 4),
            long_context: None,
        },
        capabilities: Capabilities::default(),
        quality: [("default".to_owned(), quality)].into(),
        speed: SpeedSpec::default(),
        limits: Default::default(),
        batch: None,
        timeout_ms: 30_000,
        disabled: false,
    }
}

/// An attempt at `model` that was answered after 500 ms with 100 tokens.
#[must_use]
pub fn answered(model: &str) -> Attempt {
    Attempt {
        id: AttemptId::mint(),
        model: model.into(),
        provider: "openai".into(),
        zone: Zone::External,
        started_at: Timestamp::now().plus_millis(-500),
        latency_us: 500_000,
        first_token_us: None,
        chunks: 0,
        error: None,
        usage: Usage { input_uncached: 50, output: 100, ..Usage::default() },
        cost_usd: PicoUsd(1_000_000),
        estimated: false,
        warnings: Vec::new(),
        limits: None,
        purpose: None,
        validation: None,
    }
}

/// An attempt at `model` that failed.
#[must_use]
pub fn failed(model: &str, class: ErrorClass) -> Attempt {
    let error = AttemptError { class, message: "failed in a test".into(), http_status: None, retry_after_ms: None };
    Attempt { error: Some(error), usage: Usage::default(), cost_usd: PicoUsd::ZERO, ..answered(model) }
}
