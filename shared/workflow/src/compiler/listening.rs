//! Events that are listened to.

use super::{Compiler, entries, text_of};
use crate::{
    definition::{
        Consumption, Correlation, EventFilter, Foreach, Listen, Matcher, Mode, Pattern, Read, Template, Until,
    },
    grammar::{self, below},
    source::{Content, Node},
};

impl Compiler<'_> {
    /// A task that listens. Its `foreach` follows it.
    pub(super) fn listen(&mut self, task: &Node, listen: &Node, pointer: &str, level: usize) -> Listen {
        let place = format!("{pointer}/listen/to");
        let to = listen.field("to").map_or_else(Consumption::nothing, |to| self.consumption(to, &place));
        let foreach = task.field("foreach").map(|foreach| self.foreach(foreach, &below(pointer, "foreach"), level));
        Listen { to, read: read(listen), foreach }
    }

    fn foreach(&mut self, foreach: &Node, pointer: &str, level: usize) -> Foreach {
        let scope = self.variables.len();
        let (item, at) = (text_of(foreach, "item").unwrap_or("item"), text_of(foreach, "at").unwrap_or("index"));
        self.bind(item);
        self.bind(at);
        if let Some(tasks) = foreach.field("do") {
            self.list(tasks, &below(pointer, "do"), level + 1);
        }
        let data = self.data(foreach, pointer);
        self.variables.truncate(scope);
        Foreach { item: item.to_owned(), at: at.to_owned(), data }
    }

    /// Which events are consumed.
    pub(super) fn consumption(&mut self, node: &Node, pointer: &str) -> Consumption {
        let mut found = Consumption::nothing();
        let mut words = Vec::new();
        for (name, mode) in [("one", Mode::One), ("any", Mode::Any), ("all", Mode::All)] {
            let Some(filters) = node.field(name) else { continue };
            let pointer = below(pointer, name);
            let nodes: Vec<(&Node, String)> = match &filters.content {
                Content::List(items) => {
                    items.iter().enumerate().map(|(index, item)| (item, format!("{pointer}/{index}"))).collect()
                }
                _ => vec![(filters, pointer)],
            };
            let types: Vec<&str> = nodes.iter().map(|(filter, _)| event_type(filter)).collect();
            let told = types.join(", ");
            words.push(if types.is_empty() { format!("{name} event") } else { format!("{name} of {told}") });
            let filters = nodes.iter().map(|(filter, pointer)| self.event_filter(filter, pointer)).collect();
            (found.mode, found.filters) = (mode, filters);
        }
        if let Some(until) = node.field("until") {
            let (until, told) = self.until(until, &below(pointer, "until"));
            words.push(format!("until {told}"));
            found.until = until;
        }
        found.title = words.join(" ");
        found
    }

    fn until(&mut self, until: &Node, pointer: &str) -> (Option<Until>, String) {
        if let Content::Text(text) = &until.content {
            return (self.expression(until, pointer).map(Until::Holds), text.clone());
        }
        let events = self.consumption(until, pointer);
        let told = events.title.clone();
        (Some(Until::Events(Box::new(events))), told)
    }

    fn event_filter(&mut self, filter: &Node, pointer: &str) -> EventFilter {
        let with = filter.field("with").into_iter().flat_map(entries);
        let with = with.map(|(key, value)| {
            let matcher = match &value.content {
                Content::Text(text) if grammar::expression(text).is_none() => {
                    // What looks like an expression and is none gets its fault here.
                    match self.template(value, &format!("{pointer}/with/{}", key.name)) {
                        Template::Fixed(_) => Matcher::Text(Pattern::new(text)),
                        other => Matcher::Value(other),
                    }
                }
                _ => Matcher::Value(self.template(value, &format!("{pointer}/with/{}", key.name))),
            };
            (key.name.clone(), matcher)
        });
        let with = with.collect();
        let correlate = filter.field("correlate").into_iter().flat_map(entries).filter_map(|(key, correlation)| {
            let pointer = format!("{pointer}/correlate/{}", key.name);
            let from = self.expression_field(correlation, "from", &pointer)?;
            let expect = correlation.field("expect").map(|expect| self.template(expect, &below(&pointer, "expect")));
            Some(Correlation { name: key.name.clone(), from, expect })
        });
        let correlate = correlate.collect();
        EventFilter { with, correlate }
    }
}

/// What of events is read.
pub(super) fn read(node: &Node) -> Read {
    match text_of(node, "read") {
        Some("envelope") => Read::Envelope,
        Some("raw") => Read::Raw,
        _ => Read::Data,
    }
}

fn event_type(filter: &Node) -> &str {
    filter.field("with").and_then(|with| text_of(with, "type")).unwrap_or("any type")
}

impl Consumption {
    fn nothing() -> Self {
        Self { title: String::new(), mode: Mode::Any, filters: Vec::new(), until: None }
    }
}
