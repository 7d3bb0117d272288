//! Facts as services publish them.

use neptune_contracts::{
    PicoUsd, Timestamp,
    attempt::{Attempt, AttemptError, AttemptFailed, ErrorClass, Usage},
    delivery::{DeliveryAttempted, DeliveryFinished, DeliveryOutcome, DeliverySpec},
    feedback::{FeedbackBy, FeedbackGiven},
    finished::{Outcome, TaskFinished, Times},
    ids::{AttemptId, DeliveryId, FeedbackId, TaskId},
    names::{Channel, Lane, Origin, TaskType, Zone},
};
use serde_json::json;

pub fn attempt(model: &str, cost: i64) -> Attempt {
    Attempt {
        id: AttemptId::mint(),
        model: model.into(),
        provider: "openai".into(),
        zone: Zone::External,
        started_at: Timestamp::now(),
        latency_us: 1_234,
        first_token_us: None,
        chunks: 0,
        error: None,
        usage: Usage {
            input_uncached: 100,
            cache_read: 10,
            cache_write: 1,
            output: 20,
            reasoning: 2,
            ..Usage::default()
        },
        cost_usd: PicoUsd(cost),
        estimated: false,
        warnings: Vec::new(),
        limits: None,
        purpose: None,
        validation: None,
    }
}

pub fn failed_attempt(model: &str, cost: i64) -> Attempt {
    let error = AttemptError {
        class: ErrorClass::Malformed,
        message: "not JSON".into(),
        http_status: Some(200),
        retry_after_ms: None,
    };
    Attempt { error: Some(error), ..attempt(model, cost) }
}

pub fn finished(team: &str, attempts: Vec<Attempt>) -> TaskFinished {
    let now = Timestamp::now();
    TaskFinished {
        id: TaskId::mint(),
        team: team.parse().unwrap(),
        origin: Origin::Api,
        outcome: Outcome::Completed,
        output: Some(json!({"choices": [{"message": {"content": "the secret answer"}}]})),
        error: None,
        cost_usd: attempts.iter().map(|attempt| attempt.cost_usd).sum(),
        attempts,
        answered_by: None,
        parked: None,
        cache: None,
        task_type: Some(TaskType::Summarization),
        lane: Lane::Realtime,
        key: Some("k1".into()),
        step: None,
        admission: None,
        route: None,
        deliver: Vec::new(),
        metadata: serde_json::Map::from_iter([("ticket".to_owned(), json!(42))]),
        fingerprint: None,
        warnings: Vec::new(),
        times: Times {
            submitted_at: now,
            admitted_at: Some(now),
            routed_at: Some(now),
            started_at: Some(now),
            finished_at: now,
            added_us: 900,
        },
    }
}

pub fn failure(fact: &TaskFinished, attempt: &Attempt) -> AttemptFailed {
    AttemptFailed { task: fact.id, team: fact.team.clone(), attempt: attempt.clone() }
}

pub fn webhook() -> DeliverySpec {
    DeliverySpec { channel: Channel::Webhook, to: "https://hooks.example/x".into(), subject: None }
}

pub fn delivery_try(fact: &TaskFinished, index: usize, attempt: u32, error: Option<&str>) -> DeliveryAttempted {
    DeliveryAttempted {
        id: DeliveryId::of_task(fact.id, index),
        team: fact.team.clone(),
        channel: Channel::Webhook,
        attempt,
        started_at: Timestamp::now(),
        latency_ms: 12,
        error: error.map(str::to_owned),
    }
}

pub fn delivered(fact: &TaskFinished, index: usize, cost: i64) -> DeliveryFinished {
    DeliveryFinished {
        id: DeliveryId::of_task(fact.id, index),
        team: fact.team.clone(),
        task: Some(fact.id),
        run: None,
        channel: Channel::Webhook,
        outcome: DeliveryOutcome::Delivered,
        attempts: 2,
        receipt: Some("r-1".into()),
        error: None,
        cost_usd: PicoUsd(cost),
        finished_at: Timestamp::now(),
    }
}

pub fn feedback(fact: &TaskFinished, score: f64, by: FeedbackBy) -> FeedbackGiven {
    FeedbackGiven {
        id: FeedbackId::mint(),
        team: Some(fact.team.clone()),
        task: fact.id,
        score,
        by,
        given_at: Timestamp::now(),
    }
}
