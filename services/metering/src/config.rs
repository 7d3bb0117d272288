//! How metering is set up.

use neptune_bus::BusConfig;
use neptune_runtime::config::{ConfigError, Secret, Values, Variable};

/// Variables of metering.
pub const VARIABLES: &[Variable] = &[
    Variable {
        name: "NEPTUNE_METERING_DATABASE_URL",
        default: Some("postgres://neptune@127.0.0.1:15432/neptune"),
        help: "address of Postgres; credentials may stand in it",
    },
    Variable {
        name: "NEPTUNE_METERING_MIGRATE",
        default: Some("true"),
        help: "whether a start brings the tables up to date; with false, run `neptune-metering migrate` first",
    },
];

/// How metering is set up.
#[derive(Clone)]
pub struct Config {
    /// The bus.
    pub bus: BusConfig,
    /// Postgres.
    pub database_url: Secret,
    /// Whether a start brings the tables up to date.
    pub migrate: bool,
}

impl Config {
    /// Reads the variables.
    ///
    /// # Errors
    /// Names the variable that is malformed.
    pub fn read(values: &Values) -> Result<Self, ConfigError> {
        Ok(Self {
            bus: BusConfig::read(values)?,
            database_url: values.secret("NEPTUNE_METERING_DATABASE_URL")?,
            migrate: values.get("NEPTUNE_METERING_MIGRATE")?,
        })
    }
}
