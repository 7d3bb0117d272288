//! The simulated models and what happens to a call of one of them.

mod call;
mod model;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use neptune_runtime::Shutdown;
use serde::Serialize;

use crate::account::{Account, Calls};
use crate::config::{Config, Declared};
use crate::domain::batching::Store;
use crate::domain::behaviour::Behaviour;
use crate::domain::outcomes::Outcomes;
pub(crate) use call::{Caller, Running};
pub(crate) use model::{Mishap, Model};

/// More models than this are not made on demand: names come from clients.
const ON_DEMAND_LIMIT: usize = 10_000;

/// Shared by all handlers.
pub(crate) struct Provider {
    pub(crate) calls: Calls,
    pub(crate) refused: Refused,
    pub(crate) shutdown: Shutdown,
    pub(crate) outcomes: Outcomes,
    /// Files and batches.
    pub(crate) batches: Mutex<Store>,
    numbers: AtomicU64,
    api_key: Option<String>,
    declared: Declared,
    models: RwLock<HashMap<String, Arc<Model>>>,
}

/// Requests that were no call of a model.
#[derive(Default)]
pub(crate) struct Refused {
    pub(crate) unauthorized: AtomicU64,
    pub(crate) unknown_model: AtomicU64,
    pub(crate) invalid: AtomicU64,
}

/// `/admin/account`.
#[derive(Serialize)]
pub(crate) struct Accounts {
    total: Account,
    models: std::collections::BTreeMap<String, Account>,
    refused: RefusedCounts,
}

#[derive(Serialize)]
struct RefusedCounts {
    unauthorized: u64,
    unknown_model: u64,
    invalid: u64,
}

impl Provider {
    pub(crate) fn new(config: Config, shutdown: Shutdown) -> Arc<Self> {
        Arc::new(Self {
            calls: Calls::new(config.calls_kept),
            refused: Refused::default(),
            shutdown,
            outcomes: config.outcomes,
            batches: Mutex::default(),
            numbers: AtomicU64::new(0),
            api_key: config.api_key.map(|key| key.expose().to_owned()),
            models: RwLock::new(fresh(&config.declared)),
            declared: config.declared,
        })
    }

    /// Whether calls with this key are answered.
    pub(crate) fn accepts(&self, key: Option<&str>) -> bool {
        self.api_key.as_deref().is_none_or(|wanted| key == Some(wanted))
    }

    pub(crate) fn next_number(&self) -> u64 {
        self.numbers.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// A model by name; made on demand when there is a default behaviour.
    pub(crate) fn model(&self, name: &str) -> Option<Arc<Model>> {
        let known = self.models.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned();
        known.or_else(|| {
            let behaviour = self.declared.default.as_ref()?;
            let mut models = self.models.write().unwrap_or_else(PoisonError::into_inner);
            let has_room = models.len() < ON_DEMAND_LIMIT || models.contains_key(name);
            has_room.then(|| Arc::clone(models.entry(name.to_owned()).or_insert_with(|| Model::new(name, behaviour))))
        })
    }

    /// Changes how a model behaves from its next call on; its account goes on.
    pub(crate) fn put(&self, name: &str, behaviour: &Behaviour) {
        let mut models = self.models.write().unwrap_or_else(PoisonError::into_inner);
        let model = match models.get(name) {
            Some(known) => known.changed(behaviour),
            None => Model::new(name, behaviour),
        };
        models.insert(name.to_owned(), model);
    }

    /// Forgets a model and its account; false when there is none.
    pub(crate) fn remove(&self, name: &str) -> bool {
        self.models.write().unwrap_or_else(PoisonError::into_inner).remove(name).is_some()
    }

    pub(crate) fn names(&self) -> Vec<String> {
        let mut names: Vec<String> =
            self.models.read().unwrap_or_else(PoisonError::into_inner).keys().cloned().collect();
        names.sort();
        names
    }

    /// Back to what the configuration declares, with an empty account.
    pub(crate) fn reset(&self) {
        *self.models.write().unwrap_or_else(PoisonError::into_inner) = fresh(&self.declared);
        self.calls.clear();
        *self.batches.lock().unwrap_or_else(PoisonError::into_inner) = Store::default();
        for counter in [&self.refused.unauthorized, &self.refused.unknown_model, &self.refused.invalid] {
            counter.store(0, Ordering::Relaxed);
        }
    }

    pub(crate) fn accounts(&self) -> Accounts {
        let models = self.models.read().unwrap_or_else(PoisonError::into_inner);
        let mut total = Account::default();
        let mut accounts = std::collections::BTreeMap::new();
        for (name, model) in models.iter() {
            let account = model.counters.snapshot();
            total.add(&account);
            accounts.insert(name.clone(), account);
        }
        let refused = RefusedCounts {
            unauthorized: self.refused.unauthorized.load(Ordering::Relaxed),
            unknown_model: self.refused.unknown_model.load(Ordering::Relaxed),
            invalid: self.refused.invalid.load(Ordering::Relaxed),
        };
        Accounts { total, models: accounts, refused }
    }
}

fn fresh(declared: &Declared) -> HashMap<String, Arc<Model>> {
    declared.models.iter().map(|(name, behaviour)| (name.clone(), Model::new(name, behaviour))).collect()
}
