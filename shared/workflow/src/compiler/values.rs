//! Expressions, values with expressions inside, and durations.

use super::{Compiler, VARIABLES, entries, text_of};
use crate::{
    definition::{DataFlow, Duration, Schema, Template},
    expression::{Expression, Unreadable},
    grammar::{self, below},
    source::{Content, Key, Node},
};
use serde_json::Value;

impl Compiler<'_> {
    /// An expression where nothing else may stand; the wrapper may be left out.
    pub(super) fn expression(&mut self, node: &Node, pointer: &str) -> Option<Expression> {
        let Content::Text(text) = &node.content else { return None };
        let inner = grammar::expression(text).unwrap_or(text);
        self.compile(inner, text, node, pointer)
    }

    fn compile(&mut self, inner: &str, text: &str, node: &Node, pointer: &str) -> Option<Expression> {
        let scoped = self.variables.iter().map(String::as_str);
        let variables: Vec<&str> = VARIABLES.into_iter().chain(scoped).collect();
        match Expression::compile(inner, &variables) {
            Ok(expression) => {
                self.expressions += 1;
                self.secrets_are_declared(&expression, node, pointer);
                Some(expression)
            }
            Err(Unreadable::Unknown { name, .. })
                if name.starts_with('$') && self.doubts.is_variable_unclear(pointer) =>
            {
                None
            }
            Err(unreadable) => {
                let hint = grammar::wrapper(text).or_else(|| instead(&unreadable, inner));
                self.fault(node, pointer, unreadable.to_string(), hint);
                None
            }
        }
    }

    pub(super) fn expression_field(&mut self, node: &Node, name: &str, pointer: &str) -> Option<Expression> {
        let inner = node.field(name)?;
        self.expression(inner, &below(pointer, name))
    }

    /// A value in which texts may be expressions, which are then the whole text. What is faulty in it is null.
    pub(super) fn template(&mut self, node: &Node, pointer: &str) -> Template {
        match &node.content {
            Content::Text(text) => self.template_text(text, node, pointer),
            Content::List(items) => {
                let items = items.iter().enumerate();
                Template::list(items.map(|(index, item)| self.template(item, &format!("{pointer}/{index}"))).collect())
            }
            Content::Object(fields) => {
                let field =
                    |(key, inner): &(Key, Node)| (key.name.clone(), self.template(inner, &below(pointer, &key.name)));
                Template::object(fields.iter().map(field).collect())
            }
            Content::Null | Content::Flag(_) | Content::Number(_) => Template::Fixed(node.to_json()),
        }
    }

    fn template_text(&mut self, text: &str, node: &Node, pointer: &str) -> Template {
        if let Some(inner) = grammar::expression(text) {
            let compiled = self.compile(inner, text, node, pointer);
            return compiled.map_or(Template::Fixed(Value::Null), Template::Expression);
        }
        if text.trim_start().starts_with("${") {
            let hint = Some("end it with `}`, or write all of it as one expression".to_owned());
            self.fault(node, pointer, "the expression is not the whole text", hint);
        } else if let Some(at) = text.find("${") {
            let before: String = text.get(..at).unwrap_or("").chars().take(20).collect();
            let hint = Some(format!("write `${{ \"{before}\\(…)\" }}`"));
            self.fault(node, pointer, "an expression inside of a text is not evaluated", hint);
        } else if let Some(hint) = grammar::wrapper(text) {
            self.fault(node, pointer, "this is taken as it stands, not as an expression", Some(hint));
        }
        Template::Fixed(Value::String(text.to_owned()))
    }

    /// `input.from`, `output.as` and `export.as`: a text is an expression, an object has some.
    pub(super) fn shaping(&mut self, node: &Node, field: &str, inner: &str, pointer: &str) -> Option<Template> {
        let value = node.field(field)?.field(inner)?;
        let pointer = format!("{pointer}/{field}/{inner}");
        match &value.content {
            Content::Text(_) => self.expression(value, &pointer).map(Template::Expression),
            _ => Some(self.template(value, &pointer)),
        }
    }

    /// What is made of input and output, and what both must be.
    pub(super) fn data(&mut self, node: &Node, pointer: &str) -> DataFlow {
        DataFlow {
            input_schema: self.schema(node, "input", pointer),
            input: self.shaping(node, "input", "from", pointer),
            output: self.shaping(node, "output", "as", pointer),
            output_schema: self.schema(node, "output", pointer),
            export: self.shaping(node, "export", "as", pointer),
            export_schema: self.schema(node, "export", pointer),
        }
    }

    fn schema(&mut self, node: &Node, field: &str, pointer: &str) -> Option<Schema> {
        let schema = node.field(field)?.field("schema")?;
        let pointer = format!("{pointer}/{field}/schema");
        if let Some(resource) = schema.field("resource") {
            let hint = Some("write the schema itself below `document`".to_owned());
            self.fault(resource, &below(&pointer, "resource"), "schemas are not fetched by Neptune", hint);
        }
        if let Some(format) = text_of(schema, "format")
            && format != "json"
            && !format.starts_with("json:")
        {
            let message = format!("schemas of the format {format} are not known");
            self.fault(schema, &below(&pointer, "format"), message, Some("write `format: json`".to_owned()));
        }
        let document = schema.field("document")?;
        Schema::compile(document.to_json())
            .map_err(|message| self.fault(document, &below(&pointer, "document"), message, None))
            .ok()
    }

    /// The time that a task or workflow may take.
    pub(super) fn limit(&mut self, node: &Node, pointer: &str) -> Option<Duration> {
        let timeout = node.field("timeout")?;
        let pointer = below(pointer, "timeout");
        match &timeout.content {
            Content::Text(name) => match self.references.find("timeouts", name) {
                Some(timeout) => self.duration_field(timeout, "after", &below("/use/timeouts", name)),
                None => {
                    self.must_exist("timeouts", name, timeout, &pointer);
                    None
                }
            },
            _ => self.duration_field(timeout, "after", &pointer),
        }
    }

    pub(super) fn duration_field(&mut self, node: &Node, name: &str, pointer: &str) -> Option<Duration> {
        let inner = node.field(name)?;
        self.duration(inner, &below(pointer, name))
    }

    /// The same where the official schema says nothing of the field, so that its form was not checked before.
    pub(super) fn further_duration(&mut self, node: &Node, name: &str, pointer: &str) -> Option<Duration> {
        let (inner, pointer) = (node.field(name)?, below(pointer, name));
        let faults = if self.is_new { grammar::duration_faults(inner, &pointer) } else { Vec::new() };
        if faults.is_empty() {
            return self.duration(inner, &pointer);
        }
        self.faults.extend(faults);
        None
    }

    pub(super) fn duration(&mut self, node: &Node, pointer: &str) -> Option<Duration> {
        if let Content::Text(text) = &node.content {
            if grammar::expression(text).is_some() {
                return self.expression(node, pointer).map(Duration::Computed);
            }
            return grammar::duration_ms(text).map(Duration::FixedMs);
        }
        let total = entries(node).try_fold(0_u64, |sum, (key, number)| {
            let unit_ms = grammar::unit_ms(&key.name).unwrap_or(1);
            whole(number)?.checked_mul(unit_ms)?.checked_add(sum)
        });
        // What is no number is told by its form.
        if total.is_none() && entries(node).all(|(_, number)| matches!(number.content, Content::Number(_))) {
            self.fault(node, pointer, "a duration must not be negative, nor longer than can be counted", None);
        }
        total.map(Duration::FixedMs)
    }
}

/// A whole number that is not negative.
pub(super) fn whole(node: &Node) -> Option<u64> {
    match &node.content {
        Content::Number(number) => number.as_u64(),
        _ => None,
    }
}

/// What was meant by an expression that is none, or uses what does not exist.
fn instead(unreadable: &Unreadable, text: &str) -> Option<String> {
    match unreadable {
        Unreadable::Syntax(_) if text.contains("&&") || text.contains("||") => {
            Some("jq writes `and`, `or` and `not`".to_owned())
        }
        Unreadable::Syntax(_) if text.contains("===") || text.contains('\'') => {
            Some("jq compares with `==` and quotes with `\"`".to_owned())
        }
        Unreadable::Unknown { name, .. } if ["$steps", "$tasks", "$outputs"].contains(&name.as_str()) => {
            Some("another task's output is `$runtime.metadata.steps.NAME`".to_owned())
        }
        _ => None,
    }
}
