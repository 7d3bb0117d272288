//! Changes applied to a run. Nothing is decided or evaluated here: the same changes make the same run, and ask
//! for the same actions, whoever reads them and whenever.

use super::{
    Action, Doing, Ending, Frame, Instance, Listening, Lowered, Phase, Purpose, Record, Role, Run, Sensitivity, Timer,
    change::{Change, Entered, Output},
    state::join,
};
use crate::definition::{Builtin, Function};
use serde_json::Value;
use std::{collections::BTreeMap, sync::Arc};

impl Run {
    /// The run that records make, from the first on.
    #[must_use]
    pub fn of(records: &[Record]) -> Self {
        let mut run = Self::default();
        for record in records {
            run.replay(record);
        }
        run
    }

    /// Applies a record, and returns what it asks for. What the last record of a log asks for must be asked for
    /// again after a crash, as must [`Run::outstanding`].
    pub fn replay(&mut self, record: &Record) -> Vec<Action> {
        let mut actions = Vec::new();
        record.changes.iter().for_each(|change| self.apply(change, &mut actions));
        actions
    }

    /// Everything that was asked for and is still waited for.
    #[must_use]
    pub fn outstanding(&self) -> Vec<Action> {
        if let Phase::Ended(ending) = &self.phase {
            return vec![Action::End { ending: Arc::clone(ending) }];
        }
        let mut actions = Vec::new();
        for (instance, frame) in &self.frames {
            frame.limit(*instance, &mut actions);
            frame.asks(*instance, &mut actions);
        }
        actions
    }

    pub(super) fn apply(&mut self, change: &Change, actions: &mut Vec<Action>) {
        match change {
            Change::Began { run, input, sensitivity, .. } => {
                self.sensitivity = *sensitivity;
                self.id.clone_from(run);
                self.input = Arc::clone(input);
                self.phase = Phase::Running;
            }
            Change::Entered(entered) => self.enter(entered, actions),
            Change::Skipped { instance, parent, slot, .. } => {
                self.next = instance + 1;
                if let Some(parent) = self.frames.get_mut(parent) {
                    parent.take(*slot, Arc::clone(&parent.data), parent.data_lowered);
                }
            }
            Change::Became { instance, doing } => self.become_(*instance, doing, actions),
            Change::Answered { instance, cost_pico_usd, sensitivity, seen, .. } => {
                self.sensitivity = self.sensitivity.max(*sensitivity).max(*seen);
                self.spent_pico_usd = self.spent_pico_usd.saturating_add(*cost_pico_usd);
                self.frames.entry(*instance).and_modify(|frame| frame.answered(*sensitivity));
            }
            Change::Emitted { instance, event } => {
                actions.push(Action::Emit { instance: *instance, event: Arc::clone(event) });
            }
            Change::Left { instance, output, context, compensate, lowered, context_lowered } => {
                if let Some(context) = context {
                    (self.context, self.context_lowered) = (Arc::clone(context), *context_lowered);
                }
                self.leave(*instance, output, (*compensate, *lowered), actions);
            }
            Change::Failed { .. } => {}
            Change::Emptied { instance } => self.empty(*instance, actions),
            Change::Dropped { instance, instead } => self.drop_frame(*instance, instead.as_ref(), actions),
            Change::Withdrawn { instance } => {
                self.frames.remove(instance);
            }
            Change::Heard { instance, event, filter, agreed, is_enough } => {
                if let Some(Doing::Listen(listening)) = self.frames.get_mut(instance).map(|frame| &mut frame.doing) {
                    listening.hear(event.as_ref(), *filter, agreed);
                    listening.is_enough = *is_enough;
                }
            }
            Change::Seen { id, sensitivity } => {
                self.sensitivity = self.sensitivity.max(*sensitivity);
                self.seen.insert(id.clone());
            }
            Change::Buffered { event } => self.signals.push(Arc::clone(event)),
            Change::Unbuffered { index } => {
                if *index < self.signals.len() {
                    self.signals.remove(*index);
                }
            }
            Change::Paused => self.is_paused = true,
            Change::Held { event } => self.held.push(event.as_ref().clone()),
            Change::Resumed => {
                self.is_paused = false;
                self.held.clear();
            }
            Change::Stuck { instance } => self.failed = Some(*instance),
            Change::Retried { now_ms } => self.again(*now_ms, actions),
            Change::Compensating { ending } => {
                self.clear(actions);
                self.phase = Phase::Compensating(Arc::clone(ending));
            }
            Change::Undone => {
                self.compensations.pop();
            }
            Change::Ended { ending } => self.end(ending, actions),
        }
    }

