//! Carrying a run on: decide about what came, append to the log, ask for what follows.

use super::{
    RETRY, Runs, definitions,
    mailbox::{Item, Key, Mailbox},
};
use crate::domain::run::{
    course::{Course, Decided, Heard},
    deeds,
    depth::{self, MOST_OF_RECORD},
    event, weight,
};
use futures::FutureExt as _;
use neptune_bus::{Append, BusError, LogEntry, PublishError};
use neptune_contracts::{
    Timestamp,
    run::log::{RunLogged, RunMadeOf},
};
use neptune_workflow::{expression::meter, run::Instance};
use serde_json::Value;
use std::{collections::BTreeSet, panic::AssertUnwindSafe, sync::Arc, time::Duration};
use uuid::Uuid;

/// So often somebody else may append first before the messages are handed out again.
const RACES: u32 = 32;
/// What comes to a run that is not there yet is handed out again so often: its beginning may only be late. Whoever was
/// to begin it may have died, and so may the next one, each of whom costs ten seconds.
const EARLY: u64 = 40;
/// How often of that it is soon.
const EARLY_SOON: u64 = 20;
/// The pause from then on.
const EARLY_PAUSE: Duration = Duration::from_secs(5);

/// Steps of expressions, of an unoptimised build some two milliseconds, that are not worth another thread: handing over
/// and back costs more than most decisions.
const AT_ONCE_STEPS: u64 = 2_000;
/// What comes to a run together, and tasks of it that are being done, so that a decision may be small.
const FEW: usize = 64;

/// What became of what came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Carried {
    /// What follows is stored and asked for.
    On,
    /// It has to be handed out again after this time.
    Later(Duration),
    /// The run is put aside, for this reason, and so is what came to it.
    Aside(String),
}

