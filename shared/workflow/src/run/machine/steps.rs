//! How tasks begin.

use super::{
    At, Change, DEPTH, Doing, Instance, Machine, Output, Problem, RUN_LIMIT_MS, Role, STEPS_PER_DECISION,
    STEPS_PER_RUN, Scope, Standard, Step, Task, Then, Work, definition::Action,
};
use crate::run::{
    change::Entered,
    scope::check,
    state::{Ending, Phase, Sensitivity},
};
use serde_json::Value;
use std::sync::Arc;

/// Input and deadline of a task that is to be done.
struct Prepared {
    input: Arc<Value>,
    limit_ms: Option<u64>,
    extensions: Vec<usize>,
}

impl Machine<'_> {
    pub(super) fn start(&mut self, run: &str, input: &Value, sensitivity: Sensitivity) {
        if self.run.phase != Phase::New {
            return;
        }
        let raw = Arc::new(input.clone());
        let workflow = format!("{}/{} {}", self.definition.namespace, self.definition.name, self.definition.version);
        self.push(Change::Began { run: run.to_owned(), workflow, input: Arc::clone(&raw), sensitivity });
        let prepared = self.prepare_workflow(&raw);
        let (input, limit_ms) = match &prepared {
            Ok(prepared) => (Arc::clone(&prepared.input), prepared.limit_ms),
            Err(_) => (Arc::clone(&raw), None),
        };
        self.push(Change::Entered(Box::new(Entered {
            instance: 0,
            name: self.definition.name.clone(),
            parent: None,
            slot: 0,
            at: At { part: 0, index: 0 },
            role: Role::Workflow,
            raw: Some(raw),
            input: Some(input),
            variables: Vec::new(),
            extensions: Vec::new(),
            now_ms: self.now_ms,
            limit_ms,
            lowered: None,
        })));
        self.work.push(match prepared {
            Ok(_) => Work::Begin { parent: 0, slot: 0, at: At { part: 0, index: 0 }, raw: None },
            Err(problem) => Work::Fail { instance: 0, problem },
        });
    }

    fn prepare_workflow(&self, raw: &Arc<Value>) -> Result<Prepared, Problem> {
        let scope = Scope { definition: self.definition, run: self.run, around: None, task: None, variables: &[] };
        check(self.definition.data.input_schema.as_ref(), raw, "input")?;
        let input = scope.shape(self.definition.data.input.as_ref(), raw)?;
        let limit = self.definition.limit.as_ref().map_or(Ok(RUN_LIMIT_MS), |limit| scope.duration_ms(limit, raw))?;
        Ok(Prepared { input, limit_ms: Some(self.now_ms.saturating_add(limit)), extensions: Vec::new() })
    }

    /// Begins a task, skips it, or ends the task around it if the list has no more.
    pub(super) fn begin(&mut self, parent: Instance, slot: usize, at: At, raw: Option<Arc<Value>>) {
        let Some(frame) = self.run.frames.get(&parent) else { return };
        let flowing_lowered = frame.data_lowered.filter(|_| raw.is_none());
        let flowing = raw.unwrap_or_else(|| Arc::clone(&frame.data));
        if at.index >= self.list_end(parent, at) {
            return self.work.push(match frame.doing {
                Doing::Before { .. } | Doing::After { .. } => Work::Surround { instance: parent },
                _ => Work::Finish { instance: parent, output: Output::Data, then: None },
            });
        }
        let Some(step) = self.definition.list(at.part).get(at.index) else { return };
        if self.is_endless() {
            return;
        }
        let instance = self.run.next;
        // The tasks of extensions are not extended.
        let is_own = at.part <= self.definition.functions;
        let (prepared, problem) = match self.prepare(parent, step, &flowing, is_own) {
            Ok(Some(prepared)) => (prepared, None),
            Ok(None) => {
                self.push(Change::Skipped { instance, name: step.name.clone(), parent, slot });
                return self.follow(parent, at, Then::Continue);
            }
            Err(problem) => {
                (Prepared { input: Arc::clone(&flowing), limit_ms: None, extensions: Vec::new() }, Some(problem))
            }
        };
        let is_flowing = self.run.frames.get(&parent).is_some_and(|frame| Arc::ptr_eq(&frame.data, &flowing));
        let is_extended = !prepared.extensions.is_empty();
        self.push(Change::Entered(Box::new(Entered {
            instance,
            name: step.name.clone(),
            parent: Some(parent),
            slot,
            at,
            role: Role::Task,
            raw: (!is_flowing).then(|| Arc::clone(&flowing)),
            input: (!Arc::ptr_eq(&prepared.input, &flowing)).then_some(prepared.input),
            variables: Vec::new(),
            extensions: prepared.extensions,
            now_ms: self.now_ms,
            limit_ms: prepared.limit_ms,
            lowered: self.input_lowered(step, flowing_lowered),
        })));
        if let Some(problem) = problem {
            self.work.push(Work::Fail { instance, problem });
        } else if is_extended {
            self.push(Change::Became { instance, doing: Doing::Before { next: 0 } });
            self.work.push(Work::Surround { instance });
        } else {
            self.act(instance, step, at);
        }
    }

    /// What a task begins with; none if it is not done.
    fn prepare(
        &self,
        parent: Instance,
        step: &Step,
        raw: &Arc<Value>,
        is_own: bool,
    ) -> Result<Option<Prepared>, Problem> {
        let started_ms = self.now_ms;
        let task = Task { step, raw, input: None, raw_output: None, output: None, started_ms };
        let scope = Scope {
            definition: self.definition,
            run: self.run,
            around: Some(parent),
            task: Some(task),
            variables: &[],
        };
        if let Some(guard) = &step.guard
            && !scope.holds(guard, raw)?
        {
            return Ok(None);
        }
        if self.depth(parent) >= DEPTH {
            let detail =
                format!("tasks stand more than {DEPTH} levels deep in each other; does a function call itself?");
            return Err(Problem::new(Standard::Runtime, detail));
        }
        check(step.data.input_schema.as_ref(), raw, "input")?;
        let input = scope.shape(step.data.input.as_ref(), raw)?;
        let scope = Scope { task: Some(Task { input: Some(&input), ..task }), ..scope };
        let limit = step.limit.as_ref().map(|limit| scope.duration_ms(limit, &input)).transpose()?;
        let limit_ms = limit.map(|limit| self.now_ms.saturating_add(limit));
        let extensions = if is_own { self.extensions(step, &scope, &input)? } else { Vec::new() };
        Ok(Some(Prepared { input, limit_ms, extensions }))
    }

    fn depth(&self, instance: Instance) -> usize {
        let (mut depth, mut at) = (1, instance);
        while let Some(parent) = self.run.frames.get(&at).and_then(|frame| frame.parent) {
            (depth, at) = (depth + 1, parent);
        }
        depth
    }

    /// Ends a run that would go on for ever.
    fn is_endless(&mut self) -> bool {
        self.begun += 1;
        let detail = if self.begun > STEPS_PER_DECISION {
            format!("more than {STEPS_PER_DECISION} tasks were done without waiting for anything; end the loop")
        } else if self.run.next >= STEPS_PER_RUN {
            format!("the run has done {STEPS_PER_RUN} tasks, which is the limit; split it into workflows it runs")
        } else {
            return false;
        };
        self.work.clear();
        self.close(Ending::Faulted { problem: Problem::new(Standard::Runtime, detail) });
        true
    }

    /// The index after the last task of the list that a task does.
    fn list_end(&self, parent: Instance, at: At) -> usize {
        let Some(frame) = self.run.frames.get(&parent) else { return 0 };
        match (frame.role, self.step(parent)) {
            _ if matches!(frame.doing, Doing::Before { .. } | Doing::After { .. }) => {
                self.definition.list(at.part).len()
            }
            (Role::Task, Some(Step { action: Action::Try { catch }, .. })) => *catch,
            // The task of a function stands in a list of its own.
            (_, Some(Step { action: Action::Call { .. }, .. }) | None) => self.definition.list(at.part).len(),
            (_, Some(step)) => step.end,
        }
    }

    /// What a function is called with becomes what its task sees.
    pub(super) fn call_own(&mut self, instance: Instance, function: usize, arguments: Value) {
        let at = At { part: function + 1, index: 0 };
        self.work.push(Work::Begin { parent: instance, slot: 0, at, raw: Some(Arc::new(arguments)) });
    }
}
