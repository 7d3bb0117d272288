//! Credentials that a provider refuses, or that are out of credit: one refusal speaks for every model
//! that is called with the same one.

use super::{
    circuit::{Circuit, State},
    filter::{Snapshot, circuit},
};
use neptune_contracts::{attempt::ErrorClass, resource::ModelSpec};
use std::collections::HashMap;

/// Credentials that are left alone, by endpoint and variable.
#[derive(Debug, Default)]
pub struct Refused<'a> {
    by_key: HashMap<(&'a str, &'a str), Refusal<'a>>,
}

/// The refusal of a credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal<'a> {
    /// The model that was called.
    pub model: &'a str,
    /// How it was refused.
    pub cause: ErrorClass,
    /// For how long the credential is left alone, in milliseconds.
    pub for_ms: u64,
}

impl<'a> Refused<'a> {
    /// The credentials that are refused by what is known. An answer to any model after the refusal
    /// says that the credential is good, and that the refusal was the one model's own.
    #[must_use]
    pub fn of(snapshot: &Snapshot<'a>) -> Self {
        let now_ms = snapshot.now.unix_micros() / 1_000;
        let mut refused = Self::default();
        let mut refused_at = HashMap::new();
        let circuits = || {
            let models = snapshot.resources.models.iter();
            models.filter_map(|(name, model)| Some((name, key(model)?, circuit(name, snapshot))))
        };
        for (name, key, circuit) in circuits() {
            if let Some((cause, for_ms)) = refusal(&circuit, now_ms) {
                refused.by_key.insert(key, Refusal { model: name, cause, for_ms });
                refused_at.insert(key, circuit.failed_at_ms);
            }
        }
        if !refused_at.is_empty() {
            for (_, key, circuit) in circuits() {
                if refused_at.get(&key).is_some_and(|at| circuit.succeeded_at_ms > *at) {
                    refused.by_key.remove(&key);
                }
            }
        }
        refused
    }

    /// Why `model` cannot be called, when its credential is refused.
    #[must_use]
    pub fn get(&self, model: &ModelSpec) -> Option<Refusal<'a>> {
        if self.by_key.is_empty() {
            return None;
        }
        self.by_key.get(&key(model)?).copied()
    }
}

fn key(model: &ModelSpec) -> Option<(&str, &str)> {
    Some((model.endpoint.as_str(), model.credential_env.as_deref()?))
}

fn refusal(circuit: &Circuit, now_ms: i64) -> Option<(ErrorClass, u64)> {
    let cause = circuit.cause.filter(|cause| matches!(cause, ErrorClass::Auth | ErrorClass::Quota))?;
    match circuit.state(now_ms) {
        State::Open { for_ms } => Some((cause, for_ms)),
        State::Closed | State::Recovering => None,
    }
}
