//! Statistics in Redis, shared by all replicas.
//!
//! Keys (hash tag = namespace): `{ns}:m:<model>` one hash per model with decayed counts, moving
//! averages and the circuit; `{ns}:seen:<attempt>` marks what was counted, so that a fact that comes
//! twice counts once.

use crate::domain::statistics::{ModelStatistics, Statistics, counts_against_model, opens_until};
use neptune_contracts::{
    Timestamp,
    attempt::Attempt,
    names::TaskType,
};
use redis::{
    Client, RedisError, Script,
    aio::{ConnectionManager, ConnectionManagerConfig},
};
use std::{collections::HashMap, time::Duration};
use tokio::sync::OnceCell;

/// An answer of Redis that takes longer counts as none.
const ANSWER_TIMEOUT: Duration = Duration::from_millis(50);
const CONNECT_TIMEOUT: Duration = Duration::from_millis(200);
/// Counts lose half their weight in about seven minutes (time constant of ten).
const DECAY_SECONDS: u64 = 600;

/// The statistics of one namespace.
pub struct Store {
    client: Client,
    connection: OnceCell<ConnectionManager>,
    tag: String,
    count: Script,
}

impl Store {
    /// Prepares; connects at the first use, so that the router starts without Redis.
    ///
    /// # Errors
    /// The address is malformed.
    pub fn open(url: &str, namespace: &str) -> Result<Self, RedisError> {
        Ok(Self {
            client: Client::open(url)?,
            connection: OnceCell::new(),
            tag: format!("{{{namespace}}}"),
            count: Script::new(include_str!("stats/count.lua")),
        })
    }

    /// Counts an attempt, once however often it is told.
    ///
    /// # Errors
    /// Redis does not answer.
    pub async fn count(&self, attempt: &Attempt, task_type: Option<TaskType>, now: Timestamp) -> Result<(), RedisError> {
        let mut connection = self.connection().await?;
        let failure = attempt.error.as_ref();
        let against = failure.is_some_and(|error| counts_against_model(error.class));
        let mut call = self.count.prepare_invoke();
        call.key(self.model_key(&attempt.model)).key(format!("{}:seen:{}", self.tag, attempt.id));
        call.arg(now.unix_seconds()).arg(DECAY_SECONDS).arg(u8::from(failure.is_none())).arg(u8::from(against));
        call.arg(attempt.latency_us / 1_000).arg(attempt.usage.output_total()).arg(task_type.map_or("", TaskType::as_str));
        let in_a_row: i64 = call.invoke_async(&mut connection).await?;
        let Some(error) = failure.filter(|_| in_a_row >= 0) else { return Ok(()) };
        let in_a_row = u32::try_from(in_a_row).unwrap_or(u32::MAX);
        if let Some((until, because)) = opens_until(error.class, error.retry_after_ms, in_a_row, now) {
            let mut set = redis::cmd("HSET");
            set.arg(self.model_key(&attempt.model)).arg("open_until").arg(until.unix_micros()).arg("open_because").arg(because);
            set.query_async::<()>(&mut connection).await?;
        }
        Ok(())
    }

    /// A snapshot of `models`.
    ///
    /// # Errors
    /// Redis does not answer.
    pub async fn read(&self, models: &[String], now: Timestamp) -> Result<Statistics, RedisError> {
        let mut connection = self.connection().await?;
        let mut pipeline = redis::pipe();
        for model in models {
            pipeline.cmd("HGETALL").arg(self.model_key(model));
        }
        let hashes: Vec<HashMap<String, String>> = if models.is_empty() { Vec::new() } else { pipeline.query_async(&mut connection).await? };
        let known = models.iter().zip(hashes).filter(|(_, hash)| !hash.is_empty());
        let models = known.map(|(model, hash)| (model.clone(), read_model(&hash, now))).collect();
        Ok(Statistics { read_at: Some(now), models })
    }

    async fn connection(&self) -> Result<ConnectionManager, RedisError> {
        let connect = || async {
            let config = ConnectionManagerConfig::new()
                .set_number_of_retries(0)
                .set_response_timeout(Some(ANSWER_TIMEOUT))
                .set_connection_timeout(Some(CONNECT_TIMEOUT));
            ConnectionManager::new_with_config(self.client.clone(), config).await
        };
        self.connection.get_or_try_init(connect).await.cloned()
    }

    fn model_key(&self, model: &str) -> String {
        format!("{}:m:{model}", self.tag)
    }
}

fn read_model(hash: &HashMap<String, String>, now: Timestamp) -> ModelStatistics {
    let number = |field: &str| hash.get(field).and_then(|text| text.parse::<f64>().ok());
    let text = |field: &str| hash.get(field).cloned().unwrap_or_default();
    #[expect(clippy::cast_precision_loss, reason = "seconds")]
    let age = number("at").map_or(0.0, |at| (now.unix_seconds() as f64 - at).max(0.0));
    #[expect(clippy::cast_precision_loss, reason = "seconds")]
    let weight = (-age / DECAY_SECONDS as f64).exp();
    let output_tokens = TaskType::ALL.iter().filter_map(|kind| Some((*kind, number(&format!("out:{kind}"))?))).collect();
    ModelStatistics {
        successes: number("ok").unwrap_or(0.0) * weight,
        failures: number("bad").unwrap_or(0.0) * weight,
        failures_in_a_row: hash.get("row").and_then(|row| row.parse().ok()).unwrap_or(0),
        open_until: hash.get("open_until").and_then(|micros| micros.parse().ok()).and_then(Timestamp::from_unix_micros),
        open_because: text("open_because"),
        latency_ms: number("latency"),
        output_tokens,
    }
}
