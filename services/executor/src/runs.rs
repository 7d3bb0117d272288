//! Runs of workflows: carried on by their logs.
//!
//! **The algorithm.** What comes to a run goes through its [`mailbox`]: whoever comes first takes everything that has
//! come by then, decides about all of it at once, appends *one* message to the run's log ([`carry`]), does what was
//! asked for, all at once ([`act`]), and only then is each of these messages acknowledged. The append is stored only
//! after the message that was known as the last one, so however many executors there are, and whatever each of them
//! remembers, a run has one history. The log is the outbox: what was decided and not yet asked for stands in it.
//!
//! **What is asked for** can be asked for again: a task, a delivery and a run of a step have ids that follow from the
//! run and the step, answers are stored once under the step's number, timers under their names. Whoever gets a
//! message that was handed out before asks again for all that the run waits for.
//!
//! **If an executor dies** before the append: the message is handed out again after ten seconds, and nothing was
//! written. During it, outcome unknown: the log shows it or not. After it and before everything was asked for, or
//! before the acknowledgements: handed out again, what follows is in the log already, and is asked for again. In a call
//! of its own ([`web`]): the call is made again, or fails as ambiguous where the step says `at-most-once`. The answer
//! of such a call goes into the log by whoever made it, and the call is acknowledged then; only where that cannot be
//! is the answer stored by itself, for whoever can. `tests/CRASHES.md` names the test that shows each line.
//!
//! **What cannot be carried on** does not keep executors from the rest: a decision that crashes three times, or that
//! cannot be stored, faults its run; a log that cannot be read, or over which processes die, is put aside ([`aside`]).
//!
//! **Before it begins** a run may have to wait for a place under a limit of runs at once ([`gates`]): it then has a log
//! with what it is made of and nothing else, and is in no executor's memory.
//!
//! **Events** of the team are for whoever listens when they come. Which types a run listens to is noted on the broker
//! *before* the log says that it listens ([`carry`]), and whoever is handed an event asks anew who is noted and tells each
//! of them ([`crate::handlers::event_published`]); it is acknowledged when all of them have decided about it. So an event
//! that is stored after the log says so is heard, whoever dies; one that came before is not; and one that is handed out
//! again is known by its name to the runs that heard it. A note without a listener costs a look in vain, and goes with
//! the end of its run.
//!
//! **Order.** What comes to a run through the same stream (signals and wishes; events) is heard in the order in which it
//! was stored, as long as one executor is handed it: [`turns`] are taken as it comes, and a [`mailbox`] lets nothing
//! overtake what has to be handed out again, for a second. Two executors do not wait for each other: of two messages
//! that are handed to both at the same moment either may be heard first, and so it is after the death of one that had
//! been handed the earlier. Between streams there is no order.
//!
//! **Waiting** holds nothing: timers are the broker's, and a run that waits is some messages on a disk. What is kept of
//! runs in memory is only a copy, bounded, and read anew where it is not the newest.

pub mod act;
pub mod aside;
pub mod carry;
pub mod clearing;
pub mod definitions;
pub mod gates;
pub mod mailbox;
pub mod memory;
pub mod redact;
pub mod schedules;
pub mod starting;
pub mod turns;
pub mod web;

use crate::{cancels::Cancels, config::Environment, http::Clients};
use clearing::Clearing;
use definitions::Definitions;
use gates::Gates;
use memory::Mailboxes;
use neptune_bus::{Bus, Outcome, PublishError};
use neptune_contracts::resource::Resources;
use schedules::Schedules;
use std::{
    sync::{Arc, Weak},
    time::Duration,
};
use tokio::sync::watch;
use turns::Turns;

/// Before what could not be carried on is tried again.
pub(crate) const RETRY: Duration = Duration::from_millis(500);

/// What drives runs.
pub struct Runs {
    /// The bus.
    pub bus: Bus,
    /// The resources in force, among them workflows.
    pub resources: watch::Receiver<Arc<Resources>>,
    /// Clients for the calls of runs.
    pub http: Clients,
    /// Where secrets are looked up, as `NEPTUNE_SECRET_<NAME>`.
    pub environment: Environment,
    /// Hosts that calls of runs may reach although they are private or not https.
    pub hosts: Arc<Vec<String>>,
    /// Calls whose answers are not wanted any more.
    pub cancels: Cancels,
    /// Runs that something came to lately.
    pub(crate) mailboxes: Mailboxes,
    /// Definitions that were read lately.
    pub(crate) definitions: Definitions,
    /// Places under limits of runs at once.
    pub(crate) gates: Gates,
    /// Runs that have ended, whose timers are to be taken back.
    pub(crate) clearing: Clearing,
    /// In which order handlers give on what came.
    pub(crate) turns: Arc<Turns>,
    /// How far schedules are.
    pub(crate) schedules: Schedules,
    /// Itself, for what goes on beside.
    pub(crate) me: Weak<Self>,
}

impl Runs {
    /// Drives runs on `bus`.
    #[must_use]
    pub fn new(bus: Bus, resources: watch::Receiver<Arc<Resources>>, calling: Calling, cancels: Cancels) -> Arc<Self> {
        let Calling { http, environment, hosts } = calling;
        Arc::new_cyclic(|me| Self {
            bus,
            resources,
            http,
            environment,
            hosts: Arc::new(hosts),
            cancels,
            mailboxes: Mailboxes::default(),
            definitions: Definitions::default(),
            gates: Gates::default(),
            clearing: Clearing::default(),
            turns: Arc::default(),
            schedules: Schedules::default(),
            me: me.clone(),
        })
    }
}

/// With what calls of runs are made.
pub struct Calling {
    /// The clients.
    pub http: Clients,
    /// Where secrets are looked up.
    pub environment: Environment,
    /// Hosts that may be reached although they are private or not https.
    pub hosts: Vec<String>,
}

/// What becomes of a message after something about it was published, or was not.
pub(crate) fn settled(done: Result<(), PublishError>) -> Outcome {
    match done {
        Ok(()) => Outcome::Done,
        Err(error @ (PublishError::TooLarge { .. } | PublishError::Encode(_))) => {
            Outcome::Reject { reason: error.to_string() }
        }
        Err(error) => {
            tracing::warn!(error = &error as &dyn std::error::Error, "not stored, trying again");
            Outcome::Retry { after: RETRY }
        }
    }
}
