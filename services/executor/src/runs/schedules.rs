//! Schedules: workflows that start by time, or by events.
//!
//! Every executor looks at every schedule. How far one is stands in a cell of the bus that is changed by
//! compare-and-set. The id of a run follows from the workflow and its time, or from the workflow and the event, so
//! that a run that several executors start, or one again after a restart, is one run.
//!
//! **By time:** the run is asked for first, and then the cell is written. A crash between the two has it asked for
//! again. Times that passed while nobody was there are made up for by one run, the latest; a schedule that is new or
//! has a new version begins with its next time. Times are those of the executor's clock, and the pattern's zone.
//!
//! **By events** of the same team: where each event that fits starts a run, nothing is kept. Where events wait for
//! others, what was heard is kept in the cell, and the run is asked for after the cell says that it is to start, and
//! again by whoever finds it there. Events of before a schedule was known start nothing, and no run that events
//! started through more than eight others.

use super::{Runs, carry, carry::Fault};
use crate::domain::{
    run::class,
    schedule::{self, Due, Happened, Progress, Started, Starting},
};
use neptune_bus::{Cause, Cell, Outcome, PublishError};
use neptune_contracts::{
    Timestamp,
    ids::RunId,
    names::{Origin, Team},
    resource::{Resources, workflow::meant},
    run::{
        RunSubmitted,
        start::{MAX_EVENT_HOPS, RunStart},
    },
};
use neptune_workflow::definition::{Definition, Trigger};
use serde_json::{Map, Value};
use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

/// Schedules are looked at at least so often, in milliseconds; the next time of each is kept to exactly.
const LOOK_EVERY_MS: u64 = 500;
/// Others may change how far a schedule is so often first.
const RACES: u32 = 64;
/// A run of which nothing is known after this time is taken to have ended when it was due, in milliseconds.
const LOST_MS: u64 = 3_600_000;

/// Schedules as they were heard of last.
#[derive(Default)]
pub(crate) struct Schedules {
    by_name: Mutex<HashMap<String, Cell>>,
    scheduled: Mutex<Option<Read>>,
}

/// What resources say starts by itself.
type Read = (Arc<Resources>, Arc<Vec<Scheduled>>);

/// A workflow that starts by itself, in the version that is in force.
pub(crate) struct Scheduled {
    /// `namespace/name:version`.
    pub(crate) workflow: String,
    /// `namespace/name`.
    pub(crate) bare: String,
    /// Whose runs it starts.
    pub(crate) team: Team,
    /// Its definition.
    pub(crate) definition: Arc<Definition>,
}

impl Schedules {
    /// Takes in what a cell holds.
    pub(crate) fn see(&self, name: String, cell: Cell) {
        let mut by_name = self.by_name.lock().unwrap_or_else(PoisonError::into_inner);
        if cell.body.is_empty() {
            by_name.remove(&name);
        } else if by_name.get(&name).is_none_or(|known| known.revision < cell.revision) {
            by_name.insert(name, cell);
        }
    }

    fn known(&self, name: &str) -> Option<Cell> {
        self.by_name.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    /// How far a workflow's schedule is.
    pub(crate) fn progress(&self, workflow: &str) -> Option<Progress> {
        progress(&self.known(&schedule::name(workflow))?)
    }
}

fn progress(cell: &Cell) -> Option<Progress> {
    serde_json::from_slice(&cell.body).ok()
}

fn now_ms() -> u64 {
    schedule::ms_of(Timestamp::now())
}

fn timestamp(ms: u64) -> Timestamp {
    crate::domain::run::finish::timestamp(ms)
}

impl Runs {
    /// The workflows that start by themselves.
    pub(crate) fn scheduled(&self) -> Arc<Vec<Scheduled>> {
        let resources = self.resources.borrow().clone();
        let mut kept = self.schedules.scheduled.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((of, scheduled)) = kept.as_ref()
            && Arc::ptr_eq(of, &resources)
        {
            return Arc::clone(scheduled);
        }
        let names: BTreeSet<&str> = resources.workflows.keys().filter_map(|name| name.split(':').next()).collect();
        let found = names.into_iter().filter_map(|bare| self.one_scheduled(&resources, bare).ok().flatten());
        let scheduled = Arc::new(found.collect::<Vec<_>>());
        *kept = Some((resources.clone(), Arc::clone(&scheduled)));
        scheduled
    }

    /// A workflow that starts by itself; nothing when it does not.
    ///
    /// # Errors
    /// Why its schedule starts nothing.
    pub(crate) fn one_scheduled(&self, resources: &Resources, bare: &str) -> Result<Option<Scheduled>, String> {
        let name = meant(bare, resources.workflows.keys().map(String::as_str));
        let Some((name, spec)) = name.and_then(|name| resources.workflows.get(name).map(|spec| (name, spec))) else {
            return Ok(None);
        };
        if spec.document.get("schedule").is_none() {
            return Ok(None);
        }
        let definition = self.definitions.of(&carry::made_of(name, &spec.document, |_| {}))?;
        let team = definition.settings.team.as_deref().map(str::parse::<Team>);
        let remedy = "say in metadata.neptune.team whose budgets pay for what it starts";
        let team = team.ok_or_else(|| format!("it has a schedule and no team; {remedy}"))?;
        let team = team.map_err(|fault| format!("metadata.neptune.team is none: {fault}; {remedy}"))?;
        if !resources.teams.contains_key(team.as_str()) {
            return Err(format!(
                "metadata.neptune.team is {team}, which exists nowhere; apply the team, or name another"
            ));
        }
        Ok(Some(Scheduled { workflow: name.to_owned(), bare: bare.to_owned(), team, definition }))
    }

