//! From a document to a [`Definition`]: names are resolved, expressions compiled, and what Neptune does not
//! run is refused.

mod arguments;
mod catching;
mod layers;
mod listening;
mod references;
mod settings;
mod tasks;
mod values;

use crate::{
    definition::{Definition, Duration, Extension, Part, Read, Step, Trigger},
    fault::Fault,
    grammar,
    schedule::Cron,
    source::{Content, Node},
};
use layers::Doubts;
use references::References;

/// Variables that every expression may use.
pub const VARIABLES: [&str; 8] =
    ["$context", "$input", "$output", "$workflow", "$runtime", "$task", "$secrets", "$authorization"];

/// Reads a definition in YAML or JSON, as whoever writes or applies one does.
///
/// # Errors
/// Every fault of the document, in its order: of its form, its names, its expressions, the arguments of Neptune's
/// functions, and `metadata.neptune`.
pub fn read(text: &str) -> Result<Definition, Vec<Fault>> {
    let document = Node::read(text).map_err(|fault| vec![fault])?;
    read_node(&document)
}

/// Reads a definition as [`read`] does, and also refuses what stands in the document and is refused only when it is
/// applied: a schedule whose runs nobody pays for.
///
/// # Errors
/// Every fault of the document, in its order.
pub fn lint(text: &str) -> Result<Definition, Vec<Fault>> {
    let document = Node::read(text).map_err(|fault| vec![fault])?;
    let read = read_node(&document);
    match settings::unpaid(&document) {
        None => read,
        Some(fault) => Err(layers::together(read.err().unwrap_or_default(), vec![fault])),
    }
}

/// [`read`] of a document that is a [`Node`] already, perhaps as a part of another.
///
/// # Errors
/// Every fault of the document, in its order.
pub fn read_node(document: &Node) -> Result<Definition, Vec<Fault>> {
    read_after(grammar::lint(document), document, true)
}

/// Reads a definition that was accepted before. What is checked since then does not make it unreadable: runs go on
/// by the definition that they began with.
///
/// # Errors
/// It could never be run.
pub fn accepted(text: &str) -> Result<Definition, Vec<Fault>> {
    let document = Node::read(text).map_err(|fault| vec![fault])?;
    let faults = grammar::check(&document);
    if faults.is_empty() { read_after(faults, &document, false) } else { Err(faults) }
}

fn read_after(form: Vec<Fault>, document: &Node, is_new: bool) -> Result<Definition, Vec<Fault>> {
    let mut compiler = Compiler::new(document, Doubts::of(&form));
    compiler.is_new = is_new;
    let definition = compiler.definition(document);
    let faults = layers::together(form, compiler.faults);
    if faults.is_empty() { Ok(definition) } else { Err(faults) }
}

struct Compiler<'a> {
    references: References<'a>,
    doubts: Doubts,
    /// Whether it was never accepted before.
    is_new: bool,
    /// Secrets that the document declares.
    secrets: Vec<String>,
    /// Variables of loops and of caught errors around.
    variables: Vec<String>,
    faults: Vec<Fault>,
    steps: Vec<Step>,
    expressions: usize,
}

impl<'a> Compiler<'a> {
    fn new(document: &'a Node, doubts: Doubts) -> Self {
        Self {
            references: References::new(document),
            doubts,
            is_new: true,
            secrets: secrets(document),
            variables: Vec::new(),
            faults: Vec::new(),
            steps: Vec::new(),
            expressions: 0,
        }
    }

    fn fault(&mut self, node: &Node, pointer: &str, message: impl Into<String>, hint: Option<String>) {
        self.faults.push(Fault::new(node.place, pointer, message).with_hint(hint));
    }

    fn definition(&mut self, document: &Node) -> Definition {
        self.language(document);
        let head = |name: &str| document.field("document").and_then(|head| text_of(head, name)).unwrap_or_default();
        let data = self.data(document, "");
        if let Some(tasks) = document.field("do") {
            self.list(tasks, "/do", 0);
        }
        let steps = std::mem::take(&mut self.steps);
        let (parts, extensions) = self.parts(document);
        let schedule = self.schedule(document);
        Definition {
            namespace: head("namespace").to_owned(),
            name: head("name").to_owned(),
            version: head("version").to_owned(),
            title: document.field("document").and_then(|head| text_of(head, "title")).map(str::to_owned),
            data,
            limit: self.limit(document, ""),
            schedule,
            schedule_read: document.field("schedule").map_or(Read::Data, listening::read),
            steps,
            functions: parts.len() - extensions.iter().flat_map(|one| [one.before, one.after]).flatten().count(),
            parts,
            extensions,
            settings: self.settings(document),
            secrets: std::mem::take(&mut self.secrets),
            expressions: self.expressions,
            document: document.to_json(),
        }
    }

