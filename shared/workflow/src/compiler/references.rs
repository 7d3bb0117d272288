//! Names that stand for something else of the document.

use super::{Compiler, entries, text_of};
use crate::{
    definition::{Builtin, Function},
    fault::nearest,
    grammar::below,
    source::{Content, Node},
};

/// Functions of the default catalogue.
const FUNCTIONS: [&str; 5] = ["model", "notify", "approval", "governance.redact", "feedback"];
/// The major version of them that Neptune has.
const MAJOR: &str = "1.";
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

    /// Where in a section `name` stands.
    pub(super) fn position(&self, section: &str, name: &str) -> Option<usize> {
        self.names(section).iter().position(|one| *one == name)
    }

    /// The same with each authentication that is referred to in its place.
    pub(super) fn resolved(&self, node: &Node) -> Node {
        let content = match &node.content {
            Content::Object(fields) => Content::Object(
                fields
                    .iter()
                    .map(|(key, inner)| {
                        let named = (key.name == "authentication")
                            .then(|| text_of(inner, "use"))
                            .flatten()
                            .and_then(|name| self.find("authentications", name));
                        (key.clone(), named.cloned().unwrap_or_else(|| self.resolved(inner)))
                    })
                    .collect(),
            ),
            other => other.clone(),
        };
        Node { place: node.place, content }
    }

    fn names(&self, section: &str) -> Vec<&'a str> {
        let section = self.used.and_then(|used| used.field(section));
        section.into_iter().flat_map(entries).map(|(key, _)| key.name.as_str()).collect()
    }
}

impl Compiler<'_> {
    /// A fault unless `name` is declared in a section of `use`.
    pub(super) fn must_exist(&mut self, section: &str, name: &str, node: &Node, pointer: &str) {
        if self.references.find(section, name).is_some() || self.doubts.is_section_unclear(section) {
            return;
        }
        let hint = nearest(name, self.references.names(section)).map(|one| format!("did you mean `{one}`?"));
        let hint = hint.or_else(|| match section {
            "timeouts" => Some("a timeout in place is `{after: {seconds: 30}}`".to_owned()),
            _ => Some(format!("declare it under `use: {{{section}: …}}`")),
        });
        self.fault(node, pointer, format!("there is no `{name}` in use.{section}"), hint);
    }

    /// The function that a task calls, or a fault; none if its arguments are not worth a look.
    pub(super) fn function(&mut self, task: &Node, pointer: &str) -> Option<Function> {
        let (function, node) = (text_of(task, "call")?, task.field("call")?);
        let pointer = below(pointer, "call");
        match function {
            "http" => return Some(Function::Http),
            "openapi" => return Some(Function::Openapi),
            _ if function.contains("://") => return Some(Function::Remote(function.to_owned())),
            _ => {}
        }
        if REFUSED.contains(&function) {
            let hint = Some("call http, openapi, or a function".to_owned());
            self.fault(node, &pointer, format!("calls of {function} are not made by Neptune"), hint);
            return None;
        }
        match function.split_once('@') {
            Some((name, "default")) => Some(self.builtin(name, node, &pointer)),
            Some((_, catalog)) => {
                self.must_exist("catalogs", catalog, node, &pointer);
                Some(Function::Remote(function.to_owned()))
            }
            None if FUNCTIONS.contains(&function) => {
                let hint = Some(format!("write `{function}:1.0.0@default`"));
                self.fault(node, &pointer, format!("`{function}` needs its version and catalogue"), hint);
                Some(Function::Remote(function.to_owned()))
            }
            None => {
                self.must_exist("functions", function, node, &pointer);
                Some(Function::Own(self.references.position("functions", function).unwrap_or(0)))
            }
        }
    }

    fn builtin(&mut self, name: &str, node: &Node, pointer: &str) -> Function {
        let (bare, version) = name.split_once(':').unwrap_or((name, "1.0.0"));
        let Some(builtin) = Builtin::named(bare) else {
            let message = format!("the default catalogue has {}, not `{bare}`", FUNCTIONS.join(", "));
            let hint = nearest(bare, FUNCTIONS).map(|one| format!("did you mean `{one}`?"));
            self.fault(node, pointer, message, hint);
            return Function::Remote(name.to_owned());
        };
        if !version.starts_with(MAJOR) {
            let hint = Some(format!("write `{bare}:1.0.0@default`"));
            self.fault(node, pointer, format!("version {version} of `{bare}` does not exist"), hint);
        }
        Function::Builtin(builtin)
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
