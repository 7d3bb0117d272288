//! A run wants a call made.

use crate::{
    domain::run::course::Heard,
    runs::{RETRY, Runs, mailbox::Item, settled},
};
use neptune_bus::{Bus, Cause, Incoming, Outcome, PublishError};
use neptune_contracts::{
    ids::RunId,
    names::Team,
    run::{
        call::RunCall,
        input::{RunInput, RunWish},
    },
};
use neptune_workflow::{
    definition::Delivery,
    run::{Answer, Problem, Request, Standard},
};
use std::sync::Arc;

/// Makes the call, and carries the run on with its answer. A call whose answer is there is not made again.
pub async fn handle(runs: Arc<Runs>, incoming: Incoming<RunCall>) -> Outcome {
    let delivered = incoming.meta.delivered;
    let RunCall { run, team, instance, request, again } = incoming.message;
    let request: Request = match serde_json::from_value(request) {
        Ok(request) => request,
        Err(fault) => return Outcome::Reject { reason: format!("the request is none: {fault}") },
    };
    if (delivered > 1 || again)
        && let Some(outcome) = answered(&runs, (run, &team, instance), delivered).await
    {
        return outcome;
    }
    if request.delivery == Delivery::AtMostOnce {
        match is_first(&runs.bus, run, &team, instance).await {
            Ok(true) => {}
            Ok(false) => {
                let detail = "whoever made the call died, and nobody knows whether it was made; it is not made again";
                let problem = Problem::new(Standard::Communication, detail).with_status(409, "Ambiguous");
                return settled(store(&runs.bus, (run, team, instance), &Answer::problem(problem)).await);
            }
            Err(error) => return settled(Err(error)),
        }
    }
    // Its id among tasks is what a run that does not want it any more cancels.
    let watch = runs.cancels.watch(&team, run.task(instance));
    let Some(answer) = watch.token().run_until_cancelled(runs.call(&team, &request)).await else {
        return Outcome::Done;
    };
    let heard = Heard::Answered { instance, answer: answer.clone() };
    match runs.hear((team.clone(), run), Item::new(heard, 1)).await {
        Outcome::Done => Outcome::Done,
        // What came of the call is kept for whoever can write it down, so that it is not made again.
        _ => settled(store(&runs.bus, (run, team, instance), &answer).await),
    }
}

/// What becomes of a call that may have been made before; nothing when it is to be made.
async fn answered(runs: &Arc<Runs>, (run, team, instance): (RunId, &Team, u64), delivered: u64) -> Option<Outcome> {
    let key = (team.clone(), run);
    match runs.waits_for(&key, instance).await {
        Ok(true) => {}
        Err(fault) if !fault.is_lasting() => {
            tracing::warn!(run.id = %run, error = &fault as &dyn std::error::Error, "cannot see whether a call was answered");
            return Some(Outcome::Retry { after: RETRY });
        }
        // Whoever wrote the answer down may have died before it asked for what follows.
        _ => {
            let item = Item::new(Heard::Again { instance }, delivered.max(2));
            return Some(runs.hear(key, item).await);
        }
    }
    match runs.bus.run_input(team, run, &RunInput::answer_id(instance)).await {
        Ok(Some(_)) => Some(Outcome::Done),
        Ok(None) => None,
        Err(error) => {
            tracing::warn!(run.id = %run, error = &error as &dyn std::error::Error, "cannot see whether a call was answered");
            Some(Outcome::Retry { after: RETRY })
        }
    }
}

/// Notes that the call is made now; false when somebody noted it before.
async fn is_first(bus: &Bus, run: RunId, team: &Team, instance: u64) -> Result<bool, PublishError> {
    let what = RunWish::Begun { instance };
    let begun = RunInput { run, team: team.clone(), id: format!("b{instance}"), what };
    bus.publish_once(&begun, &Cause::root()).await
}

async fn store(bus: &Bus, (run, team, instance): (RunId, Team, u64), answer: &Answer) -> Result<(), PublishError> {
    let answer = serde_json::to_value(answer).map_err(PublishError::Encode)?;
    bus.publish_once(&RunInput::answered(run, team, instance, answer), &Cause::root()).await.map(drop)
}
