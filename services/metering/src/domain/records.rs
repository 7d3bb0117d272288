//! From a message to the rows it leaves. Every row's key follows from the message, so the same
//! message always leaves the same rows.

use super::row::{OutOfRange, Row, bigint};
use neptune_contracts::{
    Timestamp,
    attempt::{Attempt, AttemptError, AttemptFailed},
    delivery::{DeliveryAttempted, DeliveryFinished, DeliveryOutcome},
    feedback::FeedbackGiven,
    finished::{CacheHit, TaskFinished},
    ids::{FeedbackId, TaskId},
    names::{Channel, Lane, TaskType, Team, Zone},
    shadow,
};
use serde::Serialize;
use uuid::Uuid;

/// The rows one message leaves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Records {
    /// Of `ledger_entry`.
    pub entries: Vec<Row>,
    /// Of `task`.
    pub tasks: Vec<Row>,
    /// Of `delivery`.
    pub deliveries: Vec<Row>,
    /// Of `delivery_attempt`.
    pub tries: Vec<Row>,
    /// Of `feedback`.
    pub feedback: Vec<Row>,
    /// Of `run`.
    pub runs: Vec<Row>,
    /// Of `run` too, of runs that were put aside.
    pub asides: Vec<Row>,
}

/// What an entry of the ledger is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i16)]
pub enum Kind {
    /// A model was called.
    Settle = 2,
    /// An answer served again, and no model was called.
    CacheHit = 5,
    /// Something was delivered, or could not be.
    Deliver = 6,
}

impl Kind {
    /// As it stands in the table.
    #[must_use]
    pub const fn code(self) -> i16 {
        self as i16
    }
}

/// Why a message leaves no rows.
#[derive(Debug, thiserror::Error)]
pub enum Unrecordable {
    /// A number is too large.
    #[error(transparent)]
    OutOfRange(#[from] OutOfRange),
    /// A row cannot be written as JSON.
    #[error("a row cannot be written as JSON")]
    Encode(#[from] serde_json::Error),
    /// A score is none.
    #[error("score is {0}; the limit is 0 to 1")]
    Score(f64),
    /// Nobody knows whose it is.
    #[error("the subject names no team")]
    NoTeam,
}

#[derive(Serialize)]
struct Entry<'a> {
    entry_key: Uuid,
    kind: i16,
    seq: i16,
    occurred_at: Timestamp,
    team: &'a Team,
    workflow: Option<&'a str>,
    run_id: Option<Uuid>,
    step: Option<&'a str>,
    task_id: Option<TaskId>,
    task_type: Option<TaskType>,
    provider: &'a str,
    model: Option<&'a str>,
    zone: Option<Zone>,
    lane: Option<Lane>,
    tok_input: i64,
    tok_cache_read: i64,
    tok_cache_write: i64,
    tok_output: i64,
    tok_reasoning: i64,
    latency_us: Option<i64>,
    amount_pico_usd: i64,
    saved_pico_usd: i64,
    estimated: bool,
    outcome: String,
    error: Option<&'a AttemptError>,
    attempt_rank: Option<usize>,
    payload_hash: Uuid,
}

#[derive(Serialize)]
struct TaskRow<'a> {
    id: TaskId,
    team: &'a Team,
    origin: &'a str,
    outcome: &'a str,
    cost_pico_usd: i64,
    task_type: Option<TaskType>,
    lane: Lane,
    key_id: Option<&'a str>,
    workflow: Option<&'a str>,
    run_id: Option<Uuid>,
    step: Option<&'a str>,
    model: Option<&'a str>,
    attempts: usize,
    error_code: Option<&'a str>,
    submitted_at: Timestamp,
    admitted_at: Option<Timestamp>,
    routed_at: Option<Timestamp>,
    started_at: Option<Timestamp>,
    finished_at: Timestamp,
    added_us: i64,
    shadow_of: Option<TaskId>,
    answer_mark: Option<Uuid>,
    fact: &'a TaskFinished,
}

#[derive(Serialize)]
struct DeliveryRow<'a> {
    id: Uuid,
    team: &'a Team,
    task_id: Option<TaskId>,
    channel: Channel,
    state: DeliveryOutcome,
    attempts: u32,
    receipt: Option<&'a str>,
    error: Option<&'a str>,
    cost_pico_usd: i64,
    finished_at: Timestamp,
}

#[derive(Serialize)]
struct TryRow<'a> {
    delivery_id: Uuid,
    attempt: u32,
    team: &'a Team,
    channel: Channel,
    started_at: Timestamp,
    latency_ms: i64,
    error: Option<&'a str>,
}

#[derive(Serialize)]
struct FeedbackRow<'a> {
    id: FeedbackId,
    team: &'a Team,
    task_id: TaskId,
    score: f64,
    given_by: &'a str,
    strength: i16,
    given_at: Timestamp,
}

