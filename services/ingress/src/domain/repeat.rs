//! Requests that come twice: the same `Idempotency-Key`, or the same task id.

use super::answer;
use neptune_contracts::{
    fingerprint::{Fingerprint, sum},
    finished::TaskFinished,
    task::{Constraints, TaskSubmitted},
};

/// Whether a key stays bound to this fact. A task that was turned away before any model was called,
/// with the word to try again, must not answer every later try with that same word.
#[must_use]
pub fn binds(finished: &TaskFinished) -> bool {
    let try_again =
        finished.error.as_ref().is_some_and(|error| answer::meaning(finished.outcome, error).retry == Some(true));
    !(try_again && finished.attempts.is_empty())
}

/// What `task` says, for its own fact and for that of an earlier request. A deadline that was given
/// as a time from now is compared as that: every repeat makes another point in time of it.
#[must_use]
pub fn fingerprint(task: &TaskSubmitted, deadline_in_ms: Option<&str>) -> Fingerprint {
    let said = Fingerprint::of(task);
    let Some(millis) = deadline_in_ms else { return said };
    let constraints = Constraints { deadline: None, ..task.constraints.clone() };
    Fingerprint { constraints: sum(&(constraints, millis)), ..said }
}

/// The parts in which a request differs from the one that the fact is about. Of facts that do not
/// say what was asked nothing is known.
#[must_use]
pub fn differences(said: &Fingerprint, finished: &TaskFinished) -> Vec<&'static str> {
    let admitted = finished.admission.as_ref().map(|admission| admission.input_sha256.clone());
    let before = match (&finished.fingerprint, admitted) {
        (Some(before), admitted) => Fingerprint { input: before.input.clone().or(admitted), ..(**before).clone() },
        // Facts of before this version say no more than their input.
        (None, Some(admitted)) => Fingerprint { input: Some(admitted), ..said.clone() },
        (None, None) => return Vec::new(),
    };
    said.differences(&before)
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

    fn task(change: &serde_json::Value) -> TaskSubmitted {
        let mut body = json!({"input": {"messages": [{"role": "user", "content": "hello"}]}});
        body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        serde_json::from_value(body).unwrap()
    }

    #[test]
    fn what_differs_is_named_when_the_fact_knows_what_was_asked() {
        let said = |change: serde_json::Value| fingerprint(&task(&change), None);
        let mut finished = fact("task.finished.v1.0.json");
        finished.admission.as_mut().unwrap().input_sha256 = said(json!({})).input.unwrap();
        finished.fingerprint = Some(Box::new(Fingerprint { input: None, ..said(json!({"metadata": {"ticket": 7}})) }));
        assert_eq!(differences(&said(json!({"metadata": {"ticket": 7}})), &finished), [""; 0]);
        let other = json!({"constraints": {"max_cost_usd": "1"}, "input": {"messages": []}});
        assert_eq!(differences(&said(other), &finished), ["input", "constraints", "metadata"]);
        finished.fingerprint = None;
        let another = json!({"input": {"messages": []}, "metadata": {"ticket": 8}});
        assert_eq!(differences(&said(another.clone()), &finished), ["input"], "no more is known");
        assert_eq!(differences(&said(another), &fact("task.finished.v1.rejected.json")), [""; 0], "nothing is known");
    }

    #[test]
    fn a_deadline_from_now_is_compared_as_it_was_said() {
        let until = |deadline: &str| task(&json!({"constraints": {"deadline": deadline}}));
        let (early, late) = (until("2026-11-26T12:00:00Z"), until("2026-11-26T12:00:05Z"));
        assert_eq!(fingerprint(&early, Some("9000")), fingerprint(&late, Some("9000")));
        assert_ne!(fingerprint(&early, Some("9000")), fingerprint(&early, Some("8000")));
        assert_ne!(fingerprint(&early, None), fingerprint(&late, None));
    }

    proptest! {
        /// Governance sums what it decodes from the bus; the ingress must come to the same.
        #[test]
        fn the_way_over_the_bus_changes_no_sum(temperature in -1e9..1e9_f64, extra in any::<f64>().prop_filter("JSON", |x| x.is_finite())) {
            let body = json!({
                "input": {"messages": [], "temperature": temperature, "extra": extra},
                "constraints": {"min_quality": temperature}, "metadata": {"x": extra},
            });
            let at_ingress: TaskSubmitted = serde_json::from_str(&body.to_string()).unwrap();
            let at_governance: TaskSubmitted = serde_json::from_slice(&serde_json::to_vec(&at_ingress).unwrap()).unwrap();
            prop_assert_eq!(Fingerprint::of(&at_ingress), Fingerprint::of(&at_governance));
        }
    }
}