/// Why a run could not be carried on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fault {
    /// The log could not be read.
    #[error("the log of a run could not be read")]
    Read(#[source] BusError),
    /// A message of the log is none.
    #[error("the log of a run has a record that is none")]
    Record(#[source] serde_json::Error),
    /// The first message of the log says not what the run is made of.
    #[error("the first message of a run's log says not what the run is made of")]
    Headless,
    /// Something was not stored.
    #[error("what a run asks for was not stored")]
    Publish(#[source] PublishError),
    /// The places under a limit could not be read or written.
    #[error("the places under a limit of runs at once could not be read or written")]
    Places(#[source] BusError),
    /// What was decided could not be read again.
    #[error("what was decided nests values more than {MOST_OF_RECORD} levels deep, which is the limit")]
    TooDeep,
    /// The decision crashed.
    #[error("the decision about a run crashed")]
    Crashed,
    /// Others appended first too often.
    #[error("others append to the run all the time")]
    Raced,
}

impl Fault {
    /// Whether it will be the same at the next try, unless somebody reads the log otherwise.
    pub(crate) fn is_lasting(&self) -> bool {
        match self {
            Self::Read(error) => error.is_unreadable(),
            Self::Record(_) | Self::Headless | Self::Crashed | Self::TooDeep => true,
            Self::Publish(_) | Self::Places(_) | Self::Raced => false,
        }
    }
}

impl Runs {
    pub(super) async fn carry(&self, key: &Key, mailbox: &Mailbox, items: Vec<Item>) -> Carried {
        let mut known = mailbox.course.lock().await;
        let tries = items.iter().map(|item| item.delivered).max().unwrap_or(1);
        let suspect = match self.suspect(key, tries).await {
            Ok(suspect) => suspect,
            Err(error) => {
                tracing::warn!(run.id = %key.1, error = &error as &dyn std::error::Error, "cannot see whether a run kills");
                return Carried::Later(RETRY);
            }
        };
        let carried = match suspect {
            Some(deaths) => self.deadly(key, deaths).await,
            None => None,
        };
        let carried = match carried {
            Some(carried) => {
                *known = None;
                carried
            }
            None => self.carry_or_fail(key, &mut known, &items, tries).await,
        };
        if suspect.is_some() {
            self.cleared(key).await;
        }
        self.weigh(key, mailbox, known.as_ref());
        carried
    }

    async fn carry_or_fail(&self, key: &Key, known: &mut Option<Course>, items: &[Item], tries: u64) -> Carried {
        match self.attempt(key, known, items).await {
            Ok(true) => Carried::On,
            // Nobody that is not there yet listens.
            Ok(false) if items.iter().all(|item| matches!(item.heard, Heard::Event { .. })) => Carried::On,
            Ok(false) if tries < EARLY => Carried::Later(if tries < EARLY_SOON { RETRY } else { EARLY_PAUSE }),
            Ok(false) => {
                let waits = items.len();
                tracing::warn!(run.id = %key.1, team = %key.0, waits, "nothing is known of a run that something came to");
                Carried::On
            }
            Err(fault) => {
                *known = None;
                Box::pin(self.failed(key, items, fault, tries)).await
            }
        }
    }

    /// Carries a run on, and outlives it when that crashes. False when nothing is known of the run.
    pub(super) async fn attempt(&self, key: &Key, known: &mut Option<Course>, items: &[Item]) -> Result<bool, Fault> {
        // Pinned once: each layer around it would hold it twice.
        let carrying = Box::pin(AssertUnwindSafe(self.carry_on(key, known, items)).catch_unwind());
        carrying.await.unwrap_or(Err(Fault::Crashed))
    }

    async fn carry_on(&self, key: &Key, known: &mut Option<Course>, items: &[Item]) -> Result<bool, Fault> {
        let heard: Arc<Vec<Heard>> = Arc::new(items.iter().map(|item| item.heard.clone()).collect());
        let causes: Vec<String> = heard.iter().map(Heard::cause).collect();
        // Somebody may have appended what follows, and died before it was asked for.
        let mut is_again = items.iter().any(|item| item.delivered > 1);
        let (mut is_newest, mut is_read) = (false, false);
        for _ in 0..RACES {
            let course = match known.take() {
                Some(course) => course,
                None => match self.load(key, items).await? {
                    Some(course) => {
                        is_read = course.sequence > 0;
                        course
                    }
                    None => return Ok(false),
                },
            };
            let (course, mut decided) = decide(course, Arc::clone(&heard)).await?;
            is_again |= decided.is_repeated;
            if decided.records.is_empty() {
                // What is known may be too old to know what came.
                let mut course = course;
                let found = if is_newest { 0 } else { self.catch_up(&mut course).await? };
                if found > 0 {
                    *known = Some(course);
                    continue;
                }
                if is_again {
                    self.perform(&course, deeds::settled(course.again(&causes)), is_again).await?;
                }
                if is_read {
                    self.tell_after_aside(&course).await?;
                }
                self.keep(key, known, course);
                return Ok(true);
            }
            if event::may_listen(&decided.records) {
                self.note_listening(&course, &decided.course).await?;
            }
            match self.append(&course, &mut decided).await? {
                Append::Stored(_) => {
                    let Decided { course: mut next, deeds: mut wanted, .. } = decided;
                    if is_again {
                        wanted.extend(next.again(&causes));
                    }
                    let timers_before = self.perform(&next, deeds::settled(wanted), is_again).await?;
                    next.timers_before = next.timers_before.map(|before| before.max(timers_before));
                    if is_read {
                        self.tell_after_aside(&next).await?;
                    }
                    self.keep(key, known, next);
                    return Ok(true);
                }
                Append::Refused => {
                    let mut course = course;
                    // A run that was about to begin is begun already.
                    *known = if course.sequence == 0 {
                        None
                    } else {
                        self.catch_up(&mut course).await?;
                        Some(course)
                    };
                    (is_again, is_newest) = (true, true);
                }
            }
        }
        Err(Fault::Raced)
    }

    /// Whether a run waits for the answer of a call; not when there is no such run.
    pub(crate) async fn waits_for(&self, key: &Key, instance: Instance) -> Result<bool, Fault> {
        let mailbox = self.mailboxes.of(key);
        let mut known = mailbox.course.lock().await;
        let course = match known.take() {
            Some(mut course) => {
                self.catch_up(&mut course).await?;
                course
            }
            None => match self.read(key).await? {
                Some(course) => course,
                None => return Ok(false),
            },
        };
        let waits = course.waits_for(instance);
        self.keep(key, &mut known, course);
        self.weigh(key, &mailbox, known.as_ref());
        Ok(waits)
    }

    /// Keeps a run in memory while it goes on.
    fn keep(&self, key: &Key, known: &mut Option<Course>, course: Course) {
        if course.run.ending().is_some() {
            self.mailboxes.forget(key);
        } else {
            *known = Some(course);
        }
    }

    fn weigh(&self, key: &Key, mailbox: &Mailbox, known: Option<&Course>) {
        self.mailboxes.weigh(key, mailbox, known.map_or(0, |course| course.weight));
    }

    /// The run of a log; a new one when there is none and one is to begin.
    async fn load(&self, key: &Key, items: &[Item]) -> Result<Option<Course>, Fault> {
        if let Some(course) = self.read(key).await? {
            return Ok(Some(course));
        }
        let begins = items.iter().find_map(|item| item.made_of.clone());
        Ok(begins.map(|made_of| {
            let definition = self.definitions.of(&made_of).map_err(Arc::from);
            Course::new(key.1, key.0.clone(), made_of, definition)
        }))
    }

    /// The run of a log, if there is one.
    pub(crate) async fn read(&self, key: &Key) -> Result<Option<Course>, Fault> {
        let entries = self.bus.run_log(Some(&key.0), key.1, 0).await.map_err(Fault::Read)?;
        self.replayed(key, entries)
    }

    /// The run that the messages of a log make.
    pub(crate) fn replayed(&self, key: &Key, mut entries: Vec<LogEntry>) -> Result<Option<Course>, Fault> {
        let Some(first) = entries.first_mut() else { return Ok(None) };
        let mut made_of = *first.logged.made_of.take().ok_or(Fault::Headless)?;
        let definition = self.definitions.of(&made_of).map_err(Arc::from);
        made_of.definition = Value::Null;
        let mut course = Course::new(key.1, key.0.clone(), Arc::new(made_of), definition);
        take(&mut course, entries)?;
        Ok(Some(course))
    }

    /// Takes in what others have appended, and returns how many messages that were.
    async fn catch_up(&self, course: &mut Course) -> Result<usize, Fault> {
        let entries = self.bus.run_log(Some(&course.team), course.id, course.sequence).await.map_err(Fault::Read)?;
        let found = entries.len();
        take(course, entries)?;
        Ok(found)
    }

    /// Notes what a run begins to listen to, before its log says that it does: an event that comes after that finds it.
    async fn note_listening(&self, before: &Course, after: &Course) -> Result<(), Fault> {
        let known = if before.turn == after.turn { event::kinds(before) } else { BTreeSet::new() };
        for kind in event::kinds(after).difference(&known) {
            let noted = self.bus.note_listener(&after.team, (after.id, after.turn), kind).await;
            noted.map_err(Fault::Publish)?;
        }
        Ok(())
    }

    /// Appends what was decided; when it is stored, the run knows under which sequence.
    async fn append(&self, before: &Course, decided: &mut Decided) -> Result<Append, Fault> {
        let encode = |error| Fault::Publish(PublishError::Encode(error));
        let records: Vec<Value> =
            decided.records.iter().map(serde_json::to_value).collect::<Result<_, _>>().map_err(encode)?;
        if records.iter().any(|record| depth::is_deeper(record, MOST_OF_RECORD)) {
            return Err(Fault::TooDeep);
        }
        decided.course.weight += records.iter().map(weight::of).sum::<usize>();
        let mut logged = RunLogged {
            id: Uuid::new_v4().simple().to_string(),
            run: before.id,
            team: before.team.clone(),
            made_of: (before.sequence == 0).then(|| Box::new(before.made_of.as_ref().clone())),
            causes: decided.causes.clone(),
            records,
        };
        let appended = self.bus.append_log(&logged, before.sequence).await.map_err(Fault::Publish)?;
        if let Append::Stored(sequence) = appended {
            decided.course.sequence = sequence;
            if let Some(made_of) = logged.made_of.take() {
                decided.course.made_of = Arc::new(RunMadeOf { definition: Value::Null, ..*made_of });
            }
        }
        Ok(appended)
    }
}

/// Takes in messages of a log, and outlives it when one crashes its reader.
fn take(course: &mut Course, entries: Vec<LogEntry>) -> Result<(), Fault> {
    let taking = AssertUnwindSafe(|| {
        entries.into_iter().try_for_each(|LogEntry { sequence, logged }| {
            course.take(sequence, logged.causes, logged.records).map_err(Fault::Record)
        })
    });
    std::panic::catch_unwind(taking).unwrap_or(Err(Fault::Crashed))
}

/// Decides: at once where that takes no more than a moment, else beside the thread that serves the others.
async fn decide(course: Course, heard: Arc<Vec<Heard>>) -> Result<(Course, Decided), Fault> {
    let now_ms = u64::try_from(Timestamp::now().unix_micros() / 1_000).unwrap_or(0);
    let chance = Uuid::new_v4().as_u64_pair().0;
    if heard.len() <= FEW && course.run.frames.len() <= FEW {
        let deciding = || meter::with_allowance(AT_ONCE_STEPS, || course.decide(&heard, now_ms, chance));
        let decided = std::panic::catch_unwind(AssertUnwindSafe(deciding)).map_err(|_| Fault::Crashed)?;
        if let Some(decided) = decided {
            return Ok((course, decided));
        }
    }
    let deciding = tokio::task::spawn_blocking(move || {
        let decided = course.decide(&heard, now_ms, chance);
        (course, decided)
    });
    deciding.await.map_err(|_| Fault::Crashed)
}

/// What a run is made of.
#[must_use]
pub(crate) fn made_of(workflow: &str, definition: &Value, of: impl FnOnce(&mut RunMadeOf)) -> RunMadeOf {
    let sha256 = definitions::sha256(definition);
    let mut made_of = RunMadeOf::new(workflow.to_owned(), definition.clone(), sha256, Timestamp::now());
    of(&mut made_of);
    made_of
}
