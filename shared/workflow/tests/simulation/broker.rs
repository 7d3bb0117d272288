//! The world around one run: a log, what was asked for, and what is yet to be handed out.

use neptune_workflow::{
    definition::{Builtin, Definition, Function},
    run::{
        Action, Answer, Arrival, Change, Control, Doing, Event, Instance, Phase, Problem, Purpose, Record, Request,
        Run, Standard, Timer,
    },
};
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// Turns of the world in which anything may go wrong; after them nothing does any more.
const WILD_TURNS: u64 = 60;
/// Turns of the world after which a run should have ended.
const TURNS: u64 = 5_000;

/// A reproducible source of chance (splitmix64).
pub(crate) struct Chance(u64);

impl Chance {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x2545_f491_4f6c_dd1d) ^ 0x5851_f42d_4c95_7f2d)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut number = self.0;
        number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        number ^ (number >> 31)
    }

    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit.max(1)
    }

    fn in_a_hundred(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }
}

pub(crate) struct Broker<'a> {
    definition: &'a Definition,
    chance: Chance,
    now_ms: u64,
    turns: u64,
    log: Vec<Record>,
    /// Two engines: where each believes the run stands, and how much of the log it has read; none after a crash.
    engines: [Option<(Run, usize)>; 2],
    /// What an engine that was slow has yet to ask for.
    late: Vec<Action>,
    /// What is yet to be handed out.
    inbox: Vec<Event>,
    /// Everything that was asked for, by key: a second one changes nothing.
    asked: BTreeSet<String>,
    /// Calls without an answer.
    open_calls: BTreeMap<Instance, Arc<Request>>,
    /// Timers that did not fire.
    timers: BTreeMap<Timer, u64>,
    wishes: u64,
}

impl<'a> Broker<'a> {
    pub(crate) fn new(definition: &'a Definition, chance: Chance) -> Self {
        Self {
            definition,
            chance,
            now_ms: 1_000_000,
            turns: 0,
            log: Vec::new(),
            engines: [None, None],
            late: Vec::new(),
            inbox: vec![Event::Started { run: "run".to_owned(), input: json!({"items": [1, 2, 3], "n": 0}) }],
            asked: BTreeSet::new(),
            open_calls: BTreeMap::new(),
            timers: BTreeMap::new(),
            wishes: 0,
        }
    }

    /// Goes on until nothing is left to happen, and checks what became of it.
    pub(crate) fn play(&mut self) -> Result<(&'static str, usize), String> {
        while self.turns < TURNS {
            self.turns += 1;
            if self.is_wild() && self.chance.in_a_hundred(8) {
                self.wish();
            }
            if !self.late.is_empty() && self.chance.in_a_hundred(20) {
                let action = self.late.remove(0);
                self.perform(action);
            }
            let may_answer = !self.open_calls.is_empty();
            match self.chance.below(3) {
                0 if may_answer => self.answer(),
                1 if self.may_pass() && self.chance.in_a_hundred(50) => self.let_time_pass(),
                _ if !self.inbox.is_empty() => self.hand_out()?,
                _ if may_answer => self.answer(),
                _ if !self.timers.is_empty() => {
                    self.waits_for_something()?;
                    self.let_time_pass();
                }
                _ if self.is_paused() => self.control(Control::Resume),
                _ => return self.verdict(),
            }
        }
        Err(format!("it goes on for ever: {:?}", self.loaded().phase))
    }

    fn is_wild(&self) -> bool {
        self.turns < WILD_TURNS
    }

    fn loaded(&self) -> Run {
        Run::of(&self.log)
    }

    fn is_paused(&self) -> bool {
        !self.log.is_empty() && self.loaded().is_paused
    }

