//! Routing statistics in Redis: one script takes observations in, each attempt once; one read
//! gives everything back.
//!
//! What is said about answers is taken in by a second script, in `feedback.rs`; repeated requests are
//! found by a third, in `repeats.rs`; what copies of tasks may cost and how many were answered is
//! counted in `shadow.rs`; what was asked that a judge is to judge is in `judge.rs`.
//!
//! Keys (hash tag = namespace): `{ns}:r:models` one JSON per model with faded counts and circuit;
//! `{ns}:r:answers` one JSON per model and kind of work with means; `{ns}:r:latency` one JSON per model
//! with counts of answers by latency; `{ns}:r:headroom` one JSON per model with what its provider said
//! was left of its rate limits; `{ns}:r:seen:…` attempts counted, by the minute they ended in.

mod feedback;
mod headroom;
mod judge;
mod rebuild;
mod repeats;
mod sessions;
mod shadow;
mod tempos;
mod words;

pub use crate::domain::lesson::Lesson;
pub use feedback::Learnt;
pub use judge::{Asker, MOST_QUESTIONS};
pub use rebuild::{State, TURN_LASTS};
pub use repeats::Repeat;

use crate::domain::{
    circuit::{Circuit, FAILURES_TO_OPEN, FIRST_PAUSE_MS, GRACE_MS, Health, LONGEST_PAUSE_MS},
    observe::Observation,
    quantile::Spread,
    speed::Speed,
    statistics::{AnswerStatistics, ModelStatistics, SUCCESS_FADES_MS, Statistics},
    tail::{MEMORY, Tail, bucket},
};
use neptune_contracts::names::TaskType;
use redis::{
    Client, IntoConnectionInfo as _, RedisError, Script,
    aio::{ConnectionManager, ConnectionManagerConfig},
    io::tcp::TcpSettings,
};
use serde::Deserialize;
use serde_json::{Value, json};
use std::{collections::HashMap, time::Duration};

const CONNECT_TIMEOUT: Duration = Duration::from_millis(200);
/// Means forget after so many answers, so that a model that changed is seen to have.
const MEAN_MEMORY: u32 = 32;
/// Redelivery comes within seconds; a success counted twice after this hardly moves a mean.
const SUCCESS_SEEN_SECONDS: u32 = 180;
/// A failure is reported twice on purpose, the second time when its task ends.
const FAILURE_SEEN_SECONDS: u32 = 3_600;

/// The statistics of one namespace.
pub struct Store {
    connection: ConnectionManager,
    observe: Script,
    learn: Script,
    keep_heard: Script,
    repeats: Script,
    reserve_shadow: Script,
    count_shadow: Script,
    keep_question: Script,
    applied: rebuild::Applied,
    tag: String,
}

/// A hash: JSON by field.
type Record = HashMap<String, String>;

#[derive(Deserialize)]
struct ModelRecord {
    #[serde(default)]
    successes: f64,
    #[serde(default)]
    failures: f64,
    #[serde(default)]
    counted_at_ms: f64,
    #[serde(flatten)]
    circuit: Circuit,
}

#[derive(Deserialize)]
struct AnswerRecord {
    answers: f64,
    latency_ms: f64,
    output_tokens: f64,
    /// Absent in records of before it was measured.
    #[serde(default)]
    spread: Spread,
    #[serde(default)]
    speed: Speed,
}

impl Store {
    /// Prepares; connects at the first use and again after each loss, so that the router starts
    /// and works without Redis. An answer that takes longer than `answer_timeout` counts as none.
    ///
    /// # Errors
    /// The address is malformed.
    pub fn open(url: &str, namespace: &str, answer_timeout: Duration) -> Result<Self, RedisError> {
        // Small requests must not wait for the acknowledgement of earlier ones.
        let info = url.into_connection_info()?.set_tcp_settings(TcpSettings::default().set_nodelay(true));
        let config = ConnectionManagerConfig::new()
            .set_number_of_retries(0)
            .set_response_timeout(Some(answer_timeout))
            .set_connection_timeout(Some(CONNECT_TIMEOUT));
        Ok(Self {
            connection: ConnectionManager::new_lazy_with_config(Client::open(info)?, config)?,
            observe: Script::new(include_str!("statistics/observe.lua")),
            learn: Script::new(include_str!("statistics/learn.lua")),
            keep_heard: Script::new(include_str!("statistics/words.lua")),
            repeats: Script::new(include_str!("statistics/repeats.lua")),
            reserve_shadow: Script::new(include_str!("statistics/reserve_shadow.lua")),
            count_shadow: Script::new(include_str!("statistics/count_shadow.lua")),
            keep_question: Script::new(include_str!("statistics/keep_question.lua")),
            applied: rebuild::Applied::new(),
            tag: format!("{{{namespace}}}"),
        })
    }

    /// The connection, for what else is kept there.
    #[must_use]
    pub fn connection(&self) -> ConnectionManager {
        self.connection.clone()
    }

