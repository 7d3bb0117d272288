//! What a document of the DSL may look like: the official JSON Schema of version 1.0.3 as tables, read
//! with the place of every part, so that a fault names line, column and what was meant.
//!
//! Stricter than the schema: unknown fields at the top of a document are faults, because a misspelt
//! `schedule` would be ignored. Laxer: an expression may stand for an event's time and an error's
//! instance, where the schema's `oneOf` refuses both readings of it.

mod calls;
mod forms;
mod functions;
mod parts;
mod reference;
mod schema;
mod tasks;

use crate::{
    fault::{Fault, nearest},
    source::{Content, Node},
};
pub(crate) use forms::wrapper;
pub use forms::{duration_ms, expression, length_ms, unit_ms};
pub use reference::{reference, words};
pub use schema::json_schema;

/// What a part of a document may be.
pub enum Shape {
    /// Anything.
    Any,
    /// A text.
    Text,
    /// A text of a form.
    Form(&'static Form),
    /// One of these texts.
    Words(&'static [&'static str]),
    /// A whole number from and to.
    Whole(i64, i64),
    /// A number from and to.
    Number(i64, i64),
    /// True or false.
    Flag,
    /// An object with known fields.
    Record(&'static Record),
    /// An object with any names, and at least so many of them.
    Map(&'static Shape, usize),
    /// A list.
    List(&'static Shape),
    /// A list of at least so many objects of one field each: a name and this.
    Named(&'static Shape, usize),
    /// The first of these that is of the same kind.
    Either(&'static [Shape]),
    /// A task.
    Task,
    /// The first to the official schema, the second to Neptune, which says more.
    Beyond(&'static Shape, &'static Shape),
}

/// A form of text.
pub struct Form {
    /// Whether a text has it.
    pub fits: fn(&str) -> bool,
    /// What it is called.
    pub meaning: &'static str,
}

/// An object with known fields.
pub struct Record {
    /// What it is called.
    pub meaning: &'static str,
    /// Its fields, in groups that several records share.
    pub fields: &'static [&'static [Field]],
    /// Groups of fields of which exactly one must be there.
    pub one_of: &'static [&'static [&'static str]],
    /// A field that may stand alone in place of all others.
    pub or_only: Option<&'static str>,
    /// Whether other fields may be there.
    pub is_open: bool,
    /// What else must hold; the text says what does not.
    pub rule: Option<fn(&Node) -> Option<&'static str>>,
}

/// A field of a record.
pub struct Field {
    name: &'static str,
    shape: &'static Shape,
    is_required: bool,
    /// What it is for; empty where the official schema says it.
    note: &'static str,
}

impl Field {
    const fn saying(self, note: &'static str) -> Self {
        Self { note, ..self }
    }
}

const fn may(name: &'static str, shape: &'static Shape) -> Field {
    Field { name, shape, is_required: false, note: "" }
}

const fn must(name: &'static str, shape: &'static Shape) -> Field {
    Field { name, shape, is_required: true, note: "" }
}

const fn record(meaning: &'static str, fields: &'static [&'static [Field]]) -> Record {
    Record { meaning, fields, one_of: &[], or_only: None, is_open: false, rule: None }
}

/// Every fault of a document by the official schema, in its order.
#[must_use]
pub fn check(document: &Node) -> Vec<Fault> {
    checked(document, false)
}

/// The same, and besides what the official schema leaves open and Neptune does not: the arguments of its own
/// functions, and `metadata.neptune`.
#[must_use]
pub fn lint(document: &Node) -> Vec<Fault> {
    checked(document, true)
}

fn checked(document: &Node, is_beyond: bool) -> Vec<Fault> {
    let mut checker = Checker { faults: Vec::new(), is_beyond };
    checker.shape(document, &parts::WORKFLOW, "");
    checker.faults.sort_by_key(|fault| fault.place);
    checker.faults
}

/// Every fault of a length of time, where it stands in a part of a document that the official schema leaves open.
pub(crate) fn duration_faults(node: &Node, pointer: &str) -> Vec<Fault> {
    let mut checker = Checker { faults: Vec::new(), is_beyond: true };
    checker.shape(node, &parts::DURATION, pointer);
    checker.faults
}

struct Checker {
    faults: Vec<Fault>,
    /// Whether what Neptune says beyond the official schema is checked.
    is_beyond: bool,
}

impl Checker {
    fn fault(&mut self, node: &Node, pointer: &str, message: String, hint: Option<String>) {
        self.faults.push(Fault::new(node.place, pointer, message).with_hint(hint));
    }

    fn shape(&mut self, node: &Node, shape: &Shape, pointer: &str) {
        match (shape, &node.content) {
            (Shape::Any, _) | (Shape::Text, Content::Text(_)) | (Shape::Flag, Content::Flag(_)) => {}
            (Shape::Form(form), Content::Text(text)) if (form.fits)(text) => {}
            (Shape::Words(words), Content::Text(text)) => self.word(node, words, text, pointer),
            (Shape::Whole(least, most), Content::Number(number)) if is_whole(number, *least, *most) => {}
            (Shape::Number(least, most), Content::Number(number)) if is_between(number, *least, *most) => {}
            (Shape::Beyond(official, own), _) => self.shape(node, if self.is_beyond { own } else { official }, pointer),
            (Shape::Record(record), Content::Object(_)) => self.record(node, record, pointer),
            (Shape::Map(shape, least), Content::Object(fields)) => {
                if fields.len() < *least {
                    self.fault(node, pointer, "must not be empty".to_owned(), None);
                }
                for (key, node) in fields {
                    self.shape(node, shape, &below(pointer, &key.name));
                }
            }
            (Shape::List(shape), Content::List(items)) => {
                for (index, item) in items.iter().enumerate() {
                    self.shape(item, shape, &format!("{pointer}/{index}"));
                }
            }
            (Shape::Named(shape, least), Content::List(items)) => self.named(node, items, (shape, *least), pointer),
            (Shape::Either(shapes), _) => self.either(node, shapes, pointer),
            (Shape::Task, Content::Object(_)) => self.task(node, pointer),
            (expected, _) => {
                let message = format!("must be {}, not {}", meaning(expected), kind(node));
                let hint = forms::unit_hint(pointer, node).or_else(|| forms::hint(expected, node));
                self.fault(node, pointer, message, hint);
            }
        }
    }

    fn word(&mut self, node: &Node, words: &[&str], text: &str, pointer: &str) {
        if !words.contains(&text) {
            let hint = nearest(text, words.iter().copied()).map(|word| format!("did you mean `{word}`?"));
            self.fault(node, pointer, format!("must be {}, not `{text}`", words.join(", ")), hint);
        }
    }

    fn named(&mut self, list: &Node, items: &[Node], (shape, least): (&Shape, usize), pointer: &str) {
        if items.len() < least {
            self.fault(list, pointer, format!("must have at least {least} entry"), None);
        }
        for (index, item) in items.iter().enumerate() {
            let place = format!("{pointer}/{index}");
            match &item.content {
                Content::Object(fields) if fields.len() == 1 => {
                    for (key, node) in fields {
                        self.shape(node, shape, &below(&place, &key.name));
                    }
                }
                Content::Object(fields) => {
                    let hint = "indent the fields of an entry below its name, and begin each entry with `- `";
                    let message = format!("must be one name with its content, not {} fields", fields.len());
                    self.fault(item, &place, message, Some(hint.to_owned()));
                }
                _ => self.fault(item, &place, format!("must be one name with its content, not {}", kind(item)), None),
            }
        }
    }

    fn either(&mut self, node: &Node, shapes: &[Shape], pointer: &str) {
        let mut nearest: Option<Vec<Fault>> = None;
        for shape in shapes {
            let mut inner = Self { faults: Vec::new(), is_beyond: self.is_beyond };
            inner.shape(node, shape, pointer);
            if inner.faults.is_empty() {
                return;
            }
            // Faults inside of an alternative of the same kind say more than that no alternative fits.
            let is_same_kind = matches!(
                (shape, &node.content),
                (Shape::Record(_) | Shape::Map(..) | Shape::Task, Content::Object(_))
                    | (Shape::List(_), Content::List(_))
            );
            if is_same_kind && nearest.is_none() {
                nearest = Some(inner.faults);
            }
        }
        if let Some(faults) = nearest {
            self.faults.extend(faults);
            return;
        }
        let meanings: Vec<String> = shapes.iter().map(meaning).collect();
        let hint = shapes.iter().find_map(|shape| forms::hint(shape, node));
        self.fault(node, pointer, format!("must be {}, not {}", meanings.join(" or "), kind(node)), hint);
    }

    fn task(&mut self, node: &Node, pointer: &str) {
        let Content::Object(fields) = &node.content else { return };
        let kinds: Vec<&str> = tasks::kinds(fields.iter().map(|(key, _)| key.name.as_str()));
        match kinds.as_slice() {
            [one] => {
                let record = tasks::record_of(one, node, self.is_beyond);
                self.record(node, record, pointer);
            }
            [] => {
                let misspelt = fields.iter().find_map(|(key, _)| nearest(&key.name, tasks::KINDS.iter().copied()));
                let hint = misspelt.map(|kind| format!("did you mean `{kind}`?"));
                self.fault(node, pointer, format!("is no task: it has none of {}", tasks::KINDS.join(", ")), hint);
            }
            several => {
                let message = format!("is several tasks in one: {}", several.join(", "));
                self.fault(node, pointer, message, Some("give each its own name in the list".to_owned()));
            }
        }
    }

    fn record(&mut self, node: &Node, record: &Record, pointer: &str) {
        let Content::Object(present) = &node.content else { return };
        let known = || record.fields.iter().copied().flatten();
        for (key, value) in present {
            match known().find(|field| field.name == key.name) {
                Some(field) => self.shape(value, field.shape, &below(pointer, &key.name)),
                None if record.is_open => {}
                None => {
                    let names = || known().map(|field| field.name);
                    let misspelt = || nearest(&key.name, names()).map(|name| format!("did you mean `{name}`?"));
                    let hint = forms::misplaced(&key.name, record.meaning).or_else(misspelt);
                    let names: Vec<&str> = names().collect();
                    let message =
                        format!("{} has no field `{}`; it has {}", record.meaning, key.name, names.join(", "));
                    self.faults.push(Fault::new(key.place, below(pointer, &key.name), message).with_hint(hint));
                }
            }
        }
        self.completeness(node, record, pointer);
    }

    fn completeness(&mut self, node: &Node, record: &Record, pointer: &str) {
        let has = |name: &str| node.field(name).is_some();
        if record.or_only.is_some_and(has) {
            if let Content::Object(fields) = &node.content
                && fields.len() > 1
            {
                let only = record.or_only.unwrap_or_default();
                self.fault(node, pointer, format!("{} has either `{only}` or the other fields", record.meaning), None);
            }
            return;
        }
        for field in record.fields.iter().copied().flatten().filter(|field| field.is_required && !has(field.name)) {
            self.fault(node, pointer, format!("{} needs `{}`", record.meaning, field.name), None);
        }
        for group in record.one_of {
            let count = group.iter().filter(|name| has(name)).count();
            if count != 1 {
                let message = format!("{} needs exactly one of {}", record.meaning, group.join(", "));
                self.fault(node, pointer, message, None);
            }
        }
        if let Some(message) = record.rule.and_then(|rule| rule(node)) {
            self.fault(node, pointer, message.to_owned(), None);
        }
    }
}

/// A JSON pointer one name further down.
#[must_use]
pub fn below(pointer: &str, name: &str) -> String {
    format!("{pointer}/{}", name.replace('~', "~0").replace('/', "~1"))
}

fn is_whole(number: &serde_json::Number, least: i64, most: i64) -> bool {
    let whole = number.as_i64().is_some_and(|number| (least..=most).contains(&number));
    // 1.0 is an integer to JSON Schema.
    let bounds = least as f64..=most as f64;
    whole || number.as_f64().is_some_and(|float| !number.is_i64() && float.fract() == 0.0 && bounds.contains(&float))
}

fn is_between(number: &serde_json::Number, least: i64, most: i64) -> bool {
    number.as_f64().is_some_and(|number| (least as f64..=most as f64).contains(&number))
}

fn kind(node: &Node) -> String {
    match &node.content {
        Content::Null => "nothing".to_owned(),
        Content::Flag(flag) => flag.to_string(),
        Content::Number(number) => format!("the number {number}"),
        Content::Text(text) => format!("the text `{}`", text.chars().take(60).collect::<String>()),
        Content::List(_) => "a list".to_owned(),
        Content::Object(_) => "an object".to_owned(),
    }
}

fn meaning(shape: &Shape) -> String {
    match shape {
        Shape::Any => "anything".to_owned(),
        Shape::Text => "a text".to_owned(),
        Shape::Form(form) => form.meaning.to_owned(),
        Shape::Words(words) => words.join(", "),
        Shape::Whole(i64::MIN, _) => "a whole number".to_owned(),
        Shape::Whole(least, i64::MAX) => format!("a whole number from {least}"),
        Shape::Whole(least, most) => format!("a whole number from {least} to {most}"),
        Shape::Number(least, most) => format!("a number from {least} to {most}"),
        Shape::Flag => "true or false".to_owned(),
        Shape::Record(record) => record.meaning.to_owned(),
        Shape::Map(..) => "an object".to_owned(),
        Shape::List(_) | Shape::Named(..) => "a list".to_owned(),
        Shape::Either(shapes) => shapes.iter().map(meaning).collect::<Vec<_>>().join(" or "),
        Shape::Task => "a task".to_owned(),
        Shape::Beyond(_, own) => meaning(own),
    }
}
