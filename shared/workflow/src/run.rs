//! Runs of workflows: what a run does next, decided purely.
//!
//! **The function.** [`Run::decide`] takes where a run stands and what happened, and gives one [`Record`] (what
//! changed) and the [`Action`]s that it asks for. No I/O, no clock, no chance: time and a random number come
//! with what happened ([`Arrival`]).
//!
//! **The log is all.** A run is what its records make ([`Run::of`]); whatever an expression said stands in them,
//! so that reading them evaluates nothing, and a newer engine reads them alike. A record is stored as a whole or
//! not at all, and its actions are asked for after it is stored. After a crash the run is made of its log, and
//! what the last record asks for ([`Run::replay`] of it) and [`Run::outstanding`] are asked for again: each
//! action has a key ([`Action::key`]) under which a second one is the same.
//!
//! **Anything may come twice, late or never asked for.** What happened names the task instance or the wish that
//! it answers; what is not waited for any more changes nothing, and its record is empty.
//!
//! **Every run ends**: completed, faulted, cancelled, timed out or without money. There is always a limit of
//! time, and one of the tasks that a run or one decision may begin.

mod admission;
mod apply;
pub mod change;
pub mod clock;
mod correlation;
mod event;
mod machine;
mod problem;
mod scope;
pub mod secrets;
mod state;
pub mod timeline;

use crate::definition::Definition;
pub use admission::{Admission, Slot, admission};
pub use change::{Change, Record};
pub use correlation::Correlator;
pub use event::{Action, Answer, Arrival, Control, Event, Outcome, Purpose, Request, Timer};
pub use machine::{
    COMPENSATION_LIMIT_MS, DEPTH, RUN_LIMIT_MS, SIGNALS, SIGNALS_PER_RUN, STEPS_PER_DECISION, STEPS_PER_RUN,
};
pub use problem::{Problem, Standard};
pub use state::{At, Doing, Ending, Frame, Instance, Listening, Lowered, Phase, Role, Run, Sensitivity};

/// What was decided.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// What changed; without changes there is nothing to store.
    pub record: Record,
    /// What is asked for, once the record is stored.
    pub actions: Vec<Action>,
}

impl Run {
    /// Decides what follows from what happened, and changes the run accordingly. If the record cannot be stored,
    /// the run must be made of its log anew.
    pub fn decide(&mut self, definition: &Definition, arrival: &Arrival) -> Decision {
        machine::Machine::decide(self, definition, arrival)
    }

    /// How it ended, if it did.
    #[must_use]
    pub fn ending(&self) -> Option<&Ending> {
        match &self.phase {
            Phase::Ended(ending) => Some(ending),
            Phase::New | Phase::Running | Phase::Compensating(_) => None,
        }
    }
}
