//! How governance is set up.

use crate::signing::Signer;
use neptune_bus::BusConfig;
use neptune_runtime::config::{ConfigError, Values, Variable};

/// Variables of governance.
pub const VARIABLES: &[Variable] = &[
    Variable { name: "NEPTUNE_GOVERNANCE_REDIS_URL", default: Some("redis://127.0.0.1:16379"), help: "address of the Redis that keeps holds and spend" },
    Variable { name: "NEPTUNE_GOVERNANCE_SIGNING_KEY", default: None, help: "base64 of the 32-byte seed of the Ed25519 key that signs admissions" },
    Variable { name: "NEPTUNE_GOVERNANCE_CONCURRENCY", default: Some("256"), help: "tasks admitted at a time" },
];

/// How governance is set up.
pub struct Config {
    /// The bus.
    pub bus: BusConfig,
    /// Redis.
    pub redis_url: String,
    /// Signs admissions.
    pub signer: Signer,
    /// Tasks admitted at a time.
    pub concurrency: usize,
}

impl Config {
    /// Reads the variables.
    ///
    /// # Errors
    /// Names the variable that is missing or malformed.
    pub fn read(values: &Values) -> Result<Self, ConfigError> {
        let name = "NEPTUNE_GOVERNANCE_SIGNING_KEY";
        let signer = Signer::from_seed(values.secret(name)?.expose()).map_err(|error| ConfigError::unusable(name, error))?;
        Ok(Self {
            bus: BusConfig::read(values)?,
            redis_url: values.get("NEPTUNE_GOVERNANCE_REDIS_URL")?,
            signer,
            concurrency: values.get("NEPTUNE_GOVERNANCE_CONCURRENCY")?,
        })
    }
}
