//! Arguments of calls that stand in the document, and can be no good whatever a run is about; secrets that are used.

use super::{Compiler, text_of};
use crate::{
    definition::{Builtin, Function},
    expression::Expression,
    fault::nearest,
    grammar::{self, below},
    source::Node,
};

/// Methods of HTTP that a call may have.
const METHODS: [&str; 8] = ["get", "head", "post", "put", "patch", "delete", "options", "trace"];

impl Compiler<'_> {
    /// Faults of the arguments of a call.
    pub(super) fn arguments(&mut self, function: &Function, with: &Node, pointer: &str) {
        match function {
            Function::Http => self.method(with, pointer),
            Function::Builtin(Builtin::Notify | Builtin::Approval) => self.receiver(with, pointer),
            _ => {}
        }
    }

    fn method(&mut self, with: &Node, pointer: &str) {
        let (Some(method), Some(node)) = (literal(with, "method"), with.field("method")) else { return };
        if METHODS.contains(&method.to_lowercase().as_str()) {
            return;
        }
        let hint = nearest(method, METHODS).map(|one| format!("did you mean `{one}`?"));
        let message = format!("`{method}` is no method of HTTP; there are {}", METHODS.join(", "));
        self.fault(node, &below(pointer, "method"), message, hint);
    }

    fn receiver(&mut self, with: &Node, pointer: &str) {
        let (Some(channel), Some(to)) = (literal(with, "channel"), literal(with, "to")) else { return };
        let wanted = match channel {
            "webhook" if !is_url(to) => "is no URL, to which a webhook goes",
            "email" if !is_mailbox(to) => "is no e-mail address",
            _ => return,
        };
        let example = if channel == "email" { "ann@example.com" } else { "https://hooks.example.com/path" };
        let Some(node) = with.field("to") else { return };
        let hint = Some(format!("write it like {example}, or an expression that makes it"));
        self.fault(node, &below(pointer, "to"), format!("`{to}` {wanted}"), hint);
    }

    /// Faults for secrets that an expression names and the document does not declare: they would be null.
    pub(super) fn secrets_are_declared(&mut self, expression: &Expression, node: &Node, pointer: &str) {
        if !self.is_new || self.doubts.is_section_unclear("secrets") {
            return;
        }
        for name in expression.secrets() {
            if self.secrets.iter().any(|declared| declared == name) {
                continue;
            }
            let near = nearest(name, self.secrets.iter().map(String::as_str));
            let hint = near.map(|one| format!("did you mean `{one}`?"));
            let hint = hint.unwrap_or_else(|| format!("declare it under `use: {{secrets: [{name}]}}`"));
            self.fault(node, pointer, format!("there is no `{name}` in use.secrets"), Some(hint));
        }
    }
}

/// A text of an object that is no expression.
fn literal<'a>(node: &'a Node, name: &str) -> Option<&'a str> {
    text_of(node, name).filter(|text| grammar::expression(text).is_none())
}

/// Whether a text begins like the address of a webhook. What it may reach is decided when it is sent.
fn is_url(text: &str) -> bool {
    let rest = ["https://", "http://"].iter().find_map(|scheme| text.strip_prefix(scheme));
    rest.is_some_and(|rest| rest.starts_with(|first: char| first.is_alphanumeric() || first == '['))
}

fn is_mailbox(text: &str) -> bool {
    let is_part = |part: &str| !part.is_empty() && !part.contains(char::is_whitespace);
    text.rsplit_once('@').is_some_and(|(local, domain)| is_part(local) && is_part(domain))
}