    /// Starts by time for ever.
    pub(crate) async fn keep_time(&self) {
        loop {
            let mut next_ms = now_ms() + LOOK_EVERY_MS;
            for scheduled in self.scheduled().iter() {
                match self.start_due(scheduled).await {
                    Ok(due_ms) => next_ms = due_ms.map_or(next_ms, |due_ms| next_ms.min(due_ms)),
                    Err(error) => {
                        let error = &error as &dyn std::error::Error;
                        tracing::warn!(workflow = scheduled.workflow, error, "a schedule cannot be kept, trying again");
                    }
                }
            }
            self.forget_schedules().await;
            tokio::time::sleep(Duration::from_millis(next_ms.saturating_sub(now_ms()).max(1))).await;
        }
    }

    /// Starts what is due of a schedule, and returns when the next is, in milliseconds since 1970.
    async fn start_due(&self, scheduled: &Scheduled) -> Result<Option<u64>, Fault> {
        let name = schedule::name(&scheduled.bare);
        let cell = match self.schedules.known(&name) {
            Some(cell) => cell,
            None => self.bus.start_cell(&name).await.map_err(Fault::Places)?,
        };
        let known = progress(&cell);
        let version = &scheduled.definition.version;
        let Some(known) = known.as_ref().filter(|known| known.version == *version) else {
            let begun = Progress::of_version(version, known.as_ref(), now_ms());
            self.write(&name, &begun, cell.revision).await?;
            return Ok(None);
        };
        if scheduled.definition.settings.paused {
            return Ok(None);
        }
        let triggers = &scheduled.definition.schedule;
        let ended_ms = self.end_of_last(scheduled, known).await?;
        match known.due(triggers, ended_ms, now_ms()) {
            Due::Never | Due::AfterRun => Ok(None),
            Due::At(due_ms) => Ok(Some(due_ms)),
            Due::Now { slot_ms, missed } => {
                self.start_slot(scheduled, &name, (slot_ms, missed)).await?;
                Ok(Some(now_ms()))
            }
        }
    }

    /// When a schedule starts next by time, in milliseconds since 1970.
    pub(crate) async fn next_due_ms(&self, scheduled: &Scheduled, known: &Progress) -> Option<u64> {
        let ended_ms = self.end_of_last(scheduled, known).await.ok()?;
        match known.due(&scheduled.definition.schedule, ended_ms, now_ms()) {
            Due::At(due_ms) | Due::Now { slot_ms: due_ms, .. } if known.version == scheduled.definition.version => {
                Some(due_ms)
            }
            _ => None,
        }
    }

    /// When the last run ended, where that is what the next one waits for.
    async fn end_of_last(&self, scheduled: &Scheduled, known: &Progress) -> Result<Option<u64>, Fault> {
        let waits = scheduled.definition.schedule.iter().any(|trigger| matches!(trigger, Trigger::After(_)));
        let Some(last) = known.runs.first().filter(|_| waits) else { return Ok(None) };
        if let Some(fact) = self.bus.run_result(&scheduled.team, last.run).await.map_err(Fault::Read)? {
            return Ok(Some(schedule::ms_of(fact.finished_at)));
        }
        let course = self.read(&(scheduled.team.clone(), last.run)).await?;
        Ok(match course {
            Some(course) => course.run.ending().map(|_| course.last_ms),
            None => (now_ms().saturating_sub(last.due_ms) > LOST_MS).then_some(last.due_ms),
        })
    }

    async fn start_slot(&self, scheduled: &Scheduled, name: &str, (slot_ms, missed): (u64, u64)) -> Result<(), Fault> {
        let run = RunId::of_slot(&scheduled.team, &scheduled.bare, slot_ms);
        let start = RunStart { due_at: Some(timestamp(slot_ms)), missed, ..RunStart::default() };
        tracing::info!(run.id = %run, workflow = scheduled.workflow, missed, "a schedule starts a run");
        self.submit(scheduled, run, (start, Value::Null)).await.map_err(Fault::Publish)?;
        for _ in 0..RACES {
            let cell = self.bus.start_cell(name).await.map_err(Fault::Places)?;
            let Some(mut after) = progress(&cell) else { return Ok(()) };
            let is_current = after.version == scheduled.definition.version;
            if !is_current || !after.take(Started { run, due_ms: slot_ms }) {
                self.schedules.see(name.to_owned(), cell);
                return Ok(());
            }
            if self.write(name, &after, cell.revision).await? {
                return Ok(());
            }
        }
        Err(Fault::Raced)
    }

