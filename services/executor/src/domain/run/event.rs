//! Events: what runs emit for others, and which types of them a run listens to.

use super::{class, course::Course};
use neptune_contracts::event::{ANY_KIND, EventPublished, kind_token};
use neptune_workflow::{
    definition::{Action, Consumption, Definition, EventFilter, Matcher, Until},
    run::{Change, Doing, Frame, Instance, Record},
};
use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// Attributes that are Neptune's to give.
const OWN: &str = "neptune";

/// The event that a step emits, as others get it.
///
/// # Errors
/// It is none.
pub fn published(course: &Course, instance: Instance, event: &Value) -> Result<EventPublished, serde_json::Error> {
    let said = class::of_event(event);
    let given = event.as_object().into_iter().flatten().filter(|(name, _)| !name.starts_with(OWN));
    let given: Map<String, Value> = given.map(|(name, value)| (name.clone(), value.clone())).collect();
    let event: EventPublished = serde_json::from_value(Value::Object(given))?;
    let (team, run, step) = (Some(course.team.clone()), Some(course.id), Some(instance));
    // An event says the more sensitive of its own class and its run's.
    let class = class::of(course.run.sensitivity.max(said));
    let hops = course.made_of.start.as_ref().map_or(0, |start| start.hops);
    Ok(EventPublished { team, run, step, class, hops, ..event })
}

/// Whether a step may listen after these records that did not before.
#[must_use]
pub fn may_listen(records: &[Record]) -> bool {
    let begins = |change: &Change| {
        matches!(change, Change::Became { doing: Doing::Listen(_), .. } | Change::Retried { .. } | Change::Resumed)
    };
    records.iter().flat_map(|record| &record.changes).any(begins)
}

/// The types of events that a run listens to now, as tokens.
#[must_use]
pub fn kinds(course: &Course) -> BTreeSet<String> {
    let mut kinds = BTreeSet::new();
    let Ok(definition) = &course.definition else { return kinds };
    if course.run.ending().is_some() {
        return kinds;
    }
    for frame in course.run.frames.values().filter(|frame| matches!(frame.doing, Doing::Listen(_))) {
        if let Some(consumption) = listened(definition, frame) {
            of(consumption, &mut kinds);
        }
    }
    kinds
}

/// What a step that listens wants.
#[must_use]
pub fn listened<'d>(definition: &'d Definition, frame: &Frame) -> Option<&'d Consumption> {
    match &definition.list(frame.at.part).get(frame.at.index)?.action {
        Action::Listen(listen) => Some(&listen.to),
        _ => None,
    }
}

fn of(consumption: &Consumption, kinds: &mut BTreeSet<String>) {
    if consumption.filters.is_empty() {
        kinds.insert(ANY_KIND.to_owned());
    }
    kinds.extend(consumption.filters.iter().map(kind));
    if let Some(Until::Events(until)) = &consumption.until {
        of(until, kinds);
    }
}

/// The one type that events of a filter have; any where it does not name one as it stands.
fn kind(filter: &EventFilter) -> String {
    let wanted = filter.with.iter().find(|(name, _)| name == "type").map(|(_, matcher)| matcher);
    match wanted {
        Some(Matcher::Text(pattern)) if pattern.regex.is_none() => kind_token(&pattern.text),
        _ => ANY_KIND.to_owned(),
    }
}
