//! What is looked at before a run begins: how many like it there may be, and whether it is one that began already.

use super::{Problem, Run, Standard, scope::Scope};
use crate::definition::{Definition, OnConflict, Template};
use serde_json::Value;

/// What a definition says about a run with this input, before it begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admission {
    /// Runs with the same key share a limit.
    pub concurrency: Option<Slot>,
    /// Runs with a higher number go first.
    pub priority: i64,
    /// Runs with the same key are the same run.
    pub idempotency_key: Option<String>,
}

/// A share of a limit of runs at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slot {
    /// What runs share the limit by.
    pub key: String,
    /// So many at once.
    pub limit: u64,
    /// What is done with one too many.
    pub on_conflict: OnConflict,
}

/// What a definition says about a run with this input.
///
/// # Errors
/// A key cannot be made of the input.
pub fn admission(definition: &Definition, input: &Value) -> Result<Admission, Problem> {
    let settings = &definition.settings;
    let concurrency = settings.concurrency.as_ref().map(|concurrency| {
        let key = key(definition, &concurrency.key, input, "concurrency.key")?;
        Ok(Slot { key, limit: concurrency.limit, on_conflict: concurrency.on_conflict })
    });
    let idempotency_key = settings.idempotency_key.as_ref().map(|own| key(definition, own, input, "idempotencyKey"));
    Ok(Admission {
        concurrency: concurrency.transpose()?,
        priority: settings.priority,
        idempotency_key: idempotency_key.transpose()?,
    })
}

fn key(definition: &Definition, template: &Template, input: &Value, name: &str) -> Result<String, Problem> {
    let pointer = format!("/document/metadata/neptune/{}", name.replace('.', "/"));
    let run = Run::default();
    let scope = Scope { definition, run: &run, around: None, task: None, variables: &[] };
    match scope.fill(template, input).map_err(|problem| problem.at(&pointer))? {
        // Runs whose key is missing must not all share one.
        Value::Null => {
            let detail = format!("{name} makes nothing of this input; it must be a text, number or the like");
            Err(Problem::new(Standard::Expression, detail).at(&pointer))
        }
        Value::String(text) => Ok(text),
        other => Ok(other.to_string()),
    }
}
