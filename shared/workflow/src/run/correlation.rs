//! Which events are the ones that are waited for: by a task, or by a schedule.

use super::{Run, scope::Scope};
use crate::definition::{Consumption, Definition, EventFilter, Matcher, Mode, Read, Trigger, Until};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// The filter that an event fits, and what further events must agree in.
pub(super) type Fit = (Option<usize>, Vec<(String, Value)>);

/// What was heard so far for one start of a workflow by events. It is kept by whoever starts runs.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Correlator {
    heard: Vec<Value>,
    fitted: BTreeSet<usize>,
    agreed: BTreeMap<String, Value>,
}

impl Correlator {
    /// Takes an event, and returns the input of the run that it starts, if it starts one: the list of the events,
    /// as the schedule reads them. Then everything begins anew. An event that is not waited for changes nothing.
    pub fn hear(&mut self, definition: &Definition, event: &Value) -> Option<Value> {
        let to = definition.schedule.iter().find_map(|trigger| match trigger {
            Trigger::Events(to) => Some(to),
            Trigger::Cron(_) | Trigger::Every(_) | Trigger::After(_) => None,
        })?;
        let run = Run::default();
        let scope = Scope { definition, run: &run, around: None, task: None, variables: &[] };
        let (filter, agreed) = fit(&scope, to, &self.fitted, &self.agreed, event)?;
        self.heard.push(envelope(definition.schedule_read, event));
        self.fitted.extend(filter);
        self.agreed.extend(agreed);
        let is_enough = match (&to.until, to.mode) {
            (Some(Until::Holds(until)), _) => scope.holds(until, &Value::Array(self.heard.clone())).unwrap_or(true),
            (_, Mode::All) => are_all(to, &self.fitted, None),
            (_, Mode::One | Mode::Any) => true,
        };
        is_enough.then(|| Value::Array(std::mem::take(self).heard))
    }
}

/// A schedule's events are whole unless it says otherwise: examples look below `data`.
fn envelope(read_as: Read, event: &Value) -> Value {
    match read_as {
        Read::Raw => read(Read::Raw, event),
        Read::Data | Read::Envelope => event.clone(),
    }
}

/// The filter that an event fits, if any. One that another event fitted is not asked again where each wants its own.
pub(super) fn fit(
    scope: &Scope<'_>,
    to: &Consumption,
    fitted: &BTreeSet<usize>,
    agreed: &BTreeMap<String, Value>,
    event: &Value,
) -> Option<Fit> {
    if to.filters.is_empty() {
        return (to.mode == Mode::Any).then(|| (None, Vec::new()));
    }
    let is_open = |index: &usize| to.mode != Mode::All || !fitted.contains(index);
    let mut filters = to.filters.iter().enumerate().filter(|(index, _)| is_open(index));
    filters.find_map(|(index, filter)| Some((Some(index), agreement(scope, filter, agreed, event)?)))
}

/// What further events must agree in, if an event fits a filter. One whose data an expression fails on does not:
/// nobody may end a run by sending it something odd.
fn agreement(
    scope: &Scope<'_>,
    filter: &EventFilter,
    agreed: &BTreeMap<String, Value>,
    event: &Value,
) -> Option<Vec<(String, Value)>> {
    if !filter.with.iter().all(|(name, matcher)| is_as(scope, matcher, event.get(name))) {
        return None;
    }
    let mut further = Vec::new();
    for correlation in &filter.correlate {
        let value = scope.evaluate(&correlation.from, event).ok()?;
        let expected = match &correlation.expect {
            Some(expect) => Some(scope.fill(expect, event).ok()?),
            None => agreed.get(&correlation.name).cloned(),
        };
        match expected {
            Some(expected) if expected != value => return None,
            Some(_) => {}
            None => further.push((correlation.name.clone(), value)),
        }
    }
    Some(further)
}

/// Whether each filter was fitted by an event of its own.
pub(super) fn are_all(to: &Consumption, fitted: &BTreeSet<usize>, filter: Option<usize>) -> bool {
    (0..to.filters.len()).all(|index| fitted.contains(&index) || filter == Some(index))
}

/// What of an event is read.
pub(super) fn read(read: Read, event: &Value) -> Value {
    match read {
        Read::Data | Read::Raw => event.get("data").cloned().unwrap_or_default(),
        Read::Envelope => event.clone(),
    }
}

/// Whether an attribute is what it must be.
fn is_as(scope: &Scope<'_>, matcher: &Matcher, attribute: Option<&Value>) -> bool {
    let template = match (matcher, attribute) {
        (_, None) => return false,
        (Matcher::Text(pattern), Some(value)) => return pattern.fits(value),
        (Matcher::Value(template), Some(_)) => template,
    };
    let value = attribute.unwrap_or(&Value::Null);
    match scope.fill(template, value) {
        Ok(Value::Bool(holds)) if !value.is_boolean() => holds,
        Ok(wanted) => has(value, &wanted),
        Err(_) => false,
    }
}

/// Whether a value is the wanted one; of objects only the wanted fields count.
fn has(value: &Value, wanted: &Value) -> bool {
    match (value, wanted) {
        (Value::Object(value), Value::Object(wanted)) => {
            wanted.iter().all(|(name, wanted)| value.get(name).is_some_and(|value| has(value, wanted)))
        }
        _ => value == wanted,
    }
}
