//! How a router is set up.

use neptune_bus::BusConfig;
use neptune_runtime::config::{ConfigError, Values, Variable};

/// Variables of the router.
pub const VARIABLES: &[Variable] = &[
    Variable { name: "NEPTUNE_ROUTER_REDIS_URL", default: Some("redis://127.0.0.1:16379"), help: "address of the Redis that keeps the statistics" },
    Variable { name: "NEPTUNE_ROUTER_CONCURRENCY", default: Some("256"), help: "tasks routed at a time, per lane" },
];

/// How a router is set up.
#[derive(Clone)]
pub struct Config {
    /// The bus.
    pub bus: BusConfig,
    /// Redis.
    pub redis_url: String,
    /// Tasks routed at a time, per lane.
    pub concurrency: usize,
}

impl Config {
    /// Reads the variables.
    ///
    /// # Errors
    /// Names the variable that is missing or malformed.
    pub fn read(values: &Values) -> Result<Self, ConfigError> {
        Ok(Self {
            bus: BusConfig::read(values)?,
            redis_url: values.get("NEPTUNE_ROUTER_REDIS_URL")?,
            concurrency: values.get("NEPTUNE_ROUTER_CONCURRENCY")?,
        })
    }
}