    fn enter(&mut self, entered: &Entered, actions: &mut Vec<Action>) {
        let flowing = |parent: &Option<Instance>| {
            parent.and_then(|parent| self.frames.get(&parent)).map(|frame| Arc::clone(&frame.data))
        };
        let raw = entered.raw.clone().or_else(|| flowing(&entered.parent)).unwrap_or_default();
        let input = entered.input.clone().unwrap_or_else(|| Arc::clone(&raw));
        let only_flows = entered.raw.is_none() && entered.input.is_none();
        let around = entered.parent.and_then(|parent| self.frames.get(&parent));
        let lowered = if only_flows { around.and_then(|frame| frame.data_lowered) } else { entered.lowered };
        let frame = Frame {
            name: entered.name.clone(),
            parent: entered.parent,
            slot: entered.slot,
            at: entered.at,
            role: entered.role,
            data: Arc::clone(&input),
            raw,
            input,
            variables: entered.variables.clone(),
            started_ms: entered.now_ms,
            limit_ms: entered.limit_ms,
            limit_turn: 0,
            extensions: entered.extensions.clone(),
            lowered,
            data_lowered: lowered,
            inner_lowered: None,
            answer_lowered: None,
            doing: Doing::List,
        };
        frame.limit(entered.instance, actions);
        if entered.instance == 0 {
            self.started_ms = entered.now_ms;
        }
        if let Some(parent) = entered.parent.and_then(|parent| self.frames.get_mut(&parent)) {
            match &mut parent.doing {
                Doing::Loop { next, .. } => *next = entered.slot + 1,
                Doing::Listen(listening) => listening.begun = entered.slot + 1,
                _ => {}
            }
        }
        self.next = entered.instance + 1;
        self.frames.insert(entered.instance, frame);
    }

    fn become_(&mut self, instance: Instance, doing: &Doing, actions: &mut Vec<Action>) {
        let Some(frame) = self.frames.get_mut(&instance) else { return };
        match doing {
            // Each try, and what is done about an error, begins with the input.
            Doing::Try { .. } | Doing::Before { .. } | Doing::List => {
                (frame.data, frame.data_lowered) = (Arc::clone(&frame.input), frame.lowered);
            }
            Doing::After { output, .. } => (frame.data, frame.data_lowered) = (Arc::clone(output), None),
            _ => {}
        }
        frame.doing = doing.clone();
        frame.asks(instance, actions);
    }

    fn leave(
        &mut self,
        instance: Instance,
        output: &Output,
        (undo, lowered): (Option<usize>, Lowered),
        actions: &mut Vec<Action>,
    ) {
        let Some(frame) = self.frames.remove(&instance) else { return };
        if frame.limit_ms.is_some() {
            actions.push(Action::ClearTimer { timer: frame.limit_timer(instance) });
        }
        if let Doing::Try { attempt_ms: Some(_), turn, .. } = frame.doing {
            actions.push(Action::ClearTimer { timer: Timer { instance, purpose: Purpose::Attempt, turn } });
        }
        let (output, lowered) = match output {
            Output::Input => (frame.input, frame.lowered),
            Output::Data => (frame.data, frame.data_lowered),
            Output::Value(value) => (Arc::clone(value), lowered),
        };
        if frame.role == Role::Task {
            match lowered {
                Some(lowered) => drop(self.outputs_lowered.insert(frame.name.clone(), lowered)),
                None => drop(self.outputs_lowered.remove(&frame.name)),
            }
            self.outputs.insert(frame.name, Arc::clone(&output));
        }
        if let Some(function) = undo {
            self.compensations.push((function, Arc::clone(&output)));
        }
        if let Some(parent) = frame.parent.and_then(|parent| self.frames.get_mut(&parent)) {
            parent.take(frame.slot, output, lowered);
        }
    }

    /// Gives up everything in a task, and the time its try may take.
    fn empty(&mut self, instance: Instance, actions: &mut Vec<Action>) {
        for inner in self.inside(instance) {
            if let Some(frame) = self.frames.remove(&inner) {
                frame.retire(inner, actions);
            }
        }
        if let Some(frame) = self.frames.get(&instance)
            && let Doing::Try { attempt_ms: Some(_), turn, .. } = frame.doing
        {
            actions.push(Action::ClearTimer { timer: Timer { instance, purpose: Purpose::Attempt, turn } });
        }
    }

    fn drop_frame(&mut self, instance: Instance, instead: Option<&Arc<Value>>, actions: &mut Vec<Action>) {
        self.empty(instance, actions);
        let Some(frame) = self.frames.remove(&instance) else { return };
        frame.retire(instance, actions);
        let Some(parent) = frame.parent.and_then(|parent| self.frames.get_mut(&parent)) else { return };
        match (&mut parent.doing, instead) {
            (Doing::Fork { lost, .. }, _) => *lost += 1,
            (_, Some(instead)) => parent.take(frame.slot, Arc::clone(instead), None),
            _ => {}
        }
    }

