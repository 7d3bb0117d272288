//! Runs of workflows, around the engine's own decisions: what the engine asks for as messages, and messages as what
//! the engine takes.

pub mod approval;
pub mod class;
pub mod course;
pub mod deeds;
pub mod depth;
pub mod event;
pub mod finish;
pub mod gate;
pub mod model;
pub mod notify;
pub mod redact;
pub mod refusal;
pub mod round;
pub mod timer;
pub mod view;
pub mod weight;

use neptune_contracts::{
    ids::RunId,
    names::{DataClass, Team},
    run::log::RunMadeOf,
};
use neptune_workflow::run::{Problem, Standard};

/// A step of a run that asks for something.
#[derive(Clone, Copy)]
pub struct Step<'s> {
    /// The run.
    pub run: RunId,
    /// Whose it is.
    pub team: &'s Team,
    /// What the run was made of.
    pub made_of: &'s RunMadeOf,
    /// The step's number.
    pub instance: u64,
    /// How sensitive the run was when it asked.
    pub class: Option<DataClass>,
}

fn configuration(detail: impl Into<String>) -> Problem {
    Problem::new(Standard::Configuration, detail)
}
