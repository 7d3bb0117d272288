//! A run as far as it is known here: made of the messages of its log, and of what is decided about what comes.

use super::{
    approval, class,
    deeds::{self, Deed},
    depth, model, notify, timer, weight,
};
use neptune_contracts::{
    delivery::DeliveryFinished,
    finished::TaskFinished,
    ids::RunId,
    names::{DataClass, Team},
    run::{
        changed::RunState,
        input::{RunInput, RunWish},
        log::RunMadeOf,
    },
};
use neptune_workflow::{
    definition::{self, Definition},
    run::{
        Action, Answer, Arrival, Change, Control, Ending, Event, Instance, Phase, Problem, Record, Request, Run,
        Standard,
    },
};
use serde_json::Value;
use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

/// Messages of the log of which it is remembered what they asked for besides what the run waits for.
const REMEMBERED: usize = 1_024;
/// Messages of the log of which it is remembered what they were about: more than are appended in the moment that a
/// broker which is killed may forget.
const RECENT: usize = 64;

/// A run as far as it is known here.
#[derive(Clone, Debug)]
pub struct Course {
    /// Its id.
    pub id: RunId,
    /// Whose it is.
    pub team: Team,
    /// What it was made of; once that stands in the log, without the text of its definition, which is large.
    pub made_of: Arc<RunMadeOf>,
    /// Its definition; why it cannot be run any more, when it was stored by an earlier reader of the language that
    /// took what this one refuses.
    pub definition: Result<Arc<Definition>, Arc<str>>,
    /// Where it stands.
    pub run: Run,
    /// The sequence of the last message of its log; 0 before there is one.
    pub sequence: u64,
    /// Counts its ends: this one, or the next one, from 1.
    pub turn: u32,
    /// Counts the changes of its state, its ends among them.
    pub changes: u32,
    /// When was decided last, in milliseconds since 1970.
    pub last_ms: u64,
    /// All timers that it has set are stored before this sequence; none when others may have set some.
    pub timers_before: Option<u64>,
    /// About how many bytes what is known of it takes.
    pub weight: usize,
    /// Calls that are not answered.
    pub asked: BTreeMap<Instance, Arc<Request>>,
    /// What the last messages of the log were about.
    recent: VecDeque<Arc<Vec<String>>>,
    /// What messages of the log asked for that nothing in the run says later, by what they were about.
    asides: VecDeque<(Vec<String>, Vec<Deed>)>,
}

/// What came to a run.
#[derive(Debug, Clone)]
pub enum Heard {
    /// It is to begin.
    Start {
        /// Its input.
        input: Value,
        /// How sensitive that is, where somebody says so.
        class: Option<DataClass>,
    },
    /// It waited for a place, and has one.
    Admitted {
        /// Which of its ends gives the place back, from 1.
        turn: u32,
    },
    /// The task of a step has ended.
    Task {
        /// The step.
        instance: Instance,
        /// The fact.
        fact: Box<TaskFinished>,
    },
    /// The delivery of a step has ended.
    Delivery {
        /// The step.
        instance: Instance,
        /// The fact.
        fact: Box<DeliveryFinished>,
    },
    /// The time of a timer has come.
    Fired {
        /// Its name.
        timer: String,
    },
    /// A signal, a wish, or the answer of a call.
    Input {
        /// Its id.
        id: String,
        /// What.
        wish: RunWish,
    },
    /// An event was published for whoever listens.
    Event {
        /// Its name.
        id: String,
        /// The event.
        event: Value,
        /// How sensitive it is.
        class: Option<DataClass>,
        /// The step that emitted it.
        emitted_by: Option<(RunId, Instance)>,
    },
    /// A call was made.
    Answered {
        /// The step.
        instance: Instance,
        /// What came of it.
        answer: Answer,
    },
    /// A call was answered before, and it may be that what follows was not asked for.
    Again {
        /// The step.
        instance: Instance,
    },
    /// It cannot be carried on.
    Broken {
        /// Why.
        detail: String,
    },
}

