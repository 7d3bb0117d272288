//! What this executor saw of models and credentials a moment ago, by all its tasks.

use crate::domain::outlook::{Bar, Outlook, Sight, is_of_credential, thin};
use neptune_contracts::{
    Timestamp,
    attempt::Attempt,
    plan::Plan,
    resource::{ModelSpec, Resources},
};
use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// What was seen. It lives as long as the process and is shared with nobody: the router learns the
/// same from facts, for all replicas.
#[derive(Debug, Default)]
pub struct Watch {
    sights: Mutex<HashMap<Seen, Sight>>,
}

/// What something was seen of.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Seen {
    /// A model, by its name.
    Model(String),
    /// A credential at an endpoint: when it is refused, it is for every model that is called with it.
    Credential(String, String),
}

impl Watch {
    /// Takes in how an attempt went.
    pub fn saw(&self, attempt: &Attempt, model: Option<&ModelSpec>) {
        let mut sights = self.sights();
        let is_answered = attempt.succeeded();
        if attempt.error.as_ref().is_none_or(|error| is_of_credential(error.class))
            && let Some(credential) = model.and_then(credential)
        {
            let known = sights.get_mut(&credential);
            match known {
                Some(sight) => sight.saw(&Attempt { limits: None, ..attempt.clone() }),
                None if is_answered => {}
                None => sights.entry(credential).or_default().saw(&Attempt { limits: None, ..attempt.clone() }),
            }
        }
        // Most answers are those of models that never failed here.
        let name = Seen::Model(attempt.model.clone());
        if !is_answered || attempt.limits.is_some() || sights.contains_key(&name) {
            sights.entry(name).or_default().saw(attempt);
        }
    }

    /// Takes out of `plan` what would surely fail; see [`thin`].
    pub fn thin(&self, plan: &mut Plan, resources: &Resources, now: Timestamp) -> Outlook {
        let bars: Vec<Option<Bar>> = {
            let sights = self.sights();
            if sights.is_empty() {
                return Outlook::Open;
            }
            let bar = |seen: Seen| sights.get(&seen).and_then(|sight| sight.bar(now));
            let of_model = |name: &str| {
                let refused = resources.models.get(name).and_then(credential).and_then(bar);
                refused.or_else(|| bar(Seen::Model(name.to_owned())))
            };
            plan.attempts.iter().map(|planned| of_model(&planned.model)).collect()
        };
        thin(plan, &bars, now)
    }

    /// For how many milliseconds more the provider of `model` asked to be left alone.
    pub fn asked_ms(&self, model: &str, now: Timestamp) -> Option<u64> {
        let sights = self.sights();
        let bar = sights.get(&Seen::Model(model.to_owned()))?.asked(now)?;
        Some(bar.until.micros_since(now).div_ceil(1_000))
    }

    fn sights(&self) -> MutexGuard<'_, HashMap<Seen, Sight>> {
        // What was seen stays seen, whoever crashed while adding to it.
        self.sights.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn credential(model: &ModelSpec) -> Option<Seen> {
    let variable = model.credential_env.clone()?;
    Some(Seen::Credential(model.endpoint.clone(), variable))
}
