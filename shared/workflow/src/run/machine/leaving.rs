//! How tasks end, and what follows.

use super::{
    At, COMPENSATION_LIMIT_MS, Change, Doing, Instance, Machine, Output, Problem, Role, Scope, Step, Task, Then, Work,
    definition::{Action, DataFlow},
};
use crate::run::{
    change::Entered,
    scope::check,
    state::{Ending, Phase},
};
use serde_json::Value;
use std::sync::Arc;

/// The output of a task, and the context from then on if it exports one.
type Shaped = (Arc<Value>, Option<Arc<Value>>);

impl Machine<'_> {
    /// Goes on after a task of a list, or branch, has left its output there.
    pub(super) fn follow(&mut self, parent: Instance, at: At, then: Then) {
        let Some(frame) = self.run.frames.get(&parent) else { return };
        if let Doing::Fork { .. } = frame.doing {
            return self.branch_ended(parent);
        }
        let is_around = matches!(frame.doing, Doing::Before { .. } | Doing::After { .. });
        let is_call = !is_around && matches!(self.step(parent), Some(Step { action: Action::Call { .. }, .. }));
        let next = match then {
            Then::Continue if !is_call => self.definition.list(at.part).get(at.index).map(|step| step.end),
            Then::Step(index) => Some(index),
            Then::Continue | Then::Exit | Then::End => None,
        };
        self.work.push(match next {
            Some(index) => Work::Begin { parent, slot: 0, at: At { part: at.part, index }, raw: None },
            None => Work::Finish { instance: parent, output: Output::Data, then: None },
        });
    }

    /// Ends a task: shapes its output, exports it, and goes on after it.
    pub(super) fn finish(&mut self, instance: Instance, output: Output, then: Option<Then>) {
        let Some(frame) = self.run.frames.get(&instance) else { return };
        if let Doing::After { .. } = frame.doing {
            // What an extension puts after a task has left its list early.
            return self.work.push(Work::Surround { instance });
        }
        let raw = match &output {
            Output::Input => Arc::clone(&frame.input),
            Output::Data => Arc::clone(&frame.data),
            Output::Value(value) => Arc::clone(value),
        };
        if self.has_after(instance) {
            self.push(Change::Became { instance, doing: Doing::After { next: 0, output: raw, then } });
            return self.work.push(Work::Surround { instance });
        }
        self.leave(instance, output, raw, then);
    }

    /// Ends a task after everything that was put around it.
    pub(super) fn leave(&mut self, instance: Instance, output: Output, raw: Arc<Value>, then: Option<Then>) {
        let Some(frame) = self.run.frames.get(&instance) else { return };
        let (parent, at, role) = (frame.parent, frame.at, frame.role);
        let step = self.step(instance);
        let data = match (role, step.map(|step| &step.action)) {
            (Role::Workflow, _) => Some(&self.definition.data),
            (Role::Task, _) => step.map(|step| &step.data),
            (Role::Iteration, Some(Action::Listen(listen))) => listen.foreach.as_ref().map(|foreach| &foreach.data),
            _ => None,
        };
        let shaped = data.map_or(Ok((Arc::clone(&raw), None)), |data| self.shaped(instance, data, &raw));
        let (shaped, context) = match shaped {
            Ok(shaped) => shaped,
            Err(problem) => return self.work.push(Work::Fail { instance, problem }),
        };
        if role == Role::Workflow {
            return self.close(Ending::Completed { output: shaped });
        }
        let (lowered, context_lowered) = self.shaped_lowered(instance, data, self.raw_lowered(instance, &output));
        let output = if Arc::ptr_eq(&shaped, &raw) { output } else { Output::Value(Arc::clone(&shaped)) };
        let compensate = step.filter(|_| role == Role::Task).and_then(|step| step.settings.compensate);
        self.push(Change::Left { instance, output, context, compensate, lowered, context_lowered });
        let then = then.unwrap_or_else(|| step.filter(|_| role == Role::Task).map_or(Then::Continue, |step| step.then));
        match (role, parent) {
            (Role::Compensation, _) => self.undo_next(),
            (_, Some(parent)) => self.left(parent, (at, role), then, shaped),
            (_, None) => {}
        }
    }

    fn left(&mut self, parent: Instance, (at, role): (At, Role), then: Then, output: Arc<Value>) {
        if then == Then::End {
            let top = self.top(parent);
            self.push(Change::Emptied { instance: top });
            return self.work.push(Work::Finish { instance: top, output: Output::Value(output), then: None });
        }
        match role {
            Role::Iteration => self.work.push(Work::Advance { instance: parent }),
            Role::Catch => {
                let then = self.catch(parent).and_then(|catch| catch.then);
                self.work.push(Work::Finish { instance: parent, output: Output::Data, then });
            }
            _ => self.follow(parent, at, then),
        }
    }

    /// Output and context of a task.
    fn shaped(&self, instance: Instance, data: &DataFlow, raw: &Arc<Value>) -> Result<Shaped, Problem> {
        let scope = self.scope(instance);
        let of_task = |output| scope.task.map(|task| Task { raw_output: Some(raw.as_ref()), output, ..task });
        let shaping = Scope { task: of_task(None), ..scope };
        let output = shaping.shape(data.output.as_ref(), raw)?;
        check(data.output_schema.as_ref(), &output, "output")?;
        let Some(export) = &data.export else { return Ok((output, None)) };
        let exporting = Scope { task: of_task(Some(output.as_ref())), ..scope };
        let context = exporting.fill(export, &output)?;
        check(data.export_schema.as_ref(), &context, "exported context")?;
        Ok((output, Some(Arc::new(context))))
    }

    /// Begins to undo the last task that is to be undone, or ends the run.
    pub(super) fn undo_next(&mut self) {
        let Phase::Compensating(ending) = &self.run.phase else { return };
        let ending = Arc::clone(ending);
        let Some((function, input)) = self.run.compensations.last().cloned() else {
            return self.push(Change::Ended { ending });
        };
        self.push(Change::Undone);
        let (instance, at) = (self.run.next, At { part: function + 1, index: 0 });
        self.push(Change::Entered(Box::new(Entered {
            instance,
            name: "compensation".to_owned(),
            parent: None,
            slot: 0,
            at,
            role: Role::Compensation,
            raw: Some(input),
            input: None,
            variables: Vec::new(),
            extensions: Vec::new(),
            now_ms: self.now_ms,
            limit_ms: Some(self.now_ms.saturating_add(COMPENSATION_LIMIT_MS)),
            lowered: None,
        })));
        self.work.push(Work::Begin { parent: instance, slot: 0, at, raw: None });
    }
}