    /// Hands out something to one of the engines, and what comes of that.
    fn hand_out(&mut self) -> Result<(), String> {
        let index = self.chance.below(self.inbox.len() as u64) as usize;
        let event = self.inbox[index].clone();
        let engine = self.chance.below(8) as usize / 7;
        let (mut run, read) = match self.engines[engine].take() {
            Some(known) => known,
            None => (self.recover(), self.log.len()),
        };
        let arrival = Arrival { event, now_ms: self.now_ms, chance: self.chance.next() };
        let decision = run.decide(self.definition, &arrival);
        let is_wild = self.is_wild();
        let mut goes_wrong = |percent| is_wild && self.chance.in_a_hundred(percent);
        if goes_wrong(8) {
            // The engine dies with what it decided; the event comes again.
            return Ok(());
        }
        if read != self.log.len() {
            // The other engine stored something since: the log takes nothing from this one, which reads it anew.
            return Ok(());
        }
        if !decision.record.changes.is_empty() {
            self.log.push(decision.record);
        }
        if goes_wrong(8) {
            // It dies before it did what is stored.
            return Ok(());
        }
        let (forgets_to_say_so, is_slow, dies) = (goes_wrong(10), goes_wrong(10), goes_wrong(8));
        if is_slow {
            // The event comes again, to somebody who reads the log meanwhile.
            self.late.extend(decision.actions);
            return Ok(());
        }
        decision.actions.into_iter().for_each(|action| self.perform(action));
        if dies {
            return Ok(());
        }
        if self.log.len() > 1 && self.turns.is_multiple_of(16) && self.loaded() != run {
            return Err("the log makes another run than the decisions".to_owned());
        }
        self.engines[engine] = Some((run, self.log.len()));
        if !forgets_to_say_so {
            self.inbox.swap_remove(index);
        }
        Ok(())
    }

    /// What an engine does that knows nothing but the log.
    fn recover(&mut self) -> Run {
        let Some((last, before)) = self.log.split_last() else { return Run::default() };
        let mut run = Run::of(before);
        let mut actions = run.replay(last);
        actions.extend(run.outstanding());
        actions.into_iter().for_each(|action| self.perform(action));
        run
    }

    fn perform(&mut self, action: Action) {
        let is_new = self.asked.insert(action.key());
        match action {
            Action::Call { instance, request } if is_new && request.is_awaited => {
                self.open_calls.insert(instance, request);
            }
            Action::SetTimer { timer, due_ms } if is_new => {
                self.timers.insert(timer, due_ms);
            }
            // Not every timer is cleared in time, nor every call given up.
            Action::ClearTimer { timer } if self.chance.in_a_hundred(70) => {
                self.timers.remove(&timer);
            }
            Action::Abort { instance } if self.chance.in_a_hundred(70) => {
                self.open_calls.remove(&instance);
            }
            _ => {}
        }
    }

    /// A call is answered, once; the answer may be handed out twice.
    fn answer(&mut self) {
        let index = self.chance.below(self.open_calls.len() as u64) as usize;
        let (instance, request) = self.open_calls.iter().nth(index).map(|(at, one)| (*at, Arc::clone(one))).unwrap();
        self.open_calls.remove(&instance);
        let communication = |status| Problem::new(Standard::Communication, "down").with_status(status, "Down");
        let mut answer = match self.chance.below(40) {
            0..=33 => Answer::output(json!({"n": self.chance.below(5), "ok": true})),
            34..=36 => Answer::problem(communication(503)),
            37 => Answer::problem(communication(404)),
            38 => Answer::problem(Problem::new(Standard::Validation, "odd")),
            _ => Answer::output(Value::Null),
        };
        if request.function == Function::Builtin(Builtin::Model) {
            answer.cost_pico_usd = self.chance.below(1_000_000_000) as i64;
        }
        self.inbox.push(Event::Answered { instance, answer });
    }

    /// Where nothing but the end of its time can happen to a run, every task of it must wait for events, or for
    /// somebody to resume it.
    fn waits_for_something(&self) -> Result<(), String> {
        let run = self.loaded();
        if run.is_paused || run.ending().is_some() || self.timers.keys().any(|timer| !is_limit(timer)) {
            return Ok(());
        }
        let parents: BTreeSet<Instance> = run.frames.values().filter_map(|frame| frame.parent).collect();
        let mut leaves = run.frames.iter().filter(|(instance, _)| !parents.contains(instance));
        match leaves.find(|(_, frame)| !matches!(frame.doing, Doing::Listen(_))) {
            Some((instance, frame)) => Err(format!("task {instance} waits for nothing: {:?}", frame.doing)),
            None => Ok(()),
        }
    }

