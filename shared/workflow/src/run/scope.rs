//! What an expression of a task sees.

use super::{Problem, Run, Standard, clock, secrets, state::Instance};
use crate::{
    definition::{Definition, Duration, Schema, Step, Template},
    expression::Expression,
    grammar,
};
use serde_json::{Map, Value, json};
use std::{borrow::Cow, sync::Arc};

/// How much of a value that is not what it must be is told, in characters.
const VALUE_CHARACTERS: usize = 200;

/// What an expression sees beside its input.
#[derive(Clone, Copy)]
pub(super) struct Scope<'a> {
    pub(super) definition: &'a Definition,
    pub(super) run: &'a Run,
    /// The task whose variables are known, and those around it.
    pub(super) around: Option<Instance>,
    /// The task, if it is of one.
    pub(super) task: Option<Task<'a>>,
    /// Further variables.
    pub(super) variables: &'a [(String, Arc<Value>)],
}

/// What an expression sees of its task.
#[derive(Clone, Copy)]
pub(super) struct Task<'a> {
    pub(super) step: &'a Step,
    pub(super) raw: &'a Value,
    pub(super) input: Option<&'a Value>,
    pub(super) raw_output: Option<&'a Value>,
    pub(super) output: Option<&'a Value>,
    pub(super) started_ms: u64,
}

impl<'a> Scope<'a> {
    /// What an expression says of `input`.
    ///
    /// # Errors
    /// It has no value.
    pub(super) fn evaluate(&self, expression: &Expression, input: &Value) -> Result<Value, Problem> {
        let text = expression.text();
        let mut given: Vec<(&str, Cow<'_, Value>)> = Vec::new();
        // What is not mentioned need not be made.
        if text.contains('$') {
            for name in expression.variables().filter(|name| text.contains(*name)) {
                given.extend(self.variable(name, text).map(|value| (name, value)));
            }
        }
        let given: Vec<(&str, &Value)> = given.iter().map(|(name, value)| (*name, value.as_ref())).collect();
        expression
            .evaluate(input, &given)
            .map_err(|failure| Problem::new(Standard::Expression, format!("{}: {failure}", text.trim())))
    }

    /// Whether an expression holds of `input`, as jq sees it: all but false and null does.
    pub(super) fn holds(&self, expression: &Expression, input: &Value) -> Result<bool, Problem> {
        self.evaluate(expression, input).map(|value| !matches!(value, Value::Null | Value::Bool(false)))
    }

    /// A template over `input`.
    pub(super) fn fill(&self, template: &Template, input: &Value) -> Result<Value, Problem> {
        template.fill(&mut |expression| self.evaluate(expression, input))
    }

    /// A template over `input`; without one the input.
    pub(super) fn shape(&self, template: Option<&Template>, input: &Arc<Value>) -> Result<Arc<Value>, Problem> {
        template.map_or_else(|| Ok(Arc::clone(input)), |template| self.fill(template, input).map(Arc::new))
    }

    /// A length of time in milliseconds.
    pub(super) fn duration_ms(&self, duration: &Duration, input: &Value) -> Result<u64, Problem> {
        let expression = match duration {
            Duration::FixedMs(milliseconds) => return Ok(*milliseconds),
            Duration::Computed(expression) => expression,
        };
        let value = self.evaluate(expression, input)?;
        grammar::length_ms(&value).ok_or_else(|| {
            let made: String = value.to_string().chars().take(VALUE_CHARACTERS).collect();
            let (text, remedy) =
                (expression.text().trim(), "make a text such as \"PT30S\" or an object such as {seconds: 30}");
            let detail = format!("{text} is {made}, which is no duration; {remedy}");
            Problem::new(Standard::Expression, detail)
        })
    }

    fn variable(&self, name: &str, text: &str) -> Option<Cow<'a, Value>> {
        if let Some((_, value)) =
            self.variables.iter().find(|(known, _)| name.strip_prefix('$') == Some(known.as_str()))
        {
            return Some(Cow::Borrowed(value.as_ref()));
        }
        if let Some(value) = self.inherited(name) {
            return Some(Cow::Borrowed(value));
        }
        let task = self.task.as_ref();
        match name {
            "$context" => Some(Cow::Borrowed(self.run.context.as_ref())),
            "$input" => task.and_then(|task| task.input).map(Cow::Borrowed),
            "$output" => task.and_then(|task| task.output).map(Cow::Borrowed),
            "$workflow" => Some(Cow::Owned(self.workflow(text))),
            "$task" => task.map(|task| Cow::Owned(self.task(task))),
            "$runtime" => Some(Cow::Owned(self.runtime(text))),
            "$secrets" => Some(Cow::Owned(secrets::marks(&self.definition.secrets))),
            _ => None,
        }
    }

    /// A variable of a task around.
    fn inherited(&self, name: &str) -> Option<&'a Value> {
        let mut around = self.around;
        while let Some(frame) = around.and_then(|instance| self.run.frames.get(&instance)) {
            let own = frame.variables.iter().find(|(known, _)| name.strip_prefix('$') == Some(known.as_str()));
            if let Some((_, value)) = own {
                return Some(value);
            }
            around = frame.parent;
        }
        None
    }

    fn workflow(&self, text: &str) -> Value {
        // The definition is large, and seldom looked at.
        let definition = text.contains("definition").then_some(&self.definition.document);
        json!({
            "id": self.run.id,
            "definition": definition,
            "input": self.run.input.as_ref(),
            "startedAt": clock::descriptor(self.run.started_ms),
        })
    }

    /// The fields of its definition stand in it too, as extensions of others look for them there.
    fn task(&self, task: &Task<'_>) -> Value {
        let definition = self.definition.document.pointer(&task.step.pointer).cloned().unwrap_or_default();
        let mut value = match &definition {
            Value::Object(fields) => fields.clone(),
            _ => Map::new(),
        };
        let own = json!({
            "name": task.step.name,
            "reference": task.step.pointer,
            "definition": definition,
            "input": task.raw,
            "output": task.raw_output,
            "startedAt": clock::descriptor(task.started_ms),
        });
        if let Value::Object(own) = own {
            value.extend(own);
        }
        Value::Object(value)
    }

    fn runtime(&self, text: &str) -> Value {
        // Every mention may name the task it wants; then the others are not copied.
        let is_named = text.matches("$runtime").count() == text.matches("$runtime.metadata.steps.").count();
        let wanted = |name: &&String| !is_named || text.contains(name.as_str());
        let names = self.run.outputs.keys().filter(wanted);
        let steps: Map<String, Value> =
            names.filter_map(|name| Some((name.clone(), self.run.outputs.get(name)?.as_ref().clone()))).collect();
        json!({"name": "neptune", "version": env!("CARGO_PKG_VERSION"), "metadata": {"steps": steps}})
    }
}

/// What a schema says against a value.
pub(super) fn check(schema: Option<&Schema>, value: &Value, what: &str) -> Result<(), Problem> {
    match schema.and_then(|schema| schema.fault(value)) {
        Some(fault) => Err(Problem::new(Standard::Validation, format!("the {what} is not what it must be: {fault}"))),
        None => Ok(()),
    }
}