    /// Everything in a task, innermost first.
    fn inside(&self, instance: Instance) -> Vec<Instance> {
        let mut inside = vec![instance];
        // A task in a task has the greater number.
        for (inner, frame) in self.frames.range(instance + 1..) {
            if frame.parent.is_some_and(|parent| inside.binary_search(&parent).is_ok()) {
                inside.push(*inner);
            }
        }
        inside.remove(0);
        inside.reverse();
        inside
    }

    fn clear(&mut self, actions: &mut Vec<Action>) {
        for (instance, frame) in std::mem::take(&mut self.frames) {
            frame.retire(instance, actions);
        }
        self.failed = None;
        self.held.clear();
        self.is_paused = false;
    }

    /// A run that failed keeps its tasks, so that it can go on there.
    fn end(&mut self, ending: &Arc<Ending>, actions: &mut Vec<Action>) {
        if self.failed.is_none() {
            self.clear(actions);
        }
        self.frames.iter().for_each(|(instance, frame)| frame.retire(*instance, actions));
        self.held.clear();
        self.is_paused = false;
        self.phase = Phase::Ended(Arc::clone(ending));
        actions.push(Action::End { ending: Arc::clone(ending) });
    }

    fn again(&mut self, now_ms: u64, actions: &mut Vec<Action>) {
        self.failed = None;
        self.phase = Phase::Running;
        for (instance, frame) in &mut self.frames {
            frame.limit_ms = frame.limit_ms.map(|limit_ms| now_ms + limit_ms.saturating_sub(frame.started_ms));
            frame.started_ms = now_ms;
            frame.limit_turn += 1;
            if let Doing::Try { attempt_ms, .. } = &mut frame.doing {
                *attempt_ms = None;
            }
            frame.limit(*instance, actions);
        }
    }
}

impl Listening {
    fn hear(&mut self, event: Option<&Arc<Value>>, filter: Option<usize>, agreed: &[(String, Value)]) {
        match event {
            Some(event) => {
                self.heard.push(Arc::clone(event));
                self.fitted.extend(filter);
            }
            None => self.until_fitted.extend(filter),
        }
        self.agreed.extend(agreed.iter().cloned());
    }
}

impl Frame {
    fn limit_timer(&self, instance: Instance) -> Timer {
        Timer { instance, purpose: Purpose::Limit, turn: self.limit_turn }
    }

    fn limit(&self, instance: Instance, actions: &mut Vec<Action>) {
        let limit = self.limit_ms.map(|due_ms| Action::SetTimer { timer: self.limit_timer(instance), due_ms });
        actions.extend(limit);
    }

    /// What is asked for by what it is doing.
    fn asks(&self, instance: Instance, actions: &mut Vec<Action>) {
        let mut set = |purpose, turn, due_ms: Option<u64>| {
            let timer = Timer { instance, purpose, turn };
            actions.extend(due_ms.map(|due_ms| Action::SetTimer { timer, due_ms }));
        };
        match &self.doing {
            Doing::Call(request) => actions.push(Action::Call { instance, request: Arc::clone(request) }),
            Doing::Wait { due_ms } => set(Purpose::Wait, 0, Some(*due_ms)),
            Doing::Try { turn, retry_ms, attempt_ms, .. } => {
                set(Purpose::Retry, *turn, *retry_ms);
                set(Purpose::Attempt, *turn, *attempt_ms);
            }
            _ => {}
        }
    }

    /// What is not wanted any more when the task is given up.
    fn retire(&self, instance: Instance, actions: &mut Vec<Action>) {
        let mut asked = Vec::new();
        self.limit(instance, &mut asked);
        self.asks(instance, &mut asked);
        actions.extend(asked.into_iter().filter_map(|action| match action {
            Action::SetTimer { timer, .. } => Some(Action::ClearTimer { timer }),
            Action::Call { instance, .. } => Some(Action::Abort { instance }),
            _ => None,
        }));
    }

    /// Its call was answered. What answers a redaction is as sensitive as that says, and so is what answers a call that
    /// is told nothing but such data.
    fn answered(&mut self, sensitivity: Sensitivity) {
        if let Doing::Call(request) = &self.doing {
            let is_redaction = request.function == Function::Builtin(Builtin::Redact);
            let told = if is_redaction { Some(0) } else { request.lowered };
            self.answer_lowered = join(told, Some(sensitivity));
        }
        self.doing = Doing::List;
    }

    /// The output of a task in this one.
    fn take(&mut self, slot: usize, output: Arc<Value>, lowered: Lowered) {
        let inner = &mut self.inner_lowered;
        let mut parallel = |results: &mut BTreeMap<usize, Arc<Value>>| {
            *inner = if results.is_empty() { lowered } else { join(*inner, lowered) };
            results.insert(slot, Arc::clone(&output));
        };
        match &mut self.doing {
            Doing::Loop { window, results, .. } if *window > 0 => parallel(results),
            Doing::Fork { results, .. } => parallel(results),
            Doing::Listen(listening) => listening.results.push(output),
            _ => (self.data, self.data_lowered) = (output, lowered),
        }
    }
}
