//! What an executor leaves behind about a task before each call, and what another one makes of it after
//! a crash: which calls had ended, which may be made again under their id, and which are lost.

use neptune_contracts::{
    attempt::{Attempt, HEDGE, LOST, MEMBER, RETRY},
    plan::{Plan, PlannedAttempt, Strategy},
    resource::Provider,
};
use serde::{Deserialize, Serialize};

/// What an executor has done with a task so far.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Note {
    /// The resources' revision it goes by.
    pub revision: u64,
    /// How often the task was parked before.
    pub parked: u32,
    /// Calls that ended.
    pub made: Vec<Attempt>,
    /// Calls that were begun.
    pub begun: Vec<Begun>,
}

/// A call that was begun.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Begun {
    /// As it is recorded if nobody learns how it ended.
    pub attempt: Attempt,
    /// Whether the same call under the same id is answered as before, and charged once.
    pub is_repeatable: bool,
}

/// What is left of the work of an executor that died.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Left {
    /// Calls that ended, and those whose end nobody knows.
    pub made: Vec<Attempt>,
    /// Calls that are made again under their id, if they are made again.
    pub again: Vec<Attempt>,
}

/// Whether a provider takes a key by which it recognises a repeated call.
#[must_use]
pub fn takes_idempotency_key(provider: Provider) -> bool {
    matches!(provider, Provider::Openai | Provider::OpenaiResponses | Provider::Azure)
}

/// Whether a call may be repeated: it asks the task's own question, which is the same each time, in one
/// piece. Who saw a part of a streamed answer must not take another one for its continuation.
#[must_use]
pub fn is_repeatable(provider: Provider, purpose: Option<&str>, is_streamed: bool) -> bool {
    takes_idempotency_key(provider) && !is_streamed && matches!(purpose, None | Some(HEDGE | MEMBER | RETRY))
}

impl Note {
    /// What whoever goes on with the task under these resources takes over, `known` left out.
    #[must_use]
    pub fn left(self, revision: u64, parked: u32, known: &[Attempt]) -> Left {
        // What ended before it was parked travels with it.
        if self.parked != parked {
            return Left::default();
        }
        let is_new = |attempt: &Attempt| known.iter().all(|known| known.id != attempt.id);
        let mut left = Left { made: self.made.into_iter().filter(is_new).collect(), again: Vec::new() };
        for Begun { attempt, is_repeatable } in self.begun {
            if !is_new(&attempt) {
                continue;
            }
            if is_repeatable && self.revision == revision {
                left.again.push(attempt);
            } else {
                left.made.push(lost(attempt));
            }
        }
        left
    }

    /// Takes in that a call begins, or how far it came.
    pub fn begins(&mut self, begun: Begun) {
        self.begun.retain(|known| known.attempt.id != begun.attempt.id);
        self.begun.push(begun);
    }

    /// Takes in that a call ended.
    pub fn ended(&mut self, attempt: &Attempt) {
        self.begun.retain(|begun| begun.attempt.id != attempt.id);
        self.made.push(attempt.clone());
    }
}

/// Takes the calls out of the beginning of `plan` that failed before its executor died; those that are made at once
/// are left as they are.
pub fn skip_failed(plan: &mut Plan, made: &[Attempt]) {
    if !matches!(plan.strategy, Strategy::Fallback | Strategy::Cascade) {
        return;
    }
    let is_of = |attempt: &Attempt, planned: &PlannedAttempt| {
        attempt.model == planned.model && attempt.error.is_some() && attempt.purpose.is_none()
    };
    let has_failed = |planned: &&PlannedAttempt| made.iter().any(|attempt| is_of(attempt, planned));
    let count = plan.attempts.iter().take_while(has_failed).count();
    plan.attempts.drain(..count);
}

