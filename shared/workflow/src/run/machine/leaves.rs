//! What single tasks do.

use super::{At, Change, Doing, Instance, Machine, Output, Problem, Standard, Work, lowering::Own};
use crate::{
    call::uri,
    definition::{Action, Builtin, Case, Function, Reference, Step, Template},
    run::{
        Request, clock,
        state::{Listening, Lowered},
    },
};
use serde_json::{Value, json};
use std::sync::Arc;

impl Machine<'_> {
    /// Begins what a task does.
    pub(super) fn act(&mut self, instance: Instance, step: &Step, at: At) {
        let done = match &step.action {
            Action::Do => {
                let at = At { index: at.index + 1, ..at };
                self.work.push(Work::Begin { parent: instance, slot: 0, at, raw: None });
                Ok(())
            }
            Action::Set(template) => self.set(instance, template),
            Action::Switch(cases) => self.switch(instance, cases),
            Action::Emit { event, .. } => self.emit(instance, event),
            Action::Raise { error, .. } => self.raise(instance, error),
            Action::Wait(duration) => self.wait(instance, duration),
            Action::Call { function, with, .. } => self.call(instance, step, function, with.as_ref()),
            Action::Run { workflow, input, is_awaited } => {
                self.run_workflow(instance, step, workflow, (input.as_ref(), *is_awaited))
            }
            Action::For { over, .. } => {
                self.for_each(instance, step, over);
                Ok(())
            }
            Action::Fork { compete } => {
                self.fork(instance, step, at, *compete);
                Ok(())
            }
            Action::Listen(_) => {
                self.push(Change::Became { instance, doing: Doing::Listen(Box::<Listening>::default()) });
                self.listen(instance);
                Ok(())
            }
            Action::Try { .. } => {
                self.try_first(instance);
                Ok(())
            }
            // It is begun by its `try` alone.
            Action::Catch(_) => Ok(()),
        };
        if let Err(problem) = done {
            self.work.push(Work::Fail { instance, problem });
        }
    }

    fn input(&self, instance: Instance) -> Arc<Value> {
        self.run.frames.get(&instance).map(|frame| Arc::clone(&frame.input)).unwrap_or_default()
    }

    fn filled(&self, instance: Instance, template: &Template) -> Result<Value, Problem> {
        self.scope(instance).fill(template, &self.input(instance))
    }

    fn done(&mut self, instance: Instance, output: Value) {
        self.work.push(Work::Finish { instance, output: Output::Value(Arc::new(output)), then: None });
    }

    fn set(&mut self, instance: Instance, template: &Template) -> Result<(), Problem> {
        let value = self.filled(instance, template)?;
        self.done(instance, value);
        Ok(())
    }

    fn switch(&mut self, instance: Instance, cases: &[Case]) -> Result<(), Problem> {
        let input = self.input(instance);
        let mut then = None;
        for case in cases {
            let holds = case.when.as_ref().map_or(Ok(true), |when| self.scope(instance).holds(when, &input))?;
            if holds {
                then = Some(case.then);
                break;
            }
        }
        self.work.push(Work::Finish { instance, output: Output::Input, then });
        Ok(())
    }

    fn emit(&mut self, instance: Instance, template: &Template) -> Result<(), Problem> {
        let Value::Object(given) = self.filled(instance, template)? else {
            return Err(Problem::new(Standard::Expression, "the event is no object"));
        };
        let definition = self.definition;
        let mut event = json!({
            // The same for this task of this run, whoever decides about it.
            "id": format!("{}-{instance}", self.run.id),
            "specversion": "1.0",
            "source": format!("/{}/{}/{}", definition.namespace, definition.name, definition.version),
            "time": clock::rfc3339(self.now_ms),
            "datacontenttype": "application/json",
        });
        if let Value::Object(event) = &mut event {
            event.extend(given);
        }
        check_event(&event)?;
        let event = Arc::new(event);
        self.push(Change::Emitted { instance, event: Arc::clone(&event) });
        self.work.push(Work::Finish { instance, output: Output::Value(event), then: None });
        Ok(())
    }

    fn raise(&mut self, instance: Instance, template: &Template) -> Result<(), Problem> {
        Err(Problem::read(&self.filled(instance, template)?)?)
    }

    fn wait(&mut self, instance: Instance, duration: &crate::definition::Duration) -> Result<(), Problem> {
        let wait_ms = self.scope(instance).duration_ms(duration, &self.input(instance))?;
        if wait_ms == 0 {
            self.work.push(Work::Finish { instance, output: Output::Input, then: None });
            return Ok(());
        }
        let due_ms = self.now_ms.saturating_add(wait_ms);
        self.push(Change::Became { instance, doing: Doing::Wait { due_ms } });
        Ok(())
    }

    fn call(
        &mut self,
        instance: Instance,
        step: &Step,
        function: &Function,
        with: Option<&Template>,
    ) -> Result<(), Problem> {
        if let Function::Remote(name) = function {
            let detail = format!("functions of other catalogues are not fetched by Neptune: {name}");
            return Err(Problem::new(Standard::Configuration, detail));
        }
        let arguments = with.map(|with| self.filled(instance, with)).transpose()?;
        if let Function::Own(function) = function {
            let arguments = arguments.unwrap_or_else(|| self.input(instance).as_ref().clone());
            self.call_own(instance, *function, arguments);
            return Ok(());
        }
        let mut arguments = arguments.unwrap_or_else(|| json!({}));
        if *function == Function::Http {
            self.expand_endpoint(instance, with, &mut arguments)?;
        }
        if *function == Function::Builtin(Builtin::Model) && self.is_spent(instance) {
            return Ok(());
        }
        let dot = self.run.frames.get(&instance).and_then(|frame| frame.lowered);
        let lowered = with.and_then(|with| self.lowered(with, Own { dot, input: dot, output: None }));
        self.ask(instance, step, function.clone(), (arguments, true, lowered));
        Ok(())
    }

    /// `endpoint` as an object whose `uri` is complete.
    fn expand_endpoint(
        &self,
        instance: Instance,
        with: Option<&Template>,
        arguments: &mut Value,
    ) -> Result<(), Problem> {
        let Some(endpoint) = arguments.get_mut("endpoint") else { return Ok(()) };
        if let Value::String(uri) = endpoint {
            *endpoint = json!({"uri": uri});
        }
        let Value::Object(fields) = endpoint else {
            let detail = format!("the endpoint of the call is no URI: {endpoint}");
            return Err(Problem::new(Standard::Expression, detail));
        };
        if let Some(template) = with.and_then(uri::written) {
            let expanded = uri::expand(template, &self.input(instance))?;
            fields.insert("uri".to_owned(), Value::String(expanded));
        }
        Ok(())
    }

    fn run_workflow(
        &mut self,
        instance: Instance,
        step: &Step,
        workflow: &Reference,
        (input, is_awaited): (Option<&Template>, bool),
    ) -> Result<(), Problem> {
        let input = match input {
            Some(input) => self.filled(instance, input)?,
            None => self.input(instance).as_ref().clone(),
        };
        self.ask(instance, step, Function::Workflow(workflow.clone()), (input, is_awaited, None));
        if !is_awaited {
            self.work.push(Work::Finish { instance, output: Output::Input, then: None });
        }
        Ok(())
    }

    fn ask(
        &mut self,
        instance: Instance,
        step: &Step,
        function: Function,
        (arguments, is_awaited, lowered): (Value, bool, Lowered),
    ) {
        let wants_repair = arguments.get("repair") == Some(&Value::Bool(true));
        let left = self.definition.settings.max_cost_pico_usd.map(|cap| cap.saturating_sub(self.run.spent_pico_usd));
        let budget_pico_usd = [left, step.settings.max_cost_pico_usd].into_iter().flatten().min();
        let request = Request {
            function,
            step: step.name.clone(),
            pointer: step.pointer.clone(),
            arguments,
            deadline_ms: self.deadline_ms(instance),
            budget_pico_usd,
            sensitivity: self.run.sensitivity,
            lowered,
            repair: self.last_problem(instance).filter(|_| wants_repair).cloned(),
            delivery: step.settings.delivery,
            is_awaited,
        };
        self.push(Change::Became { instance, doing: Doing::Call(Arc::new(request)) });
    }

    /// Until when an answer is of use: the nearest limit of the tasks around.
    fn deadline_ms(&self, instance: Instance) -> Option<u64> {
        let (mut deadline_ms, mut at) = (None, Some(instance));
        while let Some(frame) = at.and_then(|at| self.run.frames.get(&at)) {
            let attempt_ms = match frame.doing {
                Doing::Try { attempt_ms, .. } => attempt_ms,
                _ => None,
            };
            deadline_ms = [deadline_ms, frame.limit_ms, attempt_ms].into_iter().flatten().min();
            at = frame.parent;
        }
        deadline_ms
    }
}

/// Whether the attributes of an event that CloudEvents knows are what they must be.
fn check_event(event: &Value) -> Result<(), Problem> {
    for name in ["specversion", "id", "source", "type", "subject", "time"] {
        let is_needed = !["subject", "time"].contains(&name);
        let is_right = event.get(name).map_or(!is_needed, |value| value.as_str().is_some_and(|text| !text.is_empty()));
        if !is_right {
            let detail = format!("`{name}` of the event is no text; CloudEvents wants one that is not empty");
            return Err(Problem::new(Standard::Validation, detail));
        }
    }
    Ok(())
}
