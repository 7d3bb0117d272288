//! How an executor is set up.

use crate::domain::bindings::Bindings;
use base64::{Engine as _, prelude::BASE64_STANDARD};
use ed25519_dalek::VerifyingKey;
use neptune_bus::BusConfig;
use neptune_contracts::names::Zone;
use neptune_runtime::config::{ConfigError, Values, Variable};
use std::{collections::HashMap, sync::Arc};

/// Variables of the executor.
pub const VARIABLES: &[Variable] = &[
    Variable {
        name: "NEPTUNE_EXECUTOR_ZONES",
        default: Some("external,private,onprem"),
        help: "zones whose models it calls, separated by commas; for one alone the broker user executor-<zone> reads no other",
    },
    Variable {
        name: "NEPTUNE_EXECUTOR_REALTIME_CONCURRENCY",
        default: Some("1024"),
        help: "urgent tasks at a time, per zone",
    },
    Variable {
        name: "NEPTUNE_EXECUTOR_BATCH_CONCURRENCY",
        default: Some("64"),
        help: "other tasks at a time, per zone",
    },
    Variable {
        name: "NEPTUNE_EXECUTOR_PARK_AT_MOST_MS",
        default: Some("900000"),
        help: "the longest that a task without a deadline waits until a model has room; 0 never waits",
    },
    Variable {
        name: "NEPTUNE_EXECUTOR_CREDENTIAL_HOSTS",
        default: Some(""),
        help: "hosts that credentials may be sent to besides the usual ones: VARIABLE=host|host,VARIABLE=host",
    },
    Variable {
        name: "NEPTUNE_EXECUTOR_RUNS",
        default: Some(""),
        help: "whether it drives runs of workflows: on or off; if not given, when it serves more than one zone",
    },
    Variable {
        name: "NEPTUNE_EXECUTOR_RUN_HOSTS",
        default: Some(""),
        help: "hosts (host or host:port, separated by commas) that steps of runs may call although private or without https",
    },
    Variable {
        name: "NEPTUNE_GOVERNANCE_PUBLIC_KEY",
        default: None,
        help: "base64 of governance's Ed25519 public key; admissions are checked against it",
    },
];

/// How an executor is set up.
#[derive(Clone)]
pub struct Config {
    /// The bus.
    pub bus: BusConfig,
    /// Zones it serves.
    pub zones: Vec<Zone>,
    /// Urgent tasks at a time, per zone.
    pub realtime_concurrency: usize,
    /// Other tasks at a time, per zone.
    pub batch_concurrency: usize,
    /// The longest that a task without a deadline waits for a model with room, in milliseconds.
    pub park_at_most_ms: u64,
    /// Whether it drives runs of workflows.
    pub runs: bool,
    /// Hosts that steps of runs may call although they are private or not https.
    pub run_hosts: Vec<String>,
    /// Governance's public key, 32 bytes.
    pub governance_key: VerifyingKey,
    /// Hosts that credentials may be sent to.
    pub credential_hosts: Bindings,
    /// Where credentials and endpoints' variables are looked up.
    pub environment: Environment,
}

/// The variables that resources may refer to.
pub type Environment = Arc<HashMap<String, String>>;

impl Config {
    /// Reads the variables; credentials come from the environment of the process.
    ///
    /// # Errors
    /// Names the variable that is missing or malformed.
    pub fn read(values: &Values) -> Result<Self, ConfigError> {
        let name = "NEPTUNE_GOVERNANCE_PUBLIC_KEY";
        let governance_key = BASE64_STANDARD
            .decode(values.get::<String>(name)?)
            .ok()
            .and_then(|key| VerifyingKey::from_bytes(&key.try_into().ok()?).ok())
            .ok_or_else(|| ConfigError::unusable(name, "not the base64 of a 32-byte Ed25519 public key"))?;
        let zones = zones(&values.get::<String>("NEPTUNE_EXECUTOR_ZONES")?)?;
        let run_hosts = values.optional::<String>("NEPTUNE_EXECUTOR_RUN_HOSTS")?.unwrap_or_default();
        Ok(Self {
            bus: BusConfig::read(values)?,
            runs: runs(values.optional("NEPTUNE_EXECUTOR_RUNS")?, &zones)?,
            run_hosts: run_hosts.split(',').map(str::trim).filter(|host| !host.is_empty()).map(str::to_owned).collect(),
            zones,
            realtime_concurrency: values.get("NEPTUNE_EXECUTOR_REALTIME_CONCURRENCY")?,
            batch_concurrency: values.get("NEPTUNE_EXECUTOR_BATCH_CONCURRENCY")?,
            park_at_most_ms: values.get("NEPTUNE_EXECUTOR_PARK_AT_MOST_MS")?,
            governance_key,
            credential_hosts: values.optional("NEPTUNE_EXECUTOR_CREDENTIAL_HOSTS")?.unwrap_or_else(Bindings::usual),
            environment: Arc::new(
                std::env::vars_os()
                    .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
                    .collect(),
            ),
        })
    }
}

/// One that serves a single zone speaks as a broker user who may not drive runs.
fn runs(given: Option<String>, zones: &[Zone]) -> Result<bool, ConfigError> {
    match given.as_deref() {
        None => Ok(zones.len() > 1),
        Some("on") => Ok(true),
        Some("off") => Ok(false),
        Some(_) => Err(ConfigError::unusable("NEPTUNE_EXECUTOR_RUNS", "expected on or off")),
    }
}

fn zones(text: &str) -> Result<Vec<Zone>, ConfigError> {
    let parse = |zone: &str| {
        zone.trim().parse().map_err(|known: String| ConfigError::unusable("NEPTUNE_EXECUTOR_ZONES", known))
    };
    text.split(',').map(parse).collect()
}