    /// Takes in observations; those of an attempt that was counted before change nothing. Returns
    /// how many were new.
    ///
    /// # Errors
    /// Redis does not answer.
    pub async fn observe(&self, observations: &[Observation]) -> Result<u64, RedisError> {
        if observations.is_empty() {
            return Ok(0);
        }
        let mut call = self.observe.key(self.key("models"));
        call.key(self.key("answers")).key(self.key("seen")).key(self.key("latency")).arg(rules().to_string());
        for observation in observations {
            call.arg(written(observation).to_string());
        }
        call.invoke_async(&mut self.connection.clone()).await
    }

    /// Everything measured, as of now.
    ///
    /// # Errors
    /// Redis does not answer.
    pub async fn read(&self, now_ms: i64) -> Result<Statistics, RedisError> {
        type Counts = HashMap<String, u32>;
        let (models, answers, accounts, latencies, shadows): (Record, Record, Record, Record, Counts) = redis::pipe()
            .hgetall(self.key("models"))
            .hgetall(self.key("answers"))
            .hgetall(self.key(headroom::KEY))
            .hgetall(self.key("latency"))
            .hgetall(self.key("shadows"))
            .query_async(&mut self.connection.clone())
            .await?;
        let mut statistics = Statistics { read_at_ms: Some(now_ms), models: HashMap::with_capacity(models.len()) };
        for (model, record) in models {
            if let Some(measured) = model_of(&record) {
                statistics.models.insert(model, measured);
            }
        }
        for (model, account) in accounts {
            if let Some(found) = headroom::read(&account) {
                statistics.models.entry(model).or_default().headroom = Some(found);
            }
        }
        for (field, record) in answers {
            let Some((task_type, model)) = field.split_once('|') else { continue };
            let (Ok(task_type), Ok(record)) =
                (task_type.parse::<TaskType>(), serde_json::from_str::<AnswerRecord>(&record))
            else {
                continue;
            };
            let means = AnswerStatistics {
                answers: record.answers,
                latency_ms: record.latency_ms,
                output_tokens: record.output_tokens,
                spread: record.spread,
                speed: record.speed,
            };
            statistics.models.entry(model.to_owned()).or_default().by_type.insert(task_type, means);
        }
        for (model, record) in latencies {
            let Ok(counts) = serde_json::from_str::<HashMap<String, f64>>(&record) else { continue };
            let counts = counts.into_iter().filter_map(|(bucket, count)| Some((bucket.parse().ok()?, count)));
            statistics.models.entry(model).or_default().tail = Tail::of(counts);
        }
        for (model, answered) in shadows {
            statistics.models.entry(model).or_default().shadow_answers = answered;
        }
        Ok(statistics)
    }

    fn key(&self, what: &str) -> String {
        format!("{}:r:{what}", self.tag)
    }
}

fn model_of(record: &str) -> Option<ModelStatistics> {
    let record: ModelRecord = serde_json::from_str(record).ok()?;
    #[expect(clippy::cast_possible_truncation, reason = "milliseconds since 1970")]
    let counted_at_ms = record.counted_at_ms as i64;
    Some(ModelStatistics {
        successes: record.successes,
        failures: record.failures,
        counted_at_ms,
        circuit: record.circuit,
        headroom: None,
        tail: Tail::default(),
        by_type: HashMap::new(),
        shadow_answers: 0,
    })
}

/// The constants of the domain, so that the script has none of its own.
fn rules() -> Value {
    json!({
        "failures_to_open": FAILURES_TO_OPEN,
        "grace_ms": GRACE_MS,
        "first_pause_ms": FIRST_PAUSE_MS,
        "longest_pause_ms": LONGEST_PAUSE_MS,
        "success_fades_ms": SUCCESS_FADES_MS,
        "mean_memory": MEAN_MEMORY,
        "latency_memory": MEMORY,
        "success_seen_seconds": SUCCESS_SEEN_SECONDS,
        "failure_seen_seconds": FAILURE_SEEN_SECONDS,
    })
}

fn written(observation: &Observation) -> Value {
    let (cause, pause_ms) = match observation.health {
        Health::Failed { class, pause_ms } => (Some(class), pause_ms),
        Health::Answered | Health::Unrelated => (None, None),
    };
    let mut written = json!({
        "attempt": observation.attempt.to_string(),
        "model": observation.model,
        "at_ms": observation.at_ms,
    });
    let streamed = observation.answer.and_then(|answer| answer.streamed);
    let optional = [
        ("cause", cause.map(|cause| json!(cause))),
        ("pause_ms", pause_ms.map(Value::from)),
        ("task_type", observation.answer.map(|answer| Value::from(answer.task_type.as_str()))),
        ("latency_ms", observation.answer.map(|answer| Value::from(answer.latency_ms))),
        ("bucket", observation.answer.map(|answer| Value::from(bucket(answer.latency_ms)))),
        ("cached_share", observation.answer.and_then(|answer| answer.cached_share()).map(Value::from)),
        ("first_token_ms", streamed.map(|streamed| Value::from(streamed.first_token_ms))),
        ("token_us", streamed.map(|streamed| Value::from(streamed.token_us))),
        ("output_tokens", observation.answer.and_then(|answer| answer.output_tokens).map(Value::from)),
    ];
    if let Value::Object(fields) = &mut written {
        // Absent, because the script would read null as a value.
        fields.extend(optional.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
    }
    written
}