/// The record of a call whose end nobody knows.
#[must_use]
pub fn lost(attempt: Attempt) -> Attempt {
    Attempt { purpose: Some(LOST.to_owned()), ..attempt }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::indexing_slicing)]
    use super::*;
    use crate::domain::samples::{attempt, routed};
    use neptune_contracts::attempt::ErrorClass;

    fn begun(model: &str, is_repeatable: bool) -> Begun {
        Begun { attempt: attempt(model, None, "0.1"), is_repeatable }
    }

    fn note() -> Note {
        let mut note = Note { revision: 3, ..Note::default() };
        let ended = begun("a", true);
        note.begins(ended.clone());
        note.ended(&ended.attempt);
        note.begins(begun("b", true));
        note.begins(begun("c", false));
        note
    }

    fn models(attempts: &[Attempt]) -> Vec<(&str, Option<&str>)> {
        attempts.iter().map(|attempt| (attempt.model.as_str(), attempt.purpose.as_deref())).collect()
    }

    #[test]
    fn what_ended_is_kept_and_what_was_begun_is_made_again_or_lost() {
        let left = note().left(3, 0, &[]);
        assert_eq!(models(&left.made), [("a", None), ("c", Some(LOST))]);
        assert_eq!(models(&left.again), [("b", None)]);
    }

    #[test]
    fn how_far_an_answer_came_takes_the_place_of_its_beginning() {
        let mut note = note();
        let mut further = note.begun[0].clone();
        (further.attempt.chunks, further.is_repeatable) = (7, false);
        note.begins(further);
        let left = note.left(3, 0, &[]);
        assert_eq!(models(&left.made), [("a", None), ("c", Some(LOST)), ("b", Some(LOST))]);
        assert_eq!((left.made[2].chunks, left.again), (7, Vec::new()));
    }

    #[test]
    fn under_other_resources_the_same_call_may_be_another() {
        let left = note().left(4, 0, &[]);
        assert_eq!(models(&left.made), [("a", None), ("b", Some(LOST)), ("c", Some(LOST))]);
        assert_eq!(left.again, []);
    }

    #[test]
    fn what_is_known_already_and_what_was_before_a_wait_is_left_out() {
        let note = note();
        let known: Vec<Attempt> =
            note.made.iter().chain(note.begun.iter().map(|begun| &begun.attempt)).cloned().collect();
        assert_eq!(note.clone().left(3, 0, &known), Left::default());
        assert_eq!(note.left(3, 1, &[]), Left::default());
    }

    #[test]
    fn what_had_failed_is_not_tried_again() {
        let failed = |model: &str| attempt(model, Some(ErrorClass::Overload), "0");
        let check = |made: &[Attempt], strategy: Strategy, wanted: &[&str]| {
            let mut plan = Plan { strategy, ..routed().plan };
            skip_failed(&mut plan, made);
            let models: Vec<&str> = plan.attempts.iter().map(|planned| planned.model.as_str()).collect();
            assert_eq!(models, wanted, "{made:?}");
        };
        check(&[], Strategy::Fallback, &["a", "b", "c"]);
        check(&[failed("a")], Strategy::Fallback, &["b", "c"]);
        check(&[failed("a"), failed("b"), failed("c")], Strategy::Cascade, &[]);
        check(&[failed("b")], Strategy::Fallback, &["a", "b", "c"]);
        check(&[lost(failed("a"))], Strategy::Fallback, &["a", "b", "c"]);
        check(&[attempt("a", None, "0")], Strategy::Fallback, &["a", "b", "c"]);
        check(&[failed("a")], Strategy::Hedge { delay_ms: 5 }, &["a", "b", "c"]);
    }

    #[test]
    fn only_the_tasks_own_question_in_one_piece_is_repeatable() {
        assert!(is_repeatable(Provider::Openai, None, false));
        assert!(is_repeatable(Provider::Azure, Some(MEMBER), false));
        assert!(!is_repeatable(Provider::Openai, None, true));
        assert!(!is_repeatable(Provider::Openai, Some("re_ask"), false));
        assert!(!is_repeatable(Provider::Anthropic, None, false));
    }
}