/// The rows of a finished task: itself without its output, and an entry per attempt.
///
/// # Errors
/// A number is too large.
pub fn of_task_finished(mut fact: TaskFinished) -> Result<Records, Unrecordable> {
    let answer_mark = shadow::answer_mark(&fact);
    // Outputs are not kept in the ledger.
    fact.output = None;
    let calls = fact.attempts.iter().enumerate().map(|(rank, attempt)| attempt_entry(&fact, rank, attempt));
    let entries = calls.chain(fact.cache.as_ref().map(|hit| hit_entry(&fact, hit)));
    let step = fact.step.as_ref();
    let row = TaskRow {
        id: fact.id,
        team: &fact.team,
        origin: fact.origin.as_str(),
        outcome: fact.outcome.as_str(),
        cost_pico_usd: fact.cost_usd.0,
        task_type: fact.task_type,
        lane: fact.lane,
        key_id: fact.key.as_deref(),
        workflow: step.map(|step| step.workflow.as_str()),
        run_id: step.map(|step| step.run.0),
        step: step.map(|step| step.step.as_str()),
        model: fact
            .winner()
            .map(|attempt| &attempt.model)
            .or(fact.cache.as_ref().map(|hit| &hit.model))
            .map(String::as_str),
        attempts: fact.attempts.len(),
        error_code: fact.error.as_ref().map(|error| error.code.as_str()),
        submitted_at: fact.times.submitted_at,
        admitted_at: fact.times.admitted_at,
        routed_at: fact.times.routed_at,
        started_at: fact.times.started_at,
        finished_at: fact.times.finished_at,
        added_us: bigint("times.added_us", fact.times.added_us)?,
        shadow_of: shadow::original(&fact),
        answer_mark,
        fact: &fact,
    };
    Ok(Records { entries: entries.collect::<Result<_, _>>()?, tasks: vec![Row::of(&row)?], ..Records::default() })
}

fn attempt_entry(fact: &TaskFinished, rank: usize, attempt: &Attempt) -> Result<Row, Unrecordable> {
    let step = fact.step.as_ref();
    let entry = Entry {
        workflow: step.map(|step| step.workflow.as_str()),
        run_id: step.map(|step| step.run.0),
        step: step.map(|step| step.step.as_str()),
        task_type: fact.task_type,
        lane: Some(fact.lane),
        attempt_rank: Some(rank),
        ..bare_entry(fact.id, &fact.team, attempt)?
    };
    Ok(Row::of(&entry)?)
}

/// The row of a task for which an answer served again: it cost nothing, and saved what that answer
/// had cost.
fn hit_entry(fact: &TaskFinished, hit: &CacheHit) -> Result<Row, Unrecordable> {
    let step = fact.step.as_ref();
    let entry = Entry {
        entry_key: fact.id.0,
        kind: Kind::CacheHit.code(),
        seq: 0,
        occurred_at: fact.times.finished_at,
        team: &fact.team,
        workflow: step.map(|step| step.workflow.as_str()),
        run_id: step.map(|step| step.run.0),
        step: step.map(|step| step.step.as_str()),
        task_id: Some(fact.id),
        task_type: fact.task_type,
        provider: &hit.provider,
        model: Some(&hit.model),
        zone: None,
        lane: Some(fact.lane),
        tok_input: 0,
        tok_cache_read: 0,
        tok_cache_write: 0,
        tok_output: 0,
        tok_reasoning: 0,
        latency_us: None,
        amount_pico_usd: 0,
        saved_pico_usd: hit.saved_usd.0,
        estimated: false,
        outcome: "served".into(),
        error: None,
        attempt_rank: None,
        payload_hash: hash(fact.id.0, hit)?,
    };
    Ok(Row::of(&entry)?)
}

/// The row of an attempt that failed. What only its task's fact knows stays open.
///
/// # Errors
/// A number is too large.
pub fn of_attempt_failed(failed: &AttemptFailed) -> Result<Records, Unrecordable> {
    let entry = bare_entry(failed.task, &failed.team, &failed.attempt)?;
    Ok(Records { entries: vec![Row::of(&entry)?], ..Records::default() })
}

