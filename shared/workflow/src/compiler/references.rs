//! Names that stand for something else of the document.

use super::{Compiler, entries, text_of};
use crate::{
    fault::nearest,
    grammar::below,
    source::{Content, Node},
};

/// Functions of the default catalogue.
const FUNCTIONS: [&str; 5] = ["model", "notify", "approval", "governance.redact", "feedback"];
/// Protocols of the language that Neptune does not call.
const REFUSED: [&str; 4] = ["asyncapi", "grpc", "a2a", "mcp"];

/// What a document declares under `use`.
pub(super) struct References<'a> {
    used: Option<&'a Node>,
}

impl<'a> References<'a> {
    pub(super) fn new(document: &'a Node) -> Self {
        Self { used: document.field("use") }
    }

    /// The node that `name` stands for in a section.
    pub(super) fn find(&self, section: &str, name: &str) -> Option<&'a Node> {
        self.used?.field(section)?.field(name)
    }

    fn names(&self, section: &str) -> Vec<&'a str> {
        let section = self.used.and_then(|used| used.field(section));
        section.into_iter().flat_map(entries).map(|(key, _)| key.name.as_str()).collect()
    }
}

impl Compiler<'_> {
    /// A fault unless `name` is declared in a section of `use`.
    pub(super) fn must_exist(&mut self, section: &str, name: &str, node: &Node, pointer: &str) {
        if self.references.find(section, name).is_some() {
            return;
        }
        let hint = nearest(name, self.references.names(section)).map(|one| format!("did you mean `{one}`?"));
        let hint = hint.or_else(|| match section {
            "timeouts" => Some("a timeout in place is `{after: {seconds: 30}}`".to_owned()),
            _ => Some(format!("declare it under `use: {{{section}: …}}`")),
        });
        self.fault(node, pointer, format!("there is no `{name}` in use.{section}"), hint);
    }

    /// A fault unless a function can be called; whether its arguments are worth a look.
    pub(super) fn callable(&mut self, task: &Node, pointer: &str) -> bool {
        let (Some(function), Some(node)) = (text_of(task, "call"), task.field("call")) else { return false };
        let pointer = below(pointer, "call");
        if function == "http" || function == "openapi" || function.contains("://") {
            return true;
        }
        if REFUSED.contains(&function) {
            let hint = Some("call http, openapi, or a function".to_owned());
            self.fault(node, &pointer, format!("calls of {function} are not made by Neptune"), hint);
            return false;
        }
        match function.split_once('@') {
            Some((name, "default")) => {
                let bare = name.split_once(':').map_or(name, |(bare, _)| bare);
                if !FUNCTIONS.contains(&bare) {
                    let message = format!("the default catalogue has {}, not `{bare}`", FUNCTIONS.join(", "));
                    let hint = nearest(bare, FUNCTIONS).map(|one| format!("did you mean `{one}`?"));
                    self.fault(node, &pointer, message, hint);
                }
            }
            Some((_, catalog)) => self.must_exist("catalogs", catalog, node, &pointer),
            None if FUNCTIONS.contains(&function) => {
                let hint = Some(format!("write `{function}:1.0.0@default`"));
                self.fault(node, &pointer, format!("`{function}` needs its version and catalogue"), hint);
            }
            None => self.must_exist("functions", function, node, &pointer),
        }
        true
    }

    /// Faults where an authentication that is referred to is not declared.
    pub(super) fn authentications(&mut self, node: &Node, pointer: &str) {
        for (key, inner) in entries(node) {
            let pointer = below(pointer, &key.name);
            if key.name == "authentication"
                && let Some(name) = text_of(inner, "use")
            {
                self.must_exist("authentications", name, inner, &below(&pointer, "use"));
            } else if key.name == "endpoint" && matches!(inner.content, Content::Object(_)) {
                self.authentications(inner, &pointer);
            }
        }
    }
}