impl Heard {
    /// Its name among what comes to the run.
    #[must_use]
    pub fn cause(&self) -> String {
        match self {
            Self::Start { .. } => "start".to_owned(),
            Self::Admitted { turn } => format!("admitted {turn}"),
            Self::Task { instance, .. } => format!("task {instance}"),
            Self::Delivery { instance, .. } => format!("delivery {instance}"),
            Self::Fired { timer } => format!("timer {timer}"),
            Self::Input { id, .. } => format!("input {id}"),
            Self::Event { id, .. } => format!("event {id}"),
            // As if it had come as the input that it is where it cannot be taken at once.
            Self::Answered { instance, .. } | Self::Again { instance } => {
                format!("input {}", RunInput::answer_id(*instance))
            }
            Self::Broken { .. } => "broken".to_owned(),
        }
    }
}

/// What was decided.
#[derive(Debug)]
pub struct Decided {
    /// The run after it.
    pub course: Course,
    /// What changed; nothing when there is nothing to store.
    pub records: Vec<Record>,
    /// What it was about.
    pub causes: Vec<String>,
    /// What is asked for, once the records are stored.
    pub deeds: Vec<Deed>,
    /// Whether some of it was decided about before. Whoever did may have died before it asked for what follows, even
    /// though the broker knows nothing of that: one that was killed may have forgotten what it handed out last.
    pub is_repeated: bool,
}

impl Course {
    /// A run that did not begin.
    #[must_use]
    pub fn new(id: RunId, team: Team, made_of: Arc<RunMadeOf>, definition: Result<Arc<Definition>, Arc<str>>) -> Self {
        Self {
            id,
            team,
            made_of,
            definition,
            run: Run::default(),
            sequence: 0,
            turn: 1,
            changes: 0,
            last_ms: 0,
            timers_before: Some(0),
            weight: weight::RUN,
            asked: BTreeMap::new(),
            recent: VecDeque::new(),
            asides: VecDeque::new(),
        }
    }

    /// Whether the answer of a call is waited for, and did not come while the run was paused.
    #[must_use]
    pub fn waits_for(&self, instance: Instance) -> bool {
        let is_held = |event: &Event| matches!(event, Event::Answered { instance: held, .. } if *held == instance);
        self.asked.contains_key(&instance) && !self.run.held.iter().any(is_held)
    }

    /// Takes in a message of the log.
    ///
    /// # Errors
    /// A record is none.
    pub fn take(&mut self, sequence: u64, causes: Vec<String>, records: Vec<Value>) -> Result<(), serde_json::Error> {
        self.weight += records.iter().map(weight::of).sum::<usize>();
        let records: Vec<Record> = records.into_iter().map(serde_json::from_value).collect::<Result<_, _>>()?;
        let mut done = Vec::new();
        for record in &records {
            let actions = self.run.replay(record);
            done.extend(deeds::resolve(actions, &mut self.asked));
            done.extend(self.note(record));
        }
        self.sequence = sequence;
        self.timers_before = None;
        self.remember(causes, &done);
        Ok(())
    }

    /// Decides about what came, in its order.
    #[must_use]
    pub fn decide(&self, heard: &[Heard], now_ms: u64, chance: u64) -> Decided {
        let (records, causes, deeds) = (Vec::new(), Vec::new(), Vec::new());
        let mut decided = Decided { course: self.clone(), records, causes, deeds, is_repeated: false };
        for (index, heard) in heard.iter().enumerate() {
            let chance = chance.wrapping_add((index as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15));
            let cause = heard.cause();
            let Some((record, done)) = decided.course.hear(heard, now_ms, chance) else {
                decided.is_repeated |= self.recent.iter().any(|causes| causes.contains(&cause));
                continue;
            };
            decided.causes.push(cause);
            decided.deeds.extend(done);
            decided.records.push(record);
        }
        decided.course.remember(decided.causes.clone(), &decided.deeds);
        decided
    }

