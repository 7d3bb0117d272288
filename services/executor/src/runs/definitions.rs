//! Definitions that were read lately, by the sum of their text.

use neptune_contracts::run::log::RunMadeOf;
use neptune_workflow::{compiler, definition::Definition};
use ring::digest;
use serde_json::Value;
use std::{
    collections::HashMap,
    fmt::Write as _,
    sync::{Arc, Mutex, PoisonError},
};

/// So many are kept.
const KEPT: usize = 256;

/// Definitions that were read lately.
#[derive(Default)]
pub(crate) struct Definitions(Mutex<HashMap<String, Arc<Definition>>>);

impl Definitions {
    /// The definition that a run was made of.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn of(&self, made_of: &RunMadeOf) -> Result<Arc<Definition>, String> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&made_of.definition_sha256).cloned();
        if let Some(known) = known {
            return Ok(known);
        }
        let read = compiler::accepted(&made_of.definition.to_string()).map_err(|faults| {
            let told: Vec<String> = faults.iter().take(5).map(ToString::to_string).collect();
            format!("the definition of {} cannot be run: {}", made_of.workflow, told.join("; "))
        })?;
        let read = Arc::new(read);
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= KEPT {
            kept.clear();
        }
        kept.insert(made_of.definition_sha256.clone(), Arc::clone(&read));
        Ok(read)
    }
}

/// SHA-256 of a definition as JSON, hex.
#[must_use]
pub(crate) fn sha256(definition: &Value) -> String {
    let sum = digest::digest(&digest::SHA256, definition.to_string().as_bytes());
    sum.as_ref().iter().fold(String::with_capacity(64), |mut hex, byte| {
        // Writing to a string cannot fail.
        let _written = write!(hex, "{byte:02x}");
        hex
    })
}
