//! From a document to a [`Definition`]: names are resolved, expressions compiled, and what Neptune does not
//! run is refused.

mod cron;
mod references;
mod tasks;
mod values;

use crate::{
    definition::{Definition, Part, Step, Trigger},
    fault::Fault,
    grammar,
    source::{Content, Node},
};
use references::References;

/// Variables that every expression may use.
pub const VARIABLES: [&str; 8] =
    ["$context", "$input", "$output", "$workflow", "$runtime", "$task", "$secrets", "$authorization"];

/// Reads a definition in YAML or JSON.
///
/// # Errors
/// Every fault of the document, in its order.
pub fn read(text: &str) -> Result<Definition, Vec<Fault>> {
    let document = Node::read(text).map_err(|fault| vec![fault])?;
    let faults = grammar::check(&document);
    if !faults.is_empty() {
        return Err(faults);
    }
    let mut compiler = Compiler::new(&document);
    let definition = compiler.definition(&document);
    if compiler.faults.is_empty() {
        return Ok(definition);
    }
    compiler.faults.sort_by_key(|fault| fault.place);
    compiler.faults.dedup();
    Err(compiler.faults)
}

struct Compiler<'a> {
    references: References<'a>,
    /// Variables of loops and of caught errors around.
    variables: Vec<String>,
    faults: Vec<Fault>,
    steps: Vec<Step>,
    expressions: usize,
}

impl<'a> Compiler<'a> {
    fn new(document: &'a Node) -> Self {
        Self {
            references: References::new(document),
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
        for (field, inner) in [("input", "from"), ("output", "as")] {
            self.shaping(document, field, inner, "");
        }
        if let Some(tasks) = document.field("do") {
            self.list(tasks, "/do", 0);
        }
        let steps = std::mem::take(&mut self.steps);
        let parts = self.parts(document);
        Definition {
            namespace: head("namespace").to_owned(),
            name: head("name").to_owned(),
            version: head("version").to_owned(),
            title: document.field("document").and_then(|head| text_of(head, "title")).map(str::to_owned),
            limit: self.limit(document, ""),
            schedule: self.schedule(document),
            steps,
            parts,
            expressions: self.expressions,
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
        let Some(schedule) = document.field("schedule") else { return Vec::new() };
        let mut triggers = Vec::new();
        if let (Some(pattern), Some(node)) = (text_of(schedule, "cron"), schedule.field("cron")) {
            if let Some(message) = cron::fault(pattern) {
                self.fault(node, "/schedule/cron", message, None);
            }
            triggers.push(Trigger::Cron(pattern.to_owned()));
        }
        let every = self.duration_field(schedule, "every", "/schedule");
        triggers.extend(every.map(Trigger::Every));
        let after = self.duration_field(schedule, "after", "/schedule");
        triggers.extend(after.map(Trigger::After));
        if let Some(on) = schedule.field("on") {
            triggers.push(Trigger::Events(self.consumption(on, "/schedule/on")));
        }
        triggers
    }

    /// Functions and extensions.
    fn parts(&mut self, document: &Node) -> Vec<Part> {
        let mut parts = Vec::new();
        let Some(used) = document.field("use") else { return parts };
        if let Some(Content::Object(functions)) = used.field("functions").map(|node| &node.content) {
            for (key, task) in functions {
                self.task((&key.name, task), &grammar::below("/use/functions", &key.name), &[], 0);
                parts.push(Part { title: format!("function `{}`", key.name), steps: std::mem::take(&mut self.steps) });
            }
        }
        if let Some(Content::List(extensions)) = used.field("extensions").map(|node| &node.content) {
            for (index, (key, extension)) in extensions.iter().flat_map(entries).enumerate() {
                let pointer = format!("/use/extensions/{index}/{}", key.name);
                self.expression_field(extension, "when", &pointer);
                for moment in ["before", "after"] {
                    let Some(tasks) = extension.field(moment) else { continue };
                    self.list(tasks, &format!("{pointer}/{moment}"), 0);
                    let steps = std::mem::take(&mut self.steps);
                    parts.push(Part { title: format!("extension `{}`, {moment}", key.name), steps });
                }
            }
        }
        parts
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