    fn hear(&mut self, heard: &Heard, now_ms: u64, chance: u64) -> Option<(Record, Vec<Deed>)> {
        let faulted = |standard, detail: &str| Ending::Faulted { problem: Problem::new(standard, detail) };
        let (record, actions) = match (heard, self.definition.clone()) {
            (Heard::Broken { detail }, _) => self.close(faulted(Standard::Runtime, detail), now_ms),
            // It never began, so there is nothing to undo.
            (Heard::Input { wish: RunWish::Cancel { reason }, .. }, _) if self.waits() => {
                self.close(Ending::Cancelled { reason: reason.clone() }, now_ms)
            }
            // Whatever comes: it cannot be carried on.
            (_, Err(detail)) => self.close(faulted(Standard::Configuration, &detail), now_ms),
            (_, Ok(definition)) => {
                let event = self.event(heard)?;
                let decision = self.run.decide(&definition, &Arrival { event, now_ms, chance });
                (decision.record, decision.actions)
            }
        };
        if record.changes.is_empty() {
            return None;
        }
        let mut done = deeds::resolve(actions, &mut self.asked);
        done.extend(self.note(&record));
        Some((record, done))
    }

    /// Ends the run without asking its definition; nothing changes when it has ended.
    fn close(&mut self, ending: Ending, now_ms: u64) -> (Record, Vec<Action>) {
        let is_over = self.run.ending().is_some();
        let changes = if is_over { Vec::new() } else { vec![Change::Ended { ending: Arc::new(ending) }] };
        let record = Record { at_ms: now_ms, changes };
        let actions = self.run.replay(&record);
        (record, actions)
    }

    /// Whether it waits for a place and did not begin.
    #[must_use]
    pub fn waits(&self) -> bool {
        self.sequence > 0 && self.run.phase == Phase::New
    }

    /// What the engine takes; nothing when it is about nothing that the run waits for.
    fn event(&self, heard: &Heard) -> Option<Event> {
        let answered = |instance, answer| Event::Answered { instance, answer: depth::storable(answer) };
        match heard {
            Heard::Start { input, class } => {
                let sensitivity = class.map_or(0, class::rank);
                Some(Event::Started { run: self.id.to_string(), input: input.clone(), sensitivity })
            }
            Heard::Admitted { turn: 1 } if self.run.phase == Phase::New => {
                let input = self.made_of.input.clone().unwrap_or_default();
                let sensitivity = self.made_of.class.map_or(0, class::rank);
                Some(Event::Started { run: self.id.to_string(), input, sensitivity })
            }
            // It failed, and waited for a place to be taken up again.
            Heard::Admitted { turn } => {
                let again = Event::Controlled { id: format!("admitted.{turn}"), control: Control::Retry };
                (*turn == self.turn + 1).then_some(again)
            }
            Heard::Task { instance, fact } => {
                let request = self.asked.get(instance)?;
                Some(answered(*instance, model::answer(request, fact)))
            }
            Heard::Delivery { instance, fact } => {
                let request = self.asked.get(instance)?;
                let answer = notify::answer(fact);
                // Of an approval only the message was delivered; the answer is still to come.
                let is_only_asked =
                    approval::is_one(request) && matches!(answer.outcome, neptune_workflow::run::Outcome::Output(_));
                (!is_only_asked).then(|| answered(*instance, answer))
            }
            Heard::Fired { timer } => timer::read(timer).map(Event::TimerFired),
            Heard::Input { id, wish } => self.wish(id, wish),
            Heard::Event { event, .. } if depth::is_deeper(event, depth::MOST) => None,
            Heard::Event { id, event, class, emitted_by } => Some(Event::Published {
                id: id.clone(),
                event: event.clone(),
                sensitivity: class.map_or(0, class::rank),
                emitted_by: emitted_by.filter(|(run, _)| *run == self.id).map(|(_, instance)| instance),
            }),
            Heard::Answered { instance, answer } => Some(answered(*instance, answer.clone())),
            Heard::Again { .. } | Heard::Broken { .. } => None,
        }
    }

