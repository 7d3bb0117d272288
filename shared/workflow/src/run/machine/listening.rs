//! Tasks that wait for events.

use super::{Change, Doing, Event, Instance, Machine, Output, Problem, SIGNALS, SIGNALS_PER_RUN, Work};
use crate::{
    definition::{Action, Consumption, Listen, Mode, Step, Until},
    run::{
        correlation::{self, Fit, are_all, read},
        state::{Listening, Sensitivity},
    },
};
use serde_json::Value;
use std::{collections::BTreeSet, sync::Arc};

impl<'a> Machine<'a> {
    /// An event comes: every task that waits for it hears it; without one it is kept.
    pub(super) fn signal(&mut self, id: &str, event: &Value, sensitivity: Sensitivity) {
        if self.run.seen.contains(id) || self.run.seen.len() >= SIGNALS_PER_RUN {
            return;
        }
        self.push(Change::Seen { id: id.to_owned(), sensitivity });
        if !self.hear_all(event, None) {
            if self.run.signals.len() >= SIGNALS {
                self.push(Change::Unbuffered { index: 0 });
            }
            self.push(Change::Buffered { event: Arc::new(event.clone()) });
        }
    }

    /// An event comes that is for whoever listens now: of one that nobody here wants nothing is kept.
    pub(super) fn published(
        &mut self,
        id: &str,
        event: &Value,
        (sensitivity, emitted_by): (Sensitivity, Option<Instance>),
    ) {
        if self.run.seen.contains(id) || self.run.seen.len() >= SIGNALS_PER_RUN {
            return;
        }
        if self.hear_all(event, emitted_by) {
            self.push(Change::Seen { id: id.to_owned(), sensitivity });
        }
    }

    /// Whether any task that listens wants an event, of those that began before `emitted_by`; each that does has it.
    fn hear_all(&mut self, event: &Value, emitted_by: Option<Instance>) -> bool {
        let is_early = |instance: Instance| emitted_by.is_none_or(|emitted_by| instance < emitted_by);
        let listens = |(instance, frame): (&Instance, &super::Frame)| {
            (matches!(frame.doing, Doing::Listen(_)) && is_early(*instance)).then_some(*instance)
        };
        let listeners: Vec<Instance> = self.run.frames.iter().filter_map(listens).collect();
        let mut is_heard = false;
        for instance in listeners {
            is_heard |= self.hear(instance, event);
        }
        is_heard
    }

    pub(super) fn hold(&mut self, event: &Event) {
        if !self.run.held.contains(event) {
            self.push(Change::Held { event: Box::new(event.clone()) });
        }
    }

    /// Begins to listen: first to what came before.
    pub(super) fn listen(&mut self, instance: Instance) {
        let Some(listen) = self.listen_of(instance) else { return };
        if listen.to.mode == Mode::All && listen.to.filters.is_empty() {
            self.push(Change::Heard { instance, event: None, filter: None, agreed: Vec::new(), is_enough: true });
            return self.work.push(Work::Advance { instance });
        }
        let mut index = 0;
        while let Some(event) = self.run.signals.get(index).cloned() {
            if self.hear(instance, &event) {
                self.push(Change::Unbuffered { index });
            } else {
                index += 1;
            }
        }
    }

