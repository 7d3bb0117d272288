//! Runs workflows in this process, without a stack: the log in memory, timers of this process, calls made from
//! here.
//!
//! **Purpose.** `neptune workflow run --local` while a definition is written, and the conformance scenarios. What
//! a run does next is decided by the same function as in the executor ([`neptune_workflow::run`]).
//!
//! **Calls** are made by a [`Caller`]. [`web::Web`] makes real ones: HTTP and OpenAPI as they stand, models at any
//! endpoint that speaks OpenAI's form; deliveries and approvals are not made but answered at once, and say so.
//!
//! **Crash.** Everything is gone: a rehearsal is not durable.

pub mod driver;
pub mod feed;
pub mod web;

use futures::future::BoxFuture;
use neptune_workflow::{
    definition::{Definition, Reference},
    run::{Answer, Record, Request, Run},
};
use serde_json::Value;
use std::{collections::BTreeMap, sync::Arc};

/// Makes the calls of runs.
pub trait Caller: Send + Sync {
    /// Makes a call that is not of a workflow.
    fn call(&self, request: Arc<Request>) -> BoxFuture<'static, Answer>;
}

/// How time goes by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// As it does.
    Real,
    /// Where only a timer is waited for, its time comes at once.
    Skip,
}

/// What is kept between two decisions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Memory {
    /// Where the run stands.
    Keeps,
    /// Its log alone, as after a crash; calls that are being made go on elsewhere.
    Forgets,
    /// Its log alone, and over everything that happens to a run two die who decide about it: one before what was
    /// decided is stored, the next before what is stored is asked for. Then it is handed out twice more.
    Dies,
}

/// What is rehearsed with.
pub struct Stage {
    /// Makes the calls.
    pub caller: Arc<dyn Caller>,
    /// Workflows that others run.
    pub workflows: BTreeMap<Reference, Arc<Definition>>,
    /// How time goes by.
    pub pace: Pace,
    /// What is kept between two decisions.
    pub memory: Memory,
}

/// A run that was rehearsed.
#[derive(Debug)]
pub struct Rehearsed {
    /// Where it stands.
    pub run: Run,
    /// Its log.
    pub log: Vec<Record>,
    /// The events it emitted.
    pub emitted: Vec<Arc<Value>>,
    /// How often something that was decided about changed the run when it was handed out again: never, or the engine
    /// is wrong. Only [`Memory::Dies`] hands out again.
    pub changed_again: usize,
}
