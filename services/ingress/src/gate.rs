//! What the routes work with, once it is there.

use crate::{
    definitions::Definitions,
    domain::keys::{Caller, Keys},
    problem::Fault,
};
use axum::http::{HeaderMap, header};
use neptune_bus::{Bus, Replies};
use neptune_contracts::{
    Timestamp,
    approval::LinkSigner,
    resource::{KeyRole, Resources},
};
use neptune_runtime::Shutdown;
use std::{
    sync::{Arc, Mutex, OnceLock, PoisonError},
    time::{Duration, Instant},
};
use tokio::sync::watch;

/// Holds the [`Door`] from the moment the bus is reached. Until then only `/healthz` and
/// `/openapi.json` are answered.
#[derive(Clone, Default)]
pub struct Gate(Arc<OnceLock<Door>>);

/// For so long a task that was not stored says that the next will not be.
const REFUSED_LASTS: Duration = Duration::from_secs(60);

/// Why the broker did not store tasks, since it last did.
#[derive(Clone, Default)]
pub struct Refused(Arc<Mutex<Option<(Instant, String)>>>);

impl Refused {
    /// Takes in how storing a task went.
    pub fn saw<T, E: std::error::Error>(&self, stored: &Result<T, E>) {
        let why = stored.as_ref().err().map(|error| {
            let causes = std::iter::successors(error.source(), |cause| cause.source());
            (Instant::now(), causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}")))
        });
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = why;
    }

    /// Why, when the last one was not stored, for a minute: who is not ready gets no task by which it could
    /// see that it is again.
    #[must_use]
    pub fn why(&self) -> Option<String> {
        let last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        last.as_ref().filter(|(at, _)| at.elapsed() < REFUSED_LASTS).map(|(_, why)| why.clone())
    }
}

/// What every route works with.
pub struct Door {
    /// The bus.
    pub bus: Bus,
    /// Where finished facts arrive.
    pub replies: Replies,
    /// The resources in force.
    pub resources: watch::Receiver<Arc<Resources>>,
    /// Definitions of workflows that were compiled lately.
    pub definitions: Arc<Definitions>,
    /// Checks API keys.
    pub keys: Keys,
    /// Reads links to approvals, where they are set up.
    pub approvals: Option<LinkSigner>,
    /// Why tasks could not be stored lately, until one is again.
    pub refused: Refused,
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
