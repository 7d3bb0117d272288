//! Why a run does not begin.

use neptune_contracts::{ids::RunId, names::Team, run::start::RunGate};
use neptune_workflow::{
    definition::OnConflict,
    run::{Problem, Standard},
};

/// A workflow that names a team is run by that team alone.
///
/// # Errors
/// It names another one.
pub fn of_team(of_workflow: Option<&str>, team: &Team, workflow: &str) -> Result<(), Problem> {
    match of_workflow {
        Some(own) if own != team.as_str() => {
            let detail = format!(
                "the workflow {workflow} is the team {own}'s (metadata.neptune.team), and was asked for by {team}; \
                 submit it as {own}, or apply a version without a team"
            );
            Err(Problem::new(Standard::Authorization, detail))
        }
        _ => Ok(()),
    }
}

/// There is no place under a limit of runs at once.
#[must_use]
pub fn no_place(workflow: &str, gate: &RunGate, on_conflict: OnConflict) -> Problem {
    let RunGate { key, limit, .. } = gate;
    let detail = match on_conflict {
        OnConflict::Reject => format!(
            "there are {limit} runs of {workflow} with the concurrency key {key:?}, which is the limit; submit it again \
             when one has ended, or let the workflow say `onConflict: queue`"
        ),
        OnConflict::Queue | OnConflict::Replace => format!(
            "{} runs of {workflow} wait for the concurrency key {key:?}, which is the limit; submit it again when fewer wait",
            super::gate::QUEUE
        ),
    };
    Problem::new(Standard::Runtime, detail).with_status(409, "Concurrency Limit")
}

/// A key stands for a run with another input.
#[must_use]
pub fn of_other_input(run: RunId) -> Problem {
    let detail = format!("the run {run} of this idempotency key has another input; repeat it, or choose a new key");
    Problem::new(Standard::Configuration, detail).with_status(422, "Idempotency Key Reused")
}