    async fn submit(&self, of: &Scheduled, run: RunId, (start, input): (RunStart, Value)) -> Result<(), PublishError> {
        // The input is the events that started it, or nothing.
        let class = class::of(input.as_array().into_iter().flatten().map(class::of_event).max().unwrap_or(0));
        let submitted = RunSubmitted {
            id: Some(run),
            team: Some(of.team.clone()),
            origin: Origin::Run,
            key: None,
            workflow: of.workflow.clone(),
            input,
            metadata: Map::new(),
            tags: Vec::new(),
            parent: None,
            idempotency_key: None,
            priority: None,
            start: Some(start),
            class,
        };
        self.bus.publish(&submitted, &Cause::root()).await.map(drop)
    }

    /// Writes down how far a schedule is. False when somebody wrote before.
    async fn write(&self, name: &str, after: &Progress, revision: u64) -> Result<bool, Fault> {
        let body = serde_json::to_vec(after).map_err(|error| Fault::Publish(PublishError::Encode(error)))?;
        let written = self.bus.set_start_cell(name, body.clone(), revision).await.map_err(Fault::Places)?;
        if let Some(revision) = written {
            self.schedules.see(name.to_owned(), Cell { body: body.into(), revision });
        }
        Ok(written.is_some())
    }

    /// Forgets how far schedules are of workflows that were taken away: if they come back they begin anew.
    async fn forget_schedules(&self) {
        let resources = self.resources.borrow().clone();
        let names = resources.workflows.keys().filter_map(|name| name.split(':').next());
        let stay: BTreeSet<String> = names.map(schedule::name).collect();
        let left: Vec<(String, u64)> = {
            let by_name = self.schedules.by_name.lock().unwrap_or_else(PoisonError::into_inner);
            let gone = by_name.iter().filter(|(name, _)| !stay.contains(*name));
            gone.map(|(name, cell)| (name.clone(), cell.revision)).collect()
        };
        for (name, revision) in left {
            // Whoever wrote before has forgotten it, or has seen it come back.
            if let Err(error) = self.bus.set_start_cell(&name, Vec::new(), revision).await {
                tracing::debug!(error = &error as &dyn std::error::Error, name, "a schedule is forgotten later");
            }
        }
    }

    /// Starts what an event starts.
    pub(crate) async fn happened(&self, team: &Team, happened: Happened) -> Outcome {
        let scheduled = self.scheduled();
        let of_team = scheduled.iter().filter(|of| of.team == *team && !of.definition.settings.paused);
        for of in of_team.filter(|of| schedule::awaited(&of.definition).is_some()) {
            if let Err(error) = self.hear_event(of, &happened).await {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(workflow = of.workflow, error, "an event starts nothing yet, trying again");
                return Outcome::Retry { after: super::RETRY };
            }
        }
        Outcome::Done
    }

    async fn hear_event(&self, of: &Scheduled, happened: &Happened) -> Result<(), Fault> {
        let name = schedule::name(&of.bare);
        for _ in 0..RACES {
            let cell = match self.schedules.known(&name) {
                Some(cell) => cell,
                None => self.bus.start_cell(&name).await.map_err(Fault::Places)?,
            };
            // Not followed yet, or only since after the event.
            let Some(before) = progress(&cell).filter(|known| known.known_since_ms <= happened.at_ms) else {
                return Ok(());
            };
            if schedule::awaited(&of.definition).is_some_and(schedule::is_single) {
                let heard = heard(of, Progress::default(), happened).await?;
                return self.start_by_event(of, heard.starting.as_ref()).await;
            }
            self.start_by_event(of, before.starting.as_ref()).await?;
            let after = heard(of, Progress { starting: None, ..before.clone() }, happened).await?;
            if after == before || self.write(&name, &after, cell.revision).await? {
                return self.start_by_event(of, after.starting.as_ref()).await;
            }
            let cell = self.bus.start_cell(&name).await.map_err(Fault::Places)?;
            self.schedules.see(name.clone(), cell);
        }
        Err(Fault::Raced)
    }

    async fn start_by_event(&self, of: &Scheduled, starting: Option<&Starting>) -> Result<(), Fault> {
        let Some(Starting { event, at_ms, hops, input }) = starting else { return Ok(()) };
        if *hops >= MAX_EVENT_HOPS {
            tracing::warn!(
                workflow = of.workflow,
                hops,
                "an event starts no run, because {MAX_EVENT_HOPS} runs started each other by events until it"
            );
            return Ok(());
        }
        let run = RunId::of_event(&of.team, &of.bare, event);
        let start = RunStart { due_at: Some(timestamp(*at_ms)), missed: 0, event: Some(event.clone()), hops: hops + 1 };
        self.submit(of, run, (start, input.clone())).await.map_err(Fault::Publish)
    }
}

/// The progress after an event. Its filters may be expressions, which may take their time.
async fn heard(of: &Scheduled, mut progress: Progress, happened: &Happened) -> Result<Progress, Fault> {
    let (definition, happened) = (Arc::clone(&of.definition), happened.clone());
    let hearing = tokio::task::spawn_blocking(move || {
        progress.hear(&definition, &happened);
        progress
    });
    hearing.await.map_err(|_| Fault::Crashed)
}
