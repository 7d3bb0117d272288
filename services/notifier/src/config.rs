//! How a notifier is set up.

use neptune_bus::BusConfig;
use neptune_runtime::config::{ConfigError, Values, Variable};
use std::{collections::HashMap, sync::Arc};

/// Variables of the notifier. Secrets of channels are named by the Channel resources.
pub const VARIABLES: &[Variable] =
    &[Variable { name: "NEPTUNE_NOTIFIER_CONCURRENCY", default: Some("64"), help: "deliveries at a time, per channel" }];

/// The variables that resources may refer to.
pub type Environment = Arc<HashMap<String, String>>;

/// How a notifier is set up.
#[derive(Clone)]
pub struct Config {
    /// The bus.
    pub bus: BusConfig,
    /// Deliveries at a time, per channel.
    pub concurrency: usize,
    /// Where secrets of channels are looked up.
    pub environment: Environment,
}

impl Config {
    /// Reads the variables; secrets of channels come from the environment of the process.
    ///
    /// # Errors
    /// Names the variable that is malformed.
    pub fn read(values: &Values) -> Result<Self, ConfigError> {
        let texts = std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
        Ok(Self {
            bus: BusConfig::read(values)?,
            concurrency: values.get("NEPTUNE_NOTIFIER_CONCURRENCY")?,
            environment: Arc::new(texts.collect()),
        })
    }
}
