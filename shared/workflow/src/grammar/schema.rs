//! The same tables as a JSON Schema, for editors.

use super::{Record, Shape, calls, forms, functions, parts, tasks};
use crate::{definition::Builtin, source::Node};
use serde_json::{Map, Value, json};
use std::ptr;

/// Functions whose arguments are known; others have any.
const FUNCTIONS: [&str; 6] = ["asyncapi", "grpc", "http", "openapi", "a2a", "mcp"];

/// What an expression looks like.
const EXPRESSION: &str = r"^\s*\$\{[\s\S]+\}\s*$";

/// A JSON Schema of definitions. It allows what [`super::check`] allows, but for what that says in code: rules
/// between fields, and the forms of texts.
#[must_use]
pub fn json_schema() -> Value {
    let mut schemas = Schemas::default();
    let root = schemas.shape(&parts::WORKFLOW);
    let task = schemas.task();
    schemas.definitions.insert("task".to_owned(), task);
    let mut schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A workflow that Neptune runs",
        "description": "Open Workflow Specification DSL 1.0.3. Rendered from the grammar; do not edit.",
        "$defs": schemas.definitions,
    });
    if let (Value::Object(schema), Value::Object(root)) = (&mut schema, root) {
        schema.extend(root);
    }
    schema
}

#[derive(Default)]
struct Schemas {
    definitions: Map<String, Value>,
    /// Records with a definition, and its name.
    known: Vec<(&'static Record, String)>,
}

impl Schemas {
    fn shape(&mut self, shape: &'static Shape) -> Value {
        match shape {
            Shape::Any => json!({}),
            Shape::Text => json!({"type": "string"}),
            Shape::Form(form) if form.meaning == forms::EXPRESSION.meaning => {
                json!({"type": "string", "pattern": EXPRESSION, "description": form.meaning})
            }
            Shape::Form(form) => json!({"type": "string", "description": form.meaning}),
            Shape::Words(words) => json!({"enum": words}),
            Shape::Whole(i64::MIN, _) => json!({"type": "integer"}),
            Shape::Whole(least, i64::MAX) => json!({"type": "integer", "minimum": least}),
            Shape::Whole(least, most) => json!({"type": "integer", "minimum": least, "maximum": most}),
            Shape::Number(least, most) => json!({"type": "number", "minimum": least, "maximum": most}),
            Shape::Flag => json!({"type": "boolean"}),
            Shape::Record(record) => self.record(record),
            Shape::Map(inner, least) => {
                json!({"type": "object", "additionalProperties": self.shape(inner), "minProperties": least})
            }
            Shape::List(inner) => json!({"type": "array", "items": self.shape(inner)}),
            Shape::Named(inner, least) => {
                let inner = self.shape(inner);
                let item =
                    json!({"type": "object", "minProperties": 1, "maxProperties": 1, "additionalProperties": inner});
                json!({"type": "array", "items": item, "minItems": least})
            }
            Shape::Either(shapes) => json!({"anyOf": shapes.iter().map(|one| self.shape(one)).collect::<Vec<_>>()}),
            Shape::Task => json!({"$ref": "#/$defs/task"}),
            Shape::Beyond(_, own) => self.shape(own),
        }
    }

    /// A reference to the definition of a record.
    fn record(&mut self, record: &'static Record) -> Value {
        if let Some((_, name)) = self.known.iter().find(|(known, _)| ptr::eq(*known, record)) {
            return json!({"$ref": format!("#/$defs/{name}")});
        }
        let words: String =
            record.meaning.chars().map(|one| if one.is_ascii_alphanumeric() { one } else { '-' }).collect();
        let name = format!("{}-{}", words.trim_matches('-').replace("--", "-"), self.known.len() + 1);
        self.known.push((record, name.clone()));
        let schema = self.fields(record);
        self.definitions.insert(name.clone(), schema);
        json!({"$ref": format!("#/$defs/{name}")})
    }

    fn fields(&mut self, record: &'static Record) -> Value {
        let mut properties = Map::new();
        let mut required = Vec::new();
        for field in record.fields.iter().copied().flatten() {
            let mut schema = self.shape(field.shape);
            if let (Value::Object(schema), false) = (&mut schema, field.note.is_empty()) {
                schema.insert("description".to_owned(), json!(field.note));
            }
            properties.insert(field.name.to_owned(), schema);
            if field.is_required {
                required.push(field.name);
            }
        }
        let groups = record.one_of.iter().map(|group| {
            let alternatives: Vec<Value> = group.iter().map(|name| json!({"required": [name]})).collect();
            json!({"oneOf": alternatives})
        });
        let mut complete = Map::new();
        if !required.is_empty() {
            complete.insert("required".to_owned(), json!(required));
        }
        if !record.one_of.is_empty() {
            complete.insert("allOf".to_owned(), groups.collect());
        }
        let mut schema = Map::from_iter([
            ("title".to_owned(), json!(record.meaning)),
            ("type".to_owned(), json!("object")),
            ("properties".to_owned(), Value::Object(properties)),
        ]);
        if !record.is_open {
            schema.insert("additionalProperties".to_owned(), json!(false));
        }
        match record.or_only {
            Some(only) => {
                schema.insert("if".to_owned(), json!({"required": [only]}));
                schema.insert("then".to_owned(), json!({"maxProperties": 1}));
                schema.insert("else".to_owned(), Value::Object(complete));
            }
            None => schema.extend(complete),
        }
        Value::Object(schema)
    }

    /// A task: one of the kinds, by the field that says which.
    fn task(&mut self) -> Value {
        let mut cases = Vec::new();
        for function in FUNCTIONS {
            let record = calls::record_of(&example(function), true);
            let when = json!({"required": ["call"], "properties": {"call": {"const": function}}});
            cases.push(json!({"if": when, "then": self.record(record)}));
        }
        let mut known = vec![json!({"enum": FUNCTIONS})];
        for builtin in Builtin::ALL {
            let call = json!({"pattern": format!("^{}(:.*)?@default$", builtin.name().replace('.', "[.]"))});
            let when = json!({"required": ["call"], "properties": {"call": call}});
            cases.push(json!({"if": when, "then": self.record(functions::call_of(builtin))}));
            known.push(call);
        }
        let other = json!({"required": ["call"], "properties": {"call": {"not": {"anyOf": known}}}});
        cases.push(json!({"if": other, "then": self.record(calls::record_of(&example(""), true))}));
        for kind in tasks::KINDS.into_iter().filter(|kind| *kind != "call") {
            // A loop has tasks below `do`, too.
            let when = match kind {
                "do" => json!({"required": [kind], "not": {"required": ["for"]}}),
                _ => json!({"required": [kind]}),
            };
            cases.push(json!({"if": when, "then": self.record(tasks::record_of(kind, &example(""), true))}));
        }
        let kinds: Vec<Value> = tasks::KINDS.iter().map(|kind| json!({"required": [kind]})).collect();
        json!({"title": "a task", "type": "object", "anyOf": kinds, "allOf": cases})
    }
}

/// A call of a function.
fn example(function: &str) -> Node {
    let start = crate::fault::Place::START;
    let text = |text: &str| Node { place: start, content: crate::source::Content::Text(text.to_owned()) };
    let key = crate::source::Key { name: "call".to_owned(), place: start };
    Node { place: start, content: crate::source::Content::Object(vec![(key, text(function))]) }
}
