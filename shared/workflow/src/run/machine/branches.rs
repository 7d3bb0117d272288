//! Tasks at once, and for each item.

use super::{At, Change, Doing, Instance, Machine, Output, Problem, Role, Scope, Standard, Work};
use crate::{
    definition::{Action, Step, Template},
    run::change::Entered,
};
use serde_json::Value;
use std::{collections::BTreeMap, sync::Arc};

impl Machine<'_> {
    /// Begins every branch, the first one first.
    pub(super) fn fork(&mut self, instance: Instance, step: &Step, at: At, compete: bool) {
        let list = self.definition.list(at.part);
        let mut starts = Vec::new();
        let mut index = at.index + 1;
        while let Some(branch) = list.get(index).filter(|_| index < step.end) {
            starts.push(index);
            index = branch.end;
        }
        let doing = Doing::Fork { branches: starts.len(), compete, results: BTreeMap::new(), lost: 0 };
        self.push(Change::Became { instance, doing });
        if starts.is_empty() {
            let output = if compete { Output::Input } else { Output::Value(Arc::new(Value::Array(Vec::new()))) };
            return self.work.push(Work::Finish { instance, output, then: None });
        }
        for (slot, index) in starts.into_iter().enumerate().rev() {
            self.work.push(Work::Begin { parent: instance, slot, at: At { index, ..at }, raw: None });
        }
    }

    /// A branch left its output: the first one wins, or all are waited for.
    pub(super) fn branch_ended(&mut self, instance: Instance) {
        let Some(Doing::Fork { branches, compete, results, .. }) =
            self.run.frames.get(&instance).map(|frame| &frame.doing)
        else {
            return;
        };
        let compete = *compete;
        let output = match (compete, results.values().next()) {
            (true, Some(winner)) => Arc::clone(winner),
            (false, _) if results.len() == *branches => {
                Arc::new(results.values().map(|output| output.as_ref().clone()).collect())
            }
            _ => return,
        };
        if compete {
            self.push(Change::Emptied { instance });
        }
        self.work.push(Work::Finish { instance, output: Output::Value(output), then: None });
    }

    /// Begins a loop.
    pub(super) fn for_each(&mut self, instance: Instance, step: &Step, over: &Template) {
        let Some(frame) = self.run.frames.get(&instance) else { return };
        let items = match self.scope(instance).fill(over, &frame.input) {
            Ok(Value::Array(items)) => items,
            Ok(other) => {
                let found = other.to_string().chars().take(80).collect::<String>();
                let detail = format!("`in` is {found}, not a list; for what may be missing write `(.items // [])`");
                let problem = Problem::new(Standard::Expression, detail);
                return self.work.push(Work::Fail { instance, problem });
            }
            Err(problem) => return self.work.push(Work::Fail { instance, problem }),
        };
        let window = step.settings.parallel.and_then(|window| usize::try_from(window).ok()).unwrap_or(0);
        let doing = Doing::Loop { items: Arc::new(items), next: 0, window, results: BTreeMap::new() };
        self.push(Change::Became { instance, doing });
        self.work.push(Work::Advance { instance });
    }

    /// Begins the next items of a loop as far as its limit allows, or ends it.
    pub(super) fn advance(&mut self, instance: Instance) {
        let before = self.work.len();
        self.advance_loop(instance);
        // The first item's tasks are done first.
        self.work.get_mut(before..).unwrap_or_default().reverse();
    }

    fn advance_loop(&mut self, instance: Instance) {
        loop {
            let Some(frame) = self.run.frames.get(&instance) else { return };
            let Doing::Loop { items, next, window, results } = &frame.doing else {
                return self.advance_listening(instance);
            };
            let running = next - (if *window > 0 { results.len() } else { *next });
            if *window > 0 && running >= *window {
                return;
            }
            let is_over = match self.may_go_on(instance, items.get(*next), *next) {
                Ok(goes_on) => !goes_on,
                Err(problem) => return self.work.push(Work::Fail { instance, problem }),
            };
            match (is_over, *window > 0, running) {
                (true, true, 0) => {
                    let outputs = results.values().map(|output| output.as_ref().clone()).collect();
                    let output = Output::Value(Arc::new(outputs));
                    return self.work.push(Work::Finish { instance, output, then: None });
                }
                (true, true, _) => return,
                (true, false, _) => {
                    return self.work.push(Work::Finish { instance, output: Output::Data, then: None });
                }
                (false, is_parallel, _) => {
                    self.iterate(instance);
                    if !is_parallel {
                        return;
                    }
                }
            }
        }
    }

    /// Whether there is another item, and `while` holds for it.
    fn may_go_on(&self, instance: Instance, item: Option<&Value>, index: usize) -> Result<bool, Problem> {
        let (Some(item), Some(frame)) = (item, self.run.frames.get(&instance)) else { return Ok(false) };
        let Some(Step { action: Action::For { each, at, while_: Some(holds), .. }, .. }) = self.step(instance) else {
            return Ok(true);
        };
        let variables = [(each.clone(), Arc::new(item.clone())), (at.clone(), Arc::new(Value::from(index)))];
        let scope = Scope { variables: &variables, ..self.scope(instance) };
        scope.holds(holds, &frame.data)
    }

    /// Begins the tasks for the next item.
    fn iterate(&mut self, instance: Instance) {
        let Some(frame) = self.run.frames.get(&instance) else { return };
        let (Doing::Loop { items, next, .. }, Some(Step { action: Action::For { each, at, .. }, .. })) =
            (&frame.doing, self.step(instance))
        else {
            return;
        };
        let item = Arc::new(items.get(*next).cloned().unwrap_or_default());
        let variables = vec![(each.clone(), item), (at.clone(), Arc::new(Value::from(*next)))];
        let (slot, place) = (*next, frame.at);
        self.enter_inner(instance, slot, place, variables, None);
    }

    /// Begins an iteration, or the tasks about an event.
    pub(super) fn enter_inner(
        &mut self,
        parent: Instance,
        slot: usize,
        at: At,
        variables: Vec<(String, Arc<Value>)>,
        raw: Option<Arc<Value>>,
    ) {
        let instance = self.run.next;
        let name = self.step(parent).map(|step| step.name.clone()).unwrap_or_default();
        self.push(Change::Entered(Box::new(Entered {
            instance,
            name,
            parent: Some(parent),
            slot,
            at,
            role: Role::Iteration,
            raw,
            input: None,
            variables,
            extensions: Vec::new(),
            now_ms: self.now_ms,
            limit_ms: None,
            lowered: None,
        })));
        let at = At { index: at.index + 1, ..at };
        self.work.push(Work::Begin { parent: instance, slot: 0, at, raw: None });
    }
}
