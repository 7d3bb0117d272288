//! `call: governance.redact:1.0.0@default`: what sensitive data is taken out of.

use crate::run::{Problem, Standard};
use serde_json::Value;

/// Arguments that say what is redacted. The output has it under the same name.
const NAMES: [&str; 3] = ["value", "text", "json"];

/// The name of the argument that says what is redacted, and that.
///
/// # Errors
/// There is none.
pub fn subject(arguments: &Value) -> Result<(&'static str, &Value), Problem> {
    NAMES.into_iter().find_map(|name| Some((name, arguments.get(name)?))).ok_or_else(|| {
        let detail = "there is nothing to redact; give the call a `text`, `json` or `value`";
        Problem::new(Standard::Configuration, detail)
    })
}