    fn wish(&self, id: &str, wish: &RunWish) -> Option<Event> {
        let id = id.to_owned();
        let control = |control| Some(Event::Controlled { id: id.clone(), control });
        match wish {
            // It could not be stored, and a run is not faulted by what somebody sends it.
            RunWish::Signal { event } if depth::is_deeper(event, depth::MOST) => None,
            RunWish::Signal { event } => approval::answered(event, &self.asked).or_else(|| {
                let sensitivity = class::of_event(event);
                Some(Event::Signalled { id: id.clone(), event: event.clone(), sensitivity })
            }),
            RunWish::Cancel { reason } => control(Control::Cancel { reason: reason.clone() }),
            RunWish::Pause => control(Control::Pause),
            RunWish::Resume => control(Control::Resume),
            RunWish::Retry => control(Control::Retry),
            RunWish::Answered { instance, answer } => {
                let answer = serde_json::from_value(answer.clone()).unwrap_or_else(|fault| {
                    Answer::problem(Problem::new(Standard::Runtime, format!("the answer cannot be read: {fault}")))
                });
                Some(Event::Answered { instance: *instance, answer: depth::storable(answer) })
            }
            RunWish::Begun { .. } => None,
        }
    }

    /// Keeps what a record says besides the run's state, and returns what is told about it.
    fn note(&mut self, record: &Record) -> Vec<Deed> {
        let (mut told, mut ends) = (Vec::new(), 0);
        self.last_ms = self.last_ms.max(record.at_ms);
        for change in &record.changes {
            match change {
                Change::Answered { instance, .. } => {
                    self.asked.remove(instance);
                }
                Change::Retried { .. } => {
                    self.turn += 1;
                    told.push(RunState::Running);
                }
                Change::Began { .. } => told.push(RunState::Running),
                Change::Paused => told.push(RunState::Paused),
                Change::Resumed if matches!(self.run.phase, Phase::Compensating(_)) => {
                    told.push(RunState::Compensating);
                }
                Change::Resumed => told.push(RunState::Running),
                Change::Compensating { .. } => told.push(RunState::Compensating),
                Change::Ended { .. } => ends += 1,
                _ => {}
            }
        }
        let tell = |state| {
            self.changes += 1;
            Deed::Tell { state, change: self.changes, at_ms: record.at_ms }
        };
        let told = told.into_iter().map(tell).collect();
        self.changes += ends;
        told
    }

    fn remember(&mut self, causes: Vec<String>, done: &[Deed]) {
        if causes.is_empty() {
            return;
        }
        if self.recent.len() >= RECENT {
            self.recent.pop_front();
        }
        self.recent.push_back(Arc::new(causes.clone()));
        let asides: Vec<Deed> = done.iter().filter(|deed| deed.is_aside()).cloned().collect();
        if asides.is_empty() {
            return;
        }
        if self.asides.len() >= REMEMBERED {
            self.asides.pop_front();
        }
        self.asides.push_back((causes, asides));
    }

    /// Whether its definition has a step that listens to events.
    #[must_use]
    pub fn has_listened(&self) -> bool {
        let Ok(definition) = &self.definition else { return false };
        let parts = 0..=definition.parts.len();
        parts.flat_map(|part| definition.list(part)).any(|step| matches!(step.action, definition::Action::Listen(_)))
    }

    /// What may not have been asked for by whoever died over `causes`: all that the run waits for, and what they asked
    /// for besides.
    #[must_use]
    pub fn again(&self, causes: &[String]) -> Vec<Deed> {
        // The calls that the run waits for are known already; the others are not made again for it.
        let mut asked = BTreeMap::new();
        let mut deeds = deeds::resolve(self.run.outstanding(), &mut asked);
        let of_causes = self.asides.iter().filter(|(of, _)| of.iter().any(|cause| causes.contains(cause)));
        deeds.extend(of_causes.flat_map(|(_, deeds)| deeds.iter().cloned()));
        deeds
    }
}

#[cfg(test)]
mod tests;