    fn listen_of(&self, instance: Instance) -> Option<&'a Listen> {
        match self.step(instance) {
            Some(Step { action: Action::Listen(listen), .. }) => Some(listen),
            _ => None,
        }
    }

    fn listening(&self, instance: Instance) -> Option<&Listening> {
        match &self.run.frames.get(&instance)?.doing {
            Doing::Listen(listening) => Some(listening),
            _ => None,
        }
    }

    /// Whether a task that listens wants an event; if so it has it.
    fn hear(&mut self, instance: Instance, event: &Value) -> bool {
        let (Some(listen), Some(listening)) = (self.listen_of(instance), self.listening(instance)) else {
            return false;
        };
        if listening.is_enough {
            return false;
        }
        let to = &listen.to;
        let Some((filter, agreed)) = self.fit(instance, to, &listening.fitted, event) else {
            return self.hear_until(instance, to, event);
        };
        let event = Arc::new(read(listen.read, event));
        let mut heard = listening.heard.clone();
        heard.push(Arc::clone(&event));
        let is_enough = match (&to.until, to.mode) {
            (Some(Until::Holds(_)), _) => self.until_holds(instance, to, &heard),
            (Some(Until::Events(_)), _) => Ok(false),
            (None, Mode::One | Mode::Any) => Ok(true),
            (None, Mode::All) => Ok(are_all(to, &listening.fitted, filter)),
        };
        let is_enough = is_enough.unwrap_or_else(|problem| {
            self.work.push(Work::Fail { instance, problem });
            false
        });
        self.push(Change::Heard { instance, event: Some(event), filter, agreed, is_enough });
        self.work.push(Work::Advance { instance });
        true
    }

    /// Whether an event is one that ends the listening.
    fn hear_until(&mut self, instance: Instance, to: &Consumption, event: &Value) -> bool {
        let (Some(Until::Events(until)), Some(listening)) = (&to.until, self.listening(instance)) else { return false };
        let Some((filter, agreed)) = self.fit(instance, until, &listening.until_fitted, event) else { return false };
        let is_enough = until.mode != Mode::All || are_all(until, &listening.until_fitted, filter);
        self.push(Change::Heard { instance, event: None, filter, agreed, is_enough });
        self.work.push(Work::Advance { instance });
        true
    }

    fn until_holds(&self, instance: Instance, to: &Consumption, heard: &[Arc<Value>]) -> Result<bool, Problem> {
        let Some(Until::Holds(until)) = &to.until else { return Ok(false) };
        let heard = heard.iter().map(|event| event.as_ref().clone()).collect();
        self.scope(instance).holds(until, &heard)
    }

    /// Begins the tasks about the next event, or ends the task if no more is wanted.
    pub(super) fn advance_listening(&mut self, instance: Instance) {
        let (Some(listen), Some(listening)) = (self.listen_of(instance), self.listening(instance)) else { return };
        let Some(foreach) = &listen.foreach else {
            if listening.is_enough {
                let heard = listening.heard.iter().map(|event| event.as_ref().clone()).collect();
                self.work.push(Work::Finish { instance, output: Output::Value(Arc::new(heard)), then: None });
            }
            return;
        };
        if listening.begun > listening.results.len() {
            return;
        }
        if let Some(event) = listening.heard.get(listening.begun).cloned() {
            let slot = listening.begun;
            let variables =
                vec![(foreach.item.clone(), Arc::clone(&event)), (foreach.at.clone(), Arc::new(Value::from(slot)))];
            let Some(at) = self.run.frames.get(&instance).map(|frame| frame.at) else { return };
            return self.enter_inner(instance, slot, at, variables, Some(event));
        }
        let is_enough = match listening.is_enough {
            true => Ok(true),
            // The tasks may have changed what it looks at.
            false if !listening.heard.is_empty() => self.until_holds(instance, &listen.to, &listening.heard),
            false => Ok(false),
        };
        match is_enough {
            Ok(true) => {
                let results = listening.results.iter().map(|result| result.as_ref().clone()).collect();
                self.work.push(Work::Finish { instance, output: Output::Value(Arc::new(results)), then: None });
            }
            Ok(false) => {}
            Err(problem) => self.work.push(Work::Fail { instance, problem }),
        }
    }

    fn fit(&self, instance: Instance, to: &Consumption, fitted: &BTreeSet<usize>, event: &Value) -> Option<Fit> {
        let listening = self.listening(instance)?;
        correlation::fit(&self.scope(instance), to, fitted, &listening.agreed, event)
    }
}
