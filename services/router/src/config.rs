//! How a router is set up.

use neptune_bus::BusConfig;
use neptune_runtime::config::{ConfigError, Values, Variable};

/// Variables of the router.
pub const VARIABLES: &[Variable] = &[
    Variable { name: "NEPTUNE_ROUTER_CONCURRENCY", default: Some("256"), help: "urgent tasks routed at a time" },
    Variable { name: "NEPTUNE_ROUTER_BATCH_CONCURRENCY", default: Some("32"), help: "other tasks routed at a time" },
    Variable {
        name: "NEPTUNE_ROUTER_REDIS_URL",
        default: Some("redis://127.0.0.1:16379"),
        help: "Redis that holds the routing statistics; the router works without it, from priors",
    },
];

/// How a router is set up.
#[derive(Clone)]
pub struct Config {
    /// The bus.
    pub bus: BusConfig,
    /// Urgent tasks at a time.
    pub concurrency: usize,
    /// Other tasks at a time.
    pub batch_concurrency: usize,
    /// Where the statistics are.
    pub redis_url: String,
}

impl Config {
    /// Reads the variables.
    ///
    /// # Errors
    /// Names the variable that is missing or malformed.
    pub fn read(values: &Values) -> Result<Self, ConfigError> {
        Ok(Self {
            bus: BusConfig::read(values)?,
            concurrency: values.get("NEPTUNE_ROUTER_CONCURRENCY")?,
            batch_concurrency: values.get("NEPTUNE_ROUTER_BATCH_CONCURRENCY")?,
            redis_url: values.get("NEPTUNE_ROUTER_REDIS_URL")?,
        })
    }
}
