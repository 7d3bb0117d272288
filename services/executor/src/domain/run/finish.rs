//! The end of a run as a fact, and as the answer to the run whose step it was.

use super::course::Course;
use neptune_contracts::{
    PicoUsd, Timestamp,
    ids::RunId,
    names::Team,
    run::{
        RunSubmitted,
        changed::{RunChanged, RunState},
        finished::{RunFinished, RunOutcome},
        log::RunMadeOf,
    },
};
use neptune_workflow::run::{Answer, Ending, Outcome, Phase, Problem, Sensitivity, Standard};

/// The fact of a run that ended.
#[must_use]
pub fn finished(course: &Course, ending: &Ending) -> RunFinished {
    let made_of = &course.made_of;
    let (outcome, output, reason) = match ending {
        Ending::Completed { output } => (RunOutcome::Completed, Some(output.as_ref().clone()), None),
        Ending::Faulted { .. } => (RunOutcome::Faulted, None, None),
        Ending::Cancelled { reason } => (RunOutcome::Cancelled, None, Some(reason.clone())),
        Ending::TimedOut { .. } => (RunOutcome::TimedOut, None, None),
        Ending::BudgetExhausted { .. } => (RunOutcome::BudgetExhausted, None, None),
    };
    RunFinished {
        id: course.id,
        team: course.team.clone(),
        workflow: made_of.workflow.clone(),
        outcome,
        turn: course.turn,
        change: course.changes,
        output,
        error: ending.problem().map(Problem::to_value),
        reason,
        cost_usd: PicoUsd(course.run.spent_pico_usd),
        origin: made_of.origin,
        key: made_of.key.clone(),
        metadata: made_of.metadata.clone(),
        tags: made_of.tags.clone(),
        parent: made_of.parent.clone(),
        submitted_at: made_of.submitted_at,
        finished_at: timestamp(course.last_ms),
    }
}

/// How a run stands that goes on.
#[must_use]
pub fn changed(course: &Course, state: RunState, (change, at_ms): (u32, u64)) -> RunChanged {
    let made_of = &course.made_of;
    RunChanged {
        id: course.id,
        team: course.team.clone(),
        workflow: made_of.workflow.clone(),
        state,
        change,
        changed_at: timestamp(at_ms),
        origin: made_of.origin,
        key: made_of.key.clone(),
        metadata: made_of.metadata.clone(),
        tags: made_of.tags.clone(),
        parent: made_of.parent.clone(),
        submitted_at: made_of.submitted_at,
        after_aside: None,
    }
}

/// How a run stands that was put aside at `aside_at` and goes on after all at `now`; nothing when it has ended or did not
/// begin: that is told by itself.
#[must_use]
pub fn carried_on(course: &Course, aside_at: Timestamp, now: Timestamp) -> Option<RunChanged> {
    let state = match &course.run.phase {
        _ if course.run.ending().is_some() => return None,
        Phase::New => return None,
        Phase::Compensating(_) => RunState::Compensating,
        _ if course.run.is_paused => RunState::Paused,
        _ => RunState::Running,
    };
    // Clocks of two executors may differ.
    let changed_at = now.max(Timestamp::from_unix_micros(aside_at.unix_micros() + 1)?);
    Some(RunChanged { changed_at, after_aside: Some(aside_at), ..changed(course, state, (course.changes, 0)) })
}

/// The fact of a run that never began.
#[must_use]
pub fn rejected(
    id: RunId,
    team: &Team,
    run: &RunSubmitted,
    problem: &Problem,
    times: (Timestamp, Timestamp),
) -> RunFinished {
    RunFinished {
        id,
        team: team.clone(),
        workflow: run.workflow.clone(),
        outcome: RunOutcome::Rejected,
        turn: 1,
        change: 1,
        output: None,
        error: Some(problem.to_value()),
        reason: None,
        cost_usd: PicoUsd::ZERO,
        origin: run.origin,
        key: run.key.clone(),
        metadata: run.metadata.clone(),
        tags: run.tags.clone(),
        parent: run.parent.clone(),
        submitted_at: times.0,
        finished_at: times.1,
    }
}

/// The fact of a run whose log is there and cannot be used: what went wrong, and what is known of it. Its turn is before
/// the first, so that its own end replaces it should the log be of use again.
#[must_use]
pub fn aside(
    (team, id): (&Team, RunId),
    made_of: Option<&RunMadeOf>,
    detail: String,
    finished_at: Timestamp,
) -> RunFinished {
    RunFinished {
        id,
        team: team.clone(),
        workflow: made_of.map_or_else(|| "unknown".to_owned(), |made_of| made_of.workflow.clone()),
        outcome: RunOutcome::Faulted,
        turn: 0,
        change: 0,
        output: None,
        error: Some(Problem::new(Standard::Runtime, detail).to_value()),
        reason: None,
        cost_usd: PicoUsd::ZERO,
        origin: made_of.map(|made_of| made_of.origin).unwrap_or_default(),
        key: made_of.and_then(|made_of| made_of.key.clone()),
        metadata: made_of.map(|made_of| made_of.metadata.clone()).unwrap_or_default(),
        tags: made_of.map(|made_of| made_of.tags.clone()).unwrap_or_default(),
        parent: made_of.and_then(|made_of| made_of.parent.clone()),
        submitted_at: made_of.map_or(finished_at, |made_of| made_of.submitted_at),
        finished_at,
    }
}

/// What the end of a run that was so sensitive answers to the run whose step it was.
#[must_use]
pub fn answer(fact: &RunFinished, sensitivity: Sensitivity) -> Answer {
    let problem = fact.error.as_ref().and_then(|error| serde_json::from_value::<Problem>(error.clone()).ok());
    let outcome = match (fact.outcome, &fact.output, problem) {
        (RunOutcome::Completed, Some(output), _) => Outcome::Output(output.clone()),
        // Where it stands in the other workflow says nothing here.
        (_, _, Some(problem)) => Outcome::Problem(Problem { instance: String::new(), ..problem }),
        (other, _, None) => {
            let why = fact.reason.as_deref().unwrap_or_default();
            Outcome::Problem(Problem::new(
                Standard::Runtime,
                format!("the run {} ended as {}: {why}", fact.id, other.as_str()),
            ))
        }
    };
    let note = serde_json::json!({"run": fact.id, "workflow": fact.workflow, "outcome": fact.outcome});
    Answer { outcome, cost_pico_usd: fact.cost_usd.0, sensitivity, seen: 0, is_over_budget: false, note: Some(note) }
}

/// A time of the engine.
#[must_use]
pub fn timestamp(ms: u64) -> Timestamp {
    i64::try_from(ms)
        .ok()
        .and_then(|ms| Timestamp::from_unix_micros(ms.checked_mul(1_000)?))
        .unwrap_or(Timestamp::EPOCH)
}
