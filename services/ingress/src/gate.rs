//! What the routes work with, once it is there.

use crate::{
    domain::keys::{Caller, Keys},
    problem::Fault,
};
use axum::http::{HeaderMap, header};
use neptune_bus::{Bus, Replies};
use neptune_contracts::{
    Timestamp,
    resource::{KeyRole, Resources},
};
use neptune_runtime::Shutdown;
use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};
use tokio::sync::watch;

/// Holds the [`Door`] from the moment the bus is reached. Until then only `/healthz` and
/// `/openapi.json` are answered.
#[derive(Clone, Default)]
pub struct Gate(Arc<OnceLock<Door>>);

/// What every route works with.
pub struct Door {
    /// The bus.
    pub bus: Bus,
    /// Where finished facts arrive.
    pub replies: Replies,
    /// The resources in force.
    pub resources: watch::Receiver<Arc<Resources>>,
    /// Checks API keys.
    pub keys: Keys,
    /// How long a completion waits.
    pub wait: Duration,
    /// A stop was asked for.
    pub shutdown: Shutdown,
    /// The time of open requests is over: whoever still waits is told where the result will be.
    pub closing: Shutdown,
}

impl Gate {
    /// Lets requests in. A second call changes nothing.
    pub fn open(&self, door: Door) {
        // It fails only when the gate is open already.
        let _already = self.0.set(door);
    }

    /// What to work with.
    ///
    /// # Errors
    /// The bus was not reached yet.
    pub fn door(&self) -> Result<&Door, Fault> {
        self.0.get().ok_or_else(|| Fault::unavailable("starting", "the bus was not reached yet; try again soon"))
    }
}

impl Door {
    /// Who calls.
    ///
    /// # Errors
    /// Nobody we know, as 401.
    pub fn caller(&self, headers: &HeaderMap) -> Result<Caller, Fault> {
        let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or_default());
        // Anthropic's clients send the bare key in a header of their own.
        let own = || text("x-api-key").map(|key| format!("Bearer {key}"));
        let authorization = text(header::AUTHORIZATION.as_str()).map(str::to_owned).or_else(own);
        let authorization = authorization.as_deref();
        Ok(self.keys.caller(authorization, &self.resources.borrow(), Timestamp::now())?)
    }

    /// Who calls, when it may submit tasks.
    ///
    /// # Errors
    /// Nobody we know, as 401; an admin, as 403.
    pub fn submitter(&self, headers: &HeaderMap) -> Result<Caller, Fault> {
        let caller = self.caller(headers)?;
        if caller.role == KeyRole::Admin {
            let text = "an admin key reads results and submits nothing; use a caller key of the team";
            return Err(Fault::new(403, "permission_error", "key_not_allowed", text));
        }
        Ok(caller)
    }
}
