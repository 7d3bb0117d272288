//! How an ingress is set up.

use crate::domain::keys::Keys;
use neptune_bus::BusConfig;
use neptune_contracts::approval::LinkSigner;
use neptune_runtime::config::{ConfigError, Values, Variable};
use std::{path::PathBuf, time::Duration};

/// Variables of the ingress.
pub const VARIABLES: &[Variable] = &[
    Variable {
        name: "NEPTUNE_INGRESS_LISTEN",
        default: Some("127.0.0.1:7080"),
        help: "address to listen on; port 0 takes a free one",
    },
    Variable {
        name: "NEPTUNE_INGRESS_ADDRESS_FILE",
        default: Some(""),
        help: "file to write the address to that is listened on, once requests are served",
    },
    Variable {
        name: "NEPTUNE_INGRESS_WAIT_SECONDS",
        default: Some("600"),
        help: "how long a completion waits for its answer",
    },
    Variable {
        name: "NEPTUNE_INGRESS_DRAIN_SECONDS",
        default: Some("15"),
        help: "how long open requests may go on after a stop was asked for",
    },
    Variable { name: "NEPTUNE_KEY_PEPPER", default: None, help: "secret under which API keys are hashed" },
    Variable {
        name: "NEPTUNE_APPROVAL_SECRET",
        default: Some(""),
        help: "secret of links to approvals, the notifier's too; without it there are none",
    },
];

/// How an ingress is set up.
pub struct Config {
    /// The bus.
    pub bus: BusConfig,
    /// Address to listen on.
    pub listen: String,
    /// File to write the address to.
    pub address_file: Option<PathBuf>,
    /// How long a completion waits.
    pub wait: Duration,
    /// How long open requests may go on after a stop was asked for.
    pub drain: Duration,
    /// Checks API keys.
    pub keys: Keys,
    /// Reads links to approvals.
    pub approvals: Option<LinkSigner>,
}

impl Config {
    /// Reads the variables.
    ///
    /// # Errors
    /// Names the variable that is missing or malformed.
    pub fn read(values: &Values) -> Result<Self, ConfigError> {
        Ok(Self {
            bus: BusConfig::read(values)?,
            listen: values.get("NEPTUNE_INGRESS_LISTEN")?,
            address_file: values.optional("NEPTUNE_INGRESS_ADDRESS_FILE")?,
            wait: Duration::from_secs(values.get("NEPTUNE_INGRESS_WAIT_SECONDS")?),
            drain: Duration::from_secs(values.get("NEPTUNE_INGRESS_DRAIN_SECONDS")?),
            approvals: approvals(values)?,
            keys: Keys::new(values.secret("NEPTUNE_KEY_PEPPER")?.expose()),
        })
    }
}

fn approvals(values: &Values) -> Result<Option<LinkSigner>, ConfigError> {
    let name = "NEPTUNE_APPROVAL_SECRET";
    let signer = values.optional_secret(name)?.map(|secret| LinkSigner::new(secret.expose()));
    signer.transpose().map_err(|error| ConfigError::unusable(name, error))
}
