//! How a notifier is set up. What a channel needs stands in its resource.

use crate::domain::retry::{SCHEDULE, Schedule};
use neptune_bus::BusConfig;
use neptune_runtime::config::{ConfigError, Values, Variable};
use std::{collections::HashMap, sync::Arc};

/// Variables of the notifier.
pub const VARIABLES: &[Variable] = &[Variable {
    name: "NEPTUNE_NOTIFIER_CONCURRENCY",
    default: Some("64"),
    help: "deliveries under way at a time, per channel",
}];

/// The variables that channels refer to (`secretEnv`, `smtpEnv`).
pub type Environment = Arc<HashMap<String, String>>;

/// How a notifier is set up.
#[derive(Clone)]
pub struct Config {
    /// The bus.
    pub bus: BusConfig,
    /// Deliveries under way at a time, per channel.
    pub concurrency: usize,
    /// Pauses between tries.
    pub schedule: Schedule,
    /// Where secrets are looked up.
    pub environment: Environment,
}

impl Config {
    /// Reads the variables; secrets come from the environment of the process.
    ///
    /// # Errors
    /// Names the variable that is malformed.
    pub fn read(values: &Values) -> Result<Self, ConfigError> {
        let readable =
            std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
        Ok(Self {
            bus: BusConfig::read(values)?,
            concurrency: values.get("NEPTUNE_NOTIFIER_CONCURRENCY")?,
            schedule: SCHEDULE,
            environment: Arc::new(readable.collect()),
        })
    }
}