    fn language(&mut self, document: &Node) {
        if let Some(node) = document.field("document").and_then(|head| head.field("dsl"))
            && let Content::Text(version) = &node.content
            && !version.starts_with("1.0.")
        {
            let hint = Some("write dsl: '1.0.3'".to_owned());
            self.fault(node, "/document/dsl", format!("version {version} of the language is not known"), hint);
        }
        if let Some(node) = document.field("evaluate").and_then(|evaluate| evaluate.field("language"))
            && !matches!(&node.content, Content::Text(language) if language == "jq")
        {
            self.fault(node, "/evaluate/language", "expressions are written in jq only", None);
        }
    }

    fn schedule(&mut self, document: &Node) -> Vec<Trigger> {
        let zone = self.zone(document);
        let Some(schedule) = document.field("schedule") else { return Vec::new() };
        let mut triggers = Vec::new();
        if let (Some(pattern), Some(node)) = (text_of(schedule, "cron"), schedule.field("cron")) {
            match Cron::read(pattern) {
                Ok(cron) => triggers.push(Trigger::Cron(cron.in_zone(zone))),
                Err(message) => self.fault(node, "/schedule/cron", message, None),
            }
        }
        triggers.extend(self.fixed(schedule, "every").map(Trigger::Every));
        triggers.extend(self.fixed(schedule, "after").map(Trigger::After));
        if let Some(on) = schedule.field("on") {
            triggers.push(Trigger::Events(self.consumption(on, "/schedule/on")));
        }
        triggers
    }

    /// A length of time before there is a run, and with it anything that an expression could be about.
    fn fixed(&mut self, schedule: &Node, name: &str) -> Option<Duration> {
        let duration = self.duration_field(schedule, name, "/schedule")?;
        if let (true, Duration::Computed(_), Some(node)) = (self.is_new, &duration, schedule.field(name)) {
            let hint = Some(format!("write `{name}: PT1H`; no run is there yet that an expression could see"));
            let pointer = grammar::below("/schedule", name);
            self.fault(node, &pointer, "the length must be said here, not made by an expression", hint);
        }
        Some(duration)
    }

    /// Functions, then extensions.
    fn parts(&mut self, document: &Node) -> (Vec<Part>, Vec<Extension>) {
        let (mut parts, mut extensions) = (Vec::new(), Vec::new());
        let Some(used) = document.field("use") else { return (parts, extensions) };
        for (key, task) in used.field("functions").into_iter().flat_map(entries) {
            self.task((&key.name, task), &grammar::below("/use/functions", &key.name), &[], 0);
            parts.push(Part { title: format!("function `{}`", key.name), steps: std::mem::take(&mut self.steps) });
        }
        if let Some(Content::List(items)) = used.field("extensions").map(|node| &node.content) {
            for (index, (key, extension)) in items.iter().flat_map(entries).enumerate() {
                let pointer = format!("/use/extensions/{index}/{}", key.name);
                let when = self.expression_field(extension, "when", &pointer);
                let mut moment = |moment: &str| {
                    self.list(extension.field(moment)?, &format!("{pointer}/{moment}"), 0);
                    let steps = std::mem::take(&mut self.steps);
                    parts.push(Part { title: format!("extension `{}`, {moment}", key.name), steps });
                    Some(parts.len() - 1)
                };
                let (before, after) = (moment("before"), moment("after"));
                let extend = text_of(extension, "extend").unwrap_or("all").to_owned();
                extensions.push(Extension { extend, when, before, after });
            }
        }
        (parts, extensions)
    }
}

/// Names of secrets that a workflow uses.
fn secrets(document: &Node) -> Vec<String> {
    match document.field("use").and_then(|used| used.field("secrets")).map(|node| &node.content) {
        Some(Content::List(names)) => {
            let name = |node: &Node| match &node.content {
                Content::Text(name) => Some(name.clone()),
                _ => None,
            };
            names.iter().filter_map(name).collect()
        }
        _ => Vec::new(),
    }
}

/// A text field of an object.
fn text_of<'a>(node: &'a Node, name: &str) -> Option<&'a str> {
    match node.field(name).map(|node| &node.content) {
        Some(Content::Text(text)) => Some(text),
        _ => None,
    }
}

/// The fields of an object.
fn entries(node: &Node) -> impl Iterator<Item = &(crate::source::Key, Node)> {
    match &node.content {
        Content::Object(fields) => fields.as_slice(),
        _ => &[],
    }
    .iter()
}
