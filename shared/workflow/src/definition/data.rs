//! What a task or workflow makes of its input and output, and what both must be.

use super::Template;
use crate::expression::meter;
use jsonschema::{PatternOptions, Validator};
use serde::{Serialize, Serializer};
use serde_json::Value;
use std::fmt;

/// The largest schema, in bytes of JSON.
pub const SCHEMA_BYTES: usize = 64 << 10;
/// What a compiled regular expression of a schema may take, in bytes.
const PATTERN_BYTES: usize = 1 << 20;
/// How many faults of a value are told.
const FAULTS: usize = 5;
/// How much of each is told, in characters.
const FAULT_CHARACTERS: usize = 200;

/// What is made of data around a task; what is left out changes nothing.
#[derive(Debug, Default, Serialize)]
pub struct DataFlow {
    /// What the raw input must be.
    pub input_schema: Option<Schema>,
    /// The input, made of the raw input.
    pub input: Option<Template>,
    /// The output, made of the raw output.
    pub output: Option<Template>,
    /// What the output must be.
    pub output_schema: Option<Schema>,
    /// The run's context, made of the output.
    pub export: Option<Template>,
    /// What the context must be.
    pub export_schema: Option<Schema>,
}

/// A JSON Schema, compiled. It refers to nothing outside of itself.
pub struct Schema {
    document: Value,
    validator: Validator,
}

impl Schema {
    /// Compiles a schema.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn compile(document: Value) -> Result<Self, String> {
        let size_bytes = document.to_string().len();
        if size_bytes > SCHEMA_BYTES {
            return Err(format!("the schema has {size_bytes} bytes, the limit is {SCHEMA_BYTES}"));
        }
        let validator = jsonschema::options()
            .offline()
            .with_pattern_options(PatternOptions::regex().size_limit(PATTERN_BYTES))
            .should_validate_formats(true)
            .build(&document)
            .map_err(|fault| format!("this is no JSON Schema: {}", short(&fault.to_string())))?;
        Ok(Self { document, validator })
    }

    /// The schema that a definition says its input must fit; none if it says none.
    ///
    /// # Errors
    /// What is wrong with the schema.
    #[must_use]
    pub fn of_input(document: &Value) -> Option<Result<Self, String>> {
        document.pointer("/input/schema/document").cloned().map(Self::compile)
    }

    /// Whether it is the one that a definition says its input must fit.
    #[must_use]
    pub fn is_of_input(&self, document: &Value) -> bool {
        document.pointer("/input/schema/document") == Some(&self.document)
    }

    /// What is wrong with a value, at most five times: where, as a JSON pointer that is empty for all of it, and which
    /// rule it breaks. Of the value itself nothing is repeated but names.
    #[must_use]
    pub fn faults(&self, value: &Value) -> Vec<(String, String)> {
        // Nobody knows how long a schema takes.
        meter::spend(u64::MAX);
        let told = |fault: jsonschema::ValidationError<'_>| {
            (fault.instance_path().to_string(), short(&fault.masked().to_string()))
        };
        self.validator.iter_errors(value).take(FAULTS).map(told).collect()
    }

    /// The same in one line; none if nothing is wrong.
    #[must_use]
    pub fn fault(&self, value: &Value) -> Option<String> {
        let told = |(place, message): (String, String)| {
            let place = if place.is_empty() { "as a whole" } else { &place };
            short(&format!("{place}: {message}"))
        };
        let faults: Vec<String> = self.faults(value).into_iter().map(told).collect();
        (!faults.is_empty()).then(|| faults.join("; "))
    }
}

fn short(text: &str) -> String {
    text.chars().take(FAULT_CHARACTERS).collect()
}

impl fmt::Debug for Schema {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Schema").field(&self.document).finish()
    }
}

impl Serialize for Schema {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.document.serialize(serializer)
    }
}
