//! What cannot be carried on, and is not to be tried for ever.
//!
//! A run whose log cannot be used is put aside: its end is stored as faulted, so that whoever waits for it knows, and
//! what comes to it goes to the dead letters, which name the run. If its log can be read again, by a newer executor
//! perhaps, replaying those letters carries it on, and its own end takes the place of this one; until then whoever looks
//! for runs is told how it stands.
//!
//! **A run that kills** its executor leaves no error behind. So whoever is handed what was handed out several times
//! already notes it down before it looks at it, and takes the note back afterwards: a note that is there is of one
//! who died over it.

use super::{
    RETRY, Runs,
    carry::{Carried, Fault},
    mailbox::{Item, Key},
};
use crate::domain::run::{
    course::{Course, Heard},
    finish,
};
use neptune_bus::{BusError, Cause, PublishError};
use neptune_contracts::{Timestamp, ids::TaskId, run::log::RunMadeOf};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// A message whose decision crashed so often faults its run.
const CRASHES: u64 = 3;
/// A log that cannot be used at this delivery, half a minute after the first, is not about to be. Executors of an older
/// version that are being replaced may not read it meanwhile.
const UNUSABLE: u64 = 8;
/// What was handed out so often is noted down before it is looked at.
const SUSPECT: u64 = 4;
/// Over a run so many processes die before it is put aside.
const DEATHS: u32 = 3;
/// The first pause before a log that cannot be used is looked at again; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(250);

/// How many processes died over a run, at the moment or in a row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deaths {
    /// So many.
    pub deaths: u32,
}

impl Runs {
    /// Notes that this process looks at a run that others may have died over, and returns how many did. Nothing where
    /// there is no reason to think so.
    ///
    /// # Errors
    /// The broker could not be asked.
    pub(super) async fn suspect(&self, key: &Key, tries: u64) -> Result<Option<Deaths>, BusError> {
        if tries < SUSPECT {
            return Ok(None);
        }
        let noted = self.bus.noted::<Deaths>(note_of(key)).await?.unwrap_or_default();
        self.bus.note(note_of(key), &Deaths { deaths: noted.deaths + 1 }).await?;
        Ok(Some(noted))
    }

    /// Takes the note back: this process lives.
    pub(super) async fn cleared(&self, key: &Key) {
        // Where it stays, a later death counts one too many.
        self.bus.note(note_of(key), &Deaths::default()).await.ok();
    }

    /// What becomes of what came to a run over which processes died.
    pub(super) async fn deadly(&self, key: &Key, deaths: Deaths) -> Option<Carried> {
        if deaths.deaths < DEATHS {
            return None;
        }
        let detail = format!("{} executors died over what came to the run {}", deaths.deaths, key.1);
        let made_of = match self.bus.run_made_of(&key.0, key.1).await {
            Ok(made_of) => made_of,
            Err(error) => {
                tracing::warn!(run.id = %key.1, error = &error as &dyn std::error::Error, "a run that kills cannot be put aside yet");
                return Some(Carried::Later(RETRY));
            }
        };
        Some(self.put_aside(key, made_of.as_ref(), detail).await)
    }

    /// What becomes of what came to a run that could not be carried on.
    pub(super) async fn failed(&self, key: &Key, items: &[Item], fault: Fault, tries: u64) -> Carried {
        let detail = match &fault {
            Fault::Crashed if tries >= CRASHES => "the decision about what came to the run crashed".to_owned(),
            Fault::TooDeep | Fault::Publish(PublishError::TooLarge { .. } | PublishError::Encode(_)) => {
                format!("{}; let steps give less data", chain(&fault))
            }
            _ => return self.later(key, fault, tries).await,
        };
        tracing::error!(run.id = %key.1, detail, "a run is faulted");
        let broken = [Item::new(Heard::Broken { detail: detail.clone() }, 1)];
        match self.attempt(key, &mut None, &broken).await {
            Ok(true) => Carried::On,
            // It never got as far as a log.
            Ok(false) => match items.iter().find_map(|item| item.made_of.as_deref()) {
                Some(made_of) => self.put_aside(key, Some(made_of), detail).await,
                None => Carried::On,
            },
            Err(fault) => self.later(key, fault, tries).await,
        }
    }

    /// It is tried again, unless it will never be otherwise.
    async fn later(&self, key: &Key, fault: Fault, tries: u64) -> Carried {
        let error = &fault as &dyn std::error::Error;
        if !fault.is_lasting() {
            tracing::warn!(run.id = %key.1, error, "a run is not carried on, trying again");
            return Carried::Later(RETRY);
        }
        if tries < UNUSABLE {
            tracing::error!(run.id = %key.1, error, tries, "the log of a run cannot be used, trying again");
            return Carried::Later(pause(tries));
        }
        let detail = format!("the log of the run {} cannot be used: {}", key.1, chain(&fault));
        match self.bus.run_made_of(&key.0, key.1).await {
            Ok(made_of) => self.put_aside(key, made_of.as_ref(), detail).await,
            Err(error) => {
                tracing::warn!(run.id = %key.1, error = &error as &dyn std::error::Error, "a run cannot be put aside yet");
                Carried::Later(RETRY)
            }
        }
    }

    /// Tells how a run stands that goes on, where whoever looks for runs takes it for one that is put aside. It was read
    /// from its log just now: whoever put it aside keeps nothing of it in memory.
    pub(super) async fn tell_after_aside(&self, course: &Course) -> Result<(), Fault> {
        if course.run.ending().is_some() {
            return Ok(());
        }
        let end = match self.bus.run_result(&course.team, course.id).await {
            Ok(end) => end.filter(|end| end.turn == 0),
            Err(error) if error.is_unreadable() => None,
            Err(error) => return Err(Fault::Publish(PublishError::Broker(error.into()))),
        };
        let told = end.and_then(|end| finish::carried_on(course, end.finished_at, Timestamp::now()));
        let Some(told) = told else { return Ok(()) };
        tracing::info!(run.id = %course.id, "a run that was put aside goes on");
        self.bus.publish(&told, &Cause::root()).await.map(drop).map_err(Fault::Publish)
    }

    async fn put_aside(&self, key: &Key, made_of: Option<&RunMadeOf>, detail: String) -> Carried {
        tracing::error!(run.id = %key.1, detail, "a run is put aside");
        let fact = finish::aside((&key.0, key.1), made_of, detail.clone(), Timestamp::now());
        let reply_to = made_of.and_then(|made_of| made_of.reply_to.as_deref());
        match self.end(&fact, 0, reply_to).await {
            Ok(()) => Carried::Aside(detail),
            Err(error) => {
                tracing::warn!(run.id = %key.1, error = &error as &dyn std::error::Error, "the end of a run that is put aside was not stored");
                Carried::Later(RETRY)
            }
        }
    }
}

/// The pause after so many tries: a quarter of a second, twice as long each time, 16 s at most.
fn pause(tries: u64) -> Duration {
    FIRST_PAUSE * (1 << tries.saturating_sub(1).min(6))
}

/// Notes are by task; a run has an id that no task has.
fn note_of(key: &Key) -> (&neptune_contracts::names::Team, TaskId) {
    (&key.0, TaskId(key.1.0))
}

/// An error with its causes.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_that_cannot_be_used_is_looked_at_for_half_a_minute() {
        let total: Duration = (1..UNUSABLE).map(pause).sum();
        assert!((25..=60).contains(&total.as_secs()), "{total:?}");
    }
}
