//! Calls of runs to governance: sensitive data is taken out of a value. The same value gives the same answer, so that
//! a call that is made twice changes nothing.

use super::Runs;
use crate::domain::run::redact;
use neptune_bus::RequestError;
use neptune_contracts::names::Team;
use neptune_workflow::run::{Answer, Problem, Request, Standard};
use std::time::Duration;

/// So often governance is asked before the step fails.
const TRIES: u32 = 5;
/// Before the second question; then twice as long each time.
const PAUSE: Duration = Duration::from_millis(200);

impl Runs {
    /// Asks governance, for a while also when it is away.
    pub(super) async fn redact(&self, team: &Team, request: &Request) -> Answer {
        let query = match redact::query(team, request) {
            Ok(query) => query,
            Err(problem) => return Answer::problem(problem),
        };
        let mut pause = PAUSE;
        for _ in 1..TRIES {
            match self.bus.request(&query).await {
                Err(error) if is_passing(&error) => tokio::time::sleep(pause).await,
                settled => return answered(request, settled),
            }
            pause *= 2;
        }
        answered(request, self.bus.request(&query).await)
    }
}

fn is_passing(error: &RequestError) -> bool {
    match error {
        RequestError::Refused(refused) => refused.code == "unavailable",
        _ => true,
    }
}

fn answered(request: &Request, reply: Result<neptune_contracts::query::redact::RedactReply, RequestError>) -> Answer {
    match reply {
        Ok(reply) => redact::answer(request, reply),
        Err(RequestError::Refused(refused)) if refused.code != "unavailable" => {
            Answer::problem(Problem::new(Standard::Configuration, refused.message))
        }
        Err(error) => {
            let problem = Problem::new(Standard::Communication, format!("governance does not answer: {error}"));
            Answer::problem(problem.with_status(503, "Service Unavailable"))
        }
    }
}