fn bare_entry<'a>(task: TaskId, team: &'a Team, attempt: &'a Attempt) -> Result<Entry<'a>, Unrecordable> {
    let usage = &attempt.usage;
    Ok(Entry {
        entry_key: attempt.id.0,
        kind: Kind::Settle.code(),
        seq: 0,
        occurred_at: attempt.started_at,
        team,
        workflow: None,
        run_id: None,
        step: None,
        task_id: Some(task),
        task_type: None,
        provider: &attempt.provider,
        model: Some(&attempt.model),
        zone: Some(attempt.zone),
        lane: None,
        tok_input: bigint("usage.input_uncached", usage.input_uncached)?,
        tok_cache_read: bigint("usage.cache_read", usage.cache_read)?,
        tok_cache_write: bigint("usage.cache_write", usage.cache_write.saturating_add(usage.cache_write_hour))?,
        tok_output: bigint("usage.output", usage.output)?,
        tok_reasoning: bigint("usage.reasoning", usage.reasoning)?,
        latency_us: Some(bigint("latency_us", attempt.latency_us)?),
        amount_pico_usd: attempt.cost_usd.0,
        saved_pico_usd: 0,
        estimated: attempt.estimated,
        outcome: attempt.error.as_ref().map_or(Ok("succeeded".to_owned()), |error| word(&error.class))?,
        error: attempt.error.as_ref(),
        attempt_rank: None,
        payload_hash: hash(attempt.id.0, attempt)?,
    })
}

/// The rows of a delivery that ended. One that governance refused left no trace outside and costs
/// nothing, so it has no entry.
///
/// # Errors
/// A row cannot be written as JSON.
pub fn of_delivery_finished(finished: &DeliveryFinished) -> Result<Records, Unrecordable> {
    let row = DeliveryRow {
        id: finished.id.0,
        team: &finished.team,
        task_id: finished.task,
        channel: finished.channel,
        state: finished.outcome,
        attempts: finished.attempts,
        receipt: finished.receipt.as_deref(),
        error: finished.error.as_deref(),
        cost_pico_usd: finished.cost_usd.0,
        finished_at: finished.finished_at,
    };
    let entries = match finished.outcome {
        DeliveryOutcome::Rejected => Vec::new(),
        DeliveryOutcome::Delivered | DeliveryOutcome::Failed => vec![delivery_entry(finished)?],
    };
    Ok(Records { entries, deliveries: vec![Row::of(&row)?], ..Records::default() })
}

fn delivery_entry(finished: &DeliveryFinished) -> Result<Row, Unrecordable> {
    let entry = Entry {
        entry_key: finished.id.0,
        kind: Kind::Deliver.code(),
        seq: 0,
        occurred_at: finished.finished_at,
        team: &finished.team,
        workflow: None,
        run_id: finished.run.as_ref().map(|step| step.run.0),
        step: None,
        task_id: finished.task,
        task_type: None,
        provider: finished.channel.as_str(),
        model: None,
        zone: None,
        lane: None,
        tok_input: 0,
        tok_cache_read: 0,
        tok_cache_write: 0,
        tok_output: 0,
        tok_reasoning: 0,
        latency_us: None,
        amount_pico_usd: finished.cost_usd.0,
        saved_pico_usd: 0,
        estimated: false,
        outcome: word(&finished.outcome)?,
        error: None,
        attempt_rank: None,
        payload_hash: hash(finished.id.0, &finished.cost_usd)?,
    };
    Ok(Row::of(&entry)?)
}

/// The row of one try to deliver.
///
/// # Errors
/// A number is too large.
pub fn of_delivery_attempted(attempted: &DeliveryAttempted) -> Result<Records, Unrecordable> {
    let row = TryRow {
        delivery_id: attempted.id.0,
        attempt: attempted.attempt,
        team: &attempted.team,
        channel: attempted.channel,
        started_at: attempted.started_at,
        latency_ms: bigint("latency_ms", attempted.latency_ms)?,
        error: attempted.error.as_deref(),
    };
    Ok(Records { tries: vec![Row::of(&row)?], ..Records::default() })
}

/// The row of something said about an answer. It may come before its task's fact.
///
/// # Errors
/// The score is out of range, or the subject named no team.
pub fn of_feedback_given(given: &FeedbackGiven) -> Result<Records, Unrecordable> {
    let team = given.team.as_ref().ok_or(Unrecordable::NoTeam)?;
    if !(0.0..=1.0).contains(&given.score) {
        return Err(Unrecordable::Score(given.score));
    }
    let row = FeedbackRow {
        id: given.id,
        team,
        task_id: given.task,
        score: given.score,
        given_by: given.by.as_str(),
        strength: given.by.strength(),
        given_at: given.given_at,
    };
    Ok(Records { feedback: vec![Row::of(&row)?], ..Records::default() })
}

/// Two messages with the same key must say the same; this tells whether they do.
fn hash<T: Serialize>(key: Uuid, payload: &T) -> Result<Uuid, serde_json::Error> {
    Ok(Uuid::new_v5(&key, &serde_json::to_vec(payload)?))
}

/// A unit variant as it stands in JSON.
fn word<T: Serialize>(variant: &T) -> Result<String, serde_json::Error> {
    serde_json::to_value(variant).map(|value| value.as_str().unwrap_or_default().to_owned())
}