    /// Whether time may pass while other things could happen: the end of the run's time seldom comes before.
    fn may_pass(&mut self) -> bool {
        let is_seldom = self.chance.in_a_hundred(3);
        self.timers.keys().any(|timer| is_seldom || !is_limit(timer))
    }

    /// The nearest timer fires.
    fn let_time_pass(&mut self) {
        let others = self.timers.iter().filter(|(timer, _)| !is_limit(timer));
        let next = others.min_by_key(|(timer, due_ms)| (**due_ms, **timer)).or_else(|| self.timers.iter().next());
        let (timer, due_ms) = next.map(|(timer, due_ms)| (*timer, *due_ms)).unwrap();
        self.now_ms = self.now_ms.max(due_ms);
        self.timers.remove(&timer);
        self.inbox.push(Event::TimerFired(timer));
    }

    /// Somebody wants something, or sends something.
    fn wish(&mut self) {
        match self.chance.below(12) {
            0 => self.control(Control::Cancel { reason: "enough".to_owned() }),
            1 | 2 => self.control(Control::Pause),
            3 | 4 => self.control(Control::Resume),
            5 => self.control(Control::Retry),
            other => {
                let kind = ["left", "right", "done"][other as usize % 3];
                self.wishes += 1;
                let event = json!({"type": kind, "data": {"n": self.chance.below(4)}});
                self.inbox.push(Event::Signalled { id: format!("s{}", self.wishes), event });
            }
        }
    }

    fn control(&mut self, control: Control) {
        self.wishes += 1;
        self.inbox.push(Event::Controlled { id: format!("w{}", self.wishes), control });
    }

    /// Checks a run to which nothing more can happen.
    fn verdict(&mut self) -> Result<(&'static str, usize), String> {
        let run = self.loaded();
        let Phase::Ended(ending) = &run.phase else {
            return Err(format!("nothing is left to happen, and the run is {:?}: {:?}", run.phase, run.frames));
        };
        let is_up_to_date = |engine: &&(Run, usize)| engine.1 == self.log.len();
        if self.engines.iter().flatten().filter(is_up_to_date).any(|(engine, _)| *engine != run) {
            return Err("the log makes another run than the decisions".to_owned());
        }
        self.once()?;
        self.nothing_is_lost()?;
        if self.turns.is_multiple_of(8) {
            let text = serde_json::to_string(&self.log).unwrap();
            let log: Vec<Record> = serde_json::from_str(&text).unwrap();
            if Run::of(&log) != run {
                return Err("the log as JSON makes another run".to_owned());
            }
        }
        Ok((ending.name(), self.log.len()))
    }

    /// Every task is begun once, answered once and ended once.
    fn once(&self) -> Result<(), String> {
        let (mut entered, mut answered, mut left) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        for change in self.log.iter().flat_map(|record| &record.changes) {
            let is_first = match change {
                Change::Entered(one) => entered.insert(one.instance),
                Change::Answered { instance, .. } => answered.insert(*instance),
                Change::Left { instance, .. } => left.insert(*instance) && entered.contains(instance),
                _ => true,
            };
            if !is_first {
                return Err(format!("twice: {change:?}"));
            }
        }
        Ok(())
    }

    /// Everything that the log asks for was asked for, and nothing else was.
    fn nothing_is_lost(&self) -> Result<(), String> {
        let (mut run, mut wanted) = (Run::default(), BTreeSet::new());
        for record in &self.log {
            wanted.extend(run.replay(record).iter().map(Action::key));
        }
        let calls = run.frames.values().filter(|frame| matches!(frame.doing, Doing::Call(_))).count();
        if self.asked == wanted {
            return Ok(());
        }
        let lost: Vec<_> = wanted.difference(&self.asked).collect();
        let made_up: Vec<_> = self.asked.difference(&wanted).collect();
        Err(format!("lost {lost:?}, made up {made_up:?}, {calls} calls open"))
    }
}

/// The end of the run's time.
fn is_limit(timer: &Timer) -> bool {
    timer.instance == 0 && timer.purpose == Purpose::Limit
}
