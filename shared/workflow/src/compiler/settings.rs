//! What `metadata.neptune` says.

use super::{Compiler, entries, text_of, values::whole};
use crate::{
    definition::{Concurrency, Delivery, OnConflict, OnError, Settings, StepSettings},
    fault::{Fault, nearest},
    grammar::below,
    schedule::Zone,
    source::{Content, Node},
};

const POINTER: &str = "/document/metadata/neptune";
const OF_WORKFLOWS: [&str; 8] =
    ["team", "maxCostUsd", "concurrency", "priority", "idempotencyKey", "paused", "tags", "timeZone"];
const OF_TASKS: [&str; 5] = ["parallel", "onError", "compensate", "maxCostUsd", "delivery"];
const OF_CONCURRENCY: [&str; 3] = ["key", "limit", "onConflict"];
/// The most iterations that run at once.
const PARALLEL: u64 = 1_000;
/// Most tags.
const TAGS: usize = 32;
/// Most characters of a tag.
const TAG_CHARACTERS: usize = 63;
/// Digits of a dollar's fraction that a pico-dollar has.
const FRACTION_DIGITS: usize = 12;

impl Compiler<'_> {
    /// What the document's metadata says.
    pub(super) fn settings(&mut self, document: &Node) -> Settings {
        let pointer = POINTER;
        let Some(node) = document.field("document").and_then(neptune) else { return Settings::default() };
        self.known(node, &OF_WORKFLOWS, pointer);
        Settings {
            team: text_of(node, "team").map(str::to_owned),
            max_cost_pico_usd: self.amount(node, pointer),
            concurrency: node
                .field("concurrency")
                .and_then(|one| self.concurrency(one, &below(pointer, "concurrency"))),
            priority: self.number(node, "priority", pointer),
            idempotency_key: node
                .field("idempotencyKey")
                .map(|key| self.template(key, &below(pointer, "idempotencyKey"))),
            paused: self.flag(node, "paused", pointer),
            tags: self.tags(node, &below(pointer, "tags")),
            time_zone: text_of(node, "timeZone").map(str::to_owned),
        }
    }

    /// The time zone in which the document's pattern of cron is meant.
    pub(super) fn zone(&mut self, document: &Node) -> Option<Zone> {
        let node = document.field("document").and_then(neptune)?.field("timeZone")?;
        let pointer = below(POINTER, "timeZone");
        if document.field("schedule").and_then(|schedule| schedule.field("cron")).is_none() {
            let hint = Some("periods and events are the same in every zone: take `timeZone` away".to_owned());
            self.fault(node, &pointer, "there is no `schedule: {cron: …}` that it would be for", hint);
        }
        let zone = match &node.content {
            Content::Text(name) => Zone::named(name),
            _ => None,
        };
        if zone.is_none() {
            // The form says what was meant.
            self.fault(node, &pointer, "must be the IANA name of a time zone", None);
        }
        zone
    }

    fn tags(&mut self, node: &Node, pointer: &str) -> Vec<String> {
        let Some(inner) = node.field("tags") else { return Vec::new() };
        let tag = |item: &Node| match &item.content {
            Content::Text(text) if is_tag(text) => Some(text.clone()),
            _ => None,
        };
        let tags: Option<Vec<String>> = match &inner.content {
            Content::List(items) if items.len() <= TAGS => items.iter().map(tag).collect(),
            _ => None,
        };
        tags.unwrap_or_else(|| {
            let message = format!("must be at most {TAGS} words of 1 to {TAG_CHARACTERS} letters, digits and -_.:/@");
            self.fault(inner, pointer, message, Some("such as `tags: [billing, customer:acme]`".to_owned()));
            Vec::new()
        })
    }

    fn concurrency(&mut self, node: &Node, pointer: &str) -> Option<Concurrency> {
        self.known(node, &OF_CONCURRENCY, pointer);
        let Some(key) = node.field("key") else {
            self.fault(node, pointer, "concurrency needs `key`", Some("such as `key: '${ .customer }'`".to_owned()));
            return None;
        };
        let key = self.template(key, &below(pointer, "key"));
        let limit = node.field("limit").map_or(Some(1), whole).filter(|limit| *limit > 0);
        if limit.is_none() {
            self.fault(node, &below(pointer, "limit"), "the limit must be a whole number from 1", None);
        }
        let words = [("queue", OnConflict::Queue), ("reject", OnConflict::Reject), ("replace", OnConflict::Replace)];
        let on_conflict = self.word(node, "onConflict", &words, pointer);
        Some(Concurrency { key, limit: limit.unwrap_or(1), on_conflict })
    }

    /// What a task's metadata says.
    pub(super) fn step_settings(&mut self, task: &Node, pointer: &str) -> StepSettings {
        let Some(node) = neptune(task) else { return StepSettings::default() };
        let pointer = format!("{pointer}/metadata/neptune");
        self.known(node, &OF_TASKS, &pointer);
        let errors = [("fail", OnError::Fail), ("collect", OnError::Collect)];
        let deliveries = [("at-least-once", Delivery::AtLeastOnce), ("at-most-once", Delivery::AtMostOnce)];
        StepSettings {
            parallel: self.parallel(node, &pointer),
            on_error: self.word(node, "onError", &errors, &pointer),
            compensate: self.compensation(node, &pointer),
            max_cost_pico_usd: self.amount(node, &pointer),
            delivery: self.word(node, "delivery", &deliveries, &pointer),
        }
    }

    fn parallel(&mut self, node: &Node, pointer: &str) -> Option<u64> {
        let parallel = node.field("parallel")?;
        let number = whole(parallel).filter(|number| (1..=PARALLEL).contains(number));
        if number.is_none() {
            let message = format!("must be a whole number from 1 to {PARALLEL}");
            self.fault(parallel, &below(pointer, "parallel"), message, None);
        }
        number
    }

    fn compensation(&mut self, node: &Node, pointer: &str) -> Option<usize> {
        let inner = node.field("compensate")?;
        let place = below(pointer, "compensate");
        let Content::Text(name) = &inner.content else {
            let hint = Some("declare the task below `use: {functions: …}` and name it here".to_owned());
            self.fault(inner, &place, "must be the name of a function", hint);
            return None;
        };
        self.must_exist("functions", name, inner, &place);
        self.references.position("functions", name)
    }

    /// Faults for fields that do not exist.
    fn known(&mut self, node: &Node, names: &[&'static str], pointer: &str) {
        for (key, _) in entries(node) {
            if !names.contains(&key.name.as_str()) {
                let hint = nearest(&key.name, names.iter().copied()).map(|name| format!("did you mean `{name}`?"));
                let message = format!("there is no setting `{}`; there are {}", key.name, names.join(", "));
                self.faults.push(Fault::new(key.place, below(pointer, &key.name), message).with_hint(hint));
            }
        }
    }

    fn word<T: Copy + Default>(&mut self, node: &Node, name: &str, words: &[(&'static str, T)], pointer: &str) -> T {
        let Some(inner) = node.field(name) else { return T::default() };
        let given = text_of(node, name).unwrap_or_default();
        let found = words.iter().find(|(word, _)| *word == given).map(|(_, value)| *value);
        found.unwrap_or_else(|| {
            let names: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            let hint = nearest(given, names.iter().copied()).map(|name| format!("did you mean `{name}`?"));
            self.fault(inner, &below(pointer, name), format!("must be {}", names.join(" or ")), hint);
            T::default()
        })
    }

    fn number(&mut self, node: &Node, name: &str, pointer: &str) -> i64 {
        let Some(inner) = node.field(name) else { return 0 };
        match &inner.content {
            Content::Number(number) if number.is_i64() => number.as_i64().unwrap_or(0),
            _ => {
                self.fault(inner, &below(pointer, name), "must be a whole number", None);
                0
            }
        }
    }

    fn flag(&mut self, node: &Node, name: &str, pointer: &str) -> bool {
        match node.field(name).map(|inner| (inner, &inner.content)) {
            None => false,
            Some((_, Content::Flag(flag))) => *flag,
            Some((inner, _)) => {
                self.fault(inner, &below(pointer, name), "must be true or false", None);
                false
            }
        }
    }

    fn amount(&mut self, node: &Node, pointer: &str) -> Option<i64> {
        let inner = node.field("maxCostUsd")?;
        let text = match &inner.content {
            Content::Number(number) => number.to_string(),
            Content::Text(text) => text.clone(),
            _ => String::new(),
        };
        let amount = pico_usd(&text);
        if amount.is_none() {
            let hint = Some("write it as `maxCostUsd: '0.25'`".to_owned());
            let message = "must be US dollars from 0 to 9000000, with at most 12 digits after the point";
            self.fault(inner, &below(pointer, "maxCostUsd"), message, hint);
        }
        amount
    }
}

/// A fault of a document that starts by itself and says no team.
pub(super) fn unpaid(document: &Node) -> Option<Fault> {
    let schedule = document.field("schedule")?;
    let team = document.field("document").and_then(neptune).and_then(|settings| settings.field("team"));
    let hint = "write `metadata: {neptune: {team: …}}` below `document`: whose budgets pay for the runs that it starts";
    let fault = || Fault::new(schedule.place, "/schedule", "a schedule needs a team, or it is not applied");
    team.is_none().then(|| fault().with_hint(Some(hint.to_owned())))
}

fn is_tag(text: &str) -> bool {
    let allowed = |sign: char| sign.is_alphanumeric() || "-_.:/@".contains(sign);
    (1..=TAG_CHARACTERS).contains(&text.chars().count()) && text.chars().all(allowed)
}

fn neptune(node: &Node) -> Option<&Node> {
    node.field("metadata")?.field("neptune")
}

/// Pico-US-dollars of a decimal amount of US dollars.
fn pico_usd(text: &str) -> Option<i64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let is_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !is_digits(whole) || !is_digits(fraction) || fraction.len() > FRACTION_DIGITS {
        return None;
    }
    format!("{whole}{fraction:0<FRACTION_DIGITS$}").parse().ok()
}
