//! Requests that come twice: the same `Idempotency-Key`, or the same task id.

use super::answer;
use base64::{Engine as _, prelude::BASE64_STANDARD};
use neptune_contracts::{chat::ChatRequest, finished::TaskFinished};
use ring::digest;

/// Whether a key stays bound to this fact. A task that was turned away before any model was called,
/// with the word to try again, must not answer every later try with that same word.
#[must_use]
pub fn binds(finished: &TaskFinished) -> bool {
    let try_again =
        finished.error.as_ref().is_some_and(|error| answer::meaning(finished.outcome, error).retry == Some(true));
    !(try_again && finished.attempts.is_empty())
}

/// Whether the fact is known to be about another input. Only an admitted task says what its input
/// was; of the others nothing is known.
#[must_use]
pub fn is_another_request(input: &ChatRequest, finished: &TaskFinished) -> bool {
    let Some(admission) = &finished.admission else { return false };
    input_sum(input).is_some_and(|sum| sum != admission.input_sha256)
}

/// The sum as governance takes it: of the input after its way over the bus, on which a number may
/// have been read twice.
fn input_sum(input: &ChatRequest) -> Option<String> {
    let on_the_bus: ChatRequest = serde_json::from_slice(&serde_json::to_vec(input).ok()?).ok()?;
    let sum = digest::digest(&digest::SHA256, &serde_json::to_vec(&on_the_bus).ok()?);
    Some(BASE64_STANDARD.encode(sum.as_ref()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use neptune_contracts::finished::{Outcome, TaskError};
    use proptest::prelude::*;
    use serde_json::json;

    fn fact(name: &str) -> TaskFinished {
        let path = format!("{}/../../shared/contracts/tests/golden/{name}", env!("CARGO_MANIFEST_DIR"));
        serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
    }

    fn refused(outcome: Outcome, code: &str) -> TaskFinished {
        let error = TaskError { code: code.into(), message: String::new(), problems: Vec::new(), retry_after_ms: None };
        TaskFinished { outcome, error: Some(error), ..fact("task.finished.v1.rejected.json") }
    }

    #[test]
    fn only_a_fact_that_asks_to_try_again_and_called_nobody_frees_its_key() {
        assert!(binds(&fact("task.finished.v1.0.json")));
        assert!(binds(&refused(Outcome::Rejected, "budget_exceeded")));
        assert!(!binds(&refused(Outcome::NoRoute, "no_capacity")));
        assert!(!binds(&refused(Outcome::Rejected, "budget_unavailable")));
        let called = fact("task.finished.v1.0.json").attempts;
        assert!(binds(&TaskFinished { attempts: called, ..refused(Outcome::NoRoute, "no_capacity") }));
    }

    #[test]
    fn another_input_is_recognised_when_the_fact_knows_its_own() {
        let input = ChatRequest::user("hello");
        let mut finished = fact("task.finished.v1.0.json");
        finished.admission.as_mut().unwrap().input_sha256 = input_sum(&input).unwrap();
        assert!(!is_another_request(&input, &finished));
        assert!(is_another_request(&ChatRequest::user("hallo"), &finished));
        assert!(!is_another_request(&ChatRequest::user("hallo"), &fact("task.finished.v1.rejected.json")));
    }

    proptest! {
        /// Governance sums what it decodes from the bus; the ingress must come to the same.
        #[test]
        fn the_sum_is_the_one_governance_takes(temperature in -1e9..1e9_f64, extra in any::<f64>().prop_filter("JSON", |x| x.is_finite())) {
            let body = json!({"messages": [], "temperature": temperature, "extra": extra}).to_string();
            let at_ingress: ChatRequest = serde_json::from_str(&body).unwrap();
            let at_governance: ChatRequest = serde_json::from_slice(&serde_json::to_vec(&at_ingress).unwrap()).unwrap();
            let sum = digest::digest(&digest::SHA256, &serde_json::to_vec(&at_governance).unwrap());
            prop_assert_eq!(input_sum(&at_ingress).unwrap(), BASE64_STANDARD.encode(sum.as_ref()));
        }
    }
}
