//! How a notifier is set up. What a channel needs stands in its resource.

use crate::domain::{
    approval::Links,
    retry::{SCHEDULE, Schedule},
};
use neptune_bus::BusConfig;
use neptune_contracts::approval::LinkSigner;
use neptune_runtime::config::{ConfigError, Values, Variable};
use std::{collections::HashMap, sync::Arc};

/// Variables of the notifier.
pub const VARIABLES: &[Variable] = &[
    Variable {
        name: "NEPTUNE_NOTIFIER_CONCURRENCY",
        default: Some("64"),
        help: "deliveries under way at a time, per channel",
    },
    Variable {
        name: "NEPTUNE_NOTIFIER_LINK_URL",
        default: Some(""),
        help: "where who gets a delivery reaches the ingress, for links to approvals; without it there are none",
    },
    Variable {
        name: "NEPTUNE_APPROVAL_SECRET",
        default: Some(""),
        help: "secret of links to approvals, the ingress's too; without it there are none",
    },
];

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
    /// Makes links to approvals.
    pub links: Option<Links>,
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
            links: links(values)?,
        })
    }
}

/// Links are made where both the secret and the address are set.
fn links(values: &Values) -> Result<Option<Links>, ConfigError> {
    let (secret, address) = ("NEPTUNE_APPROVAL_SECRET", "NEPTUNE_NOTIFIER_LINK_URL");
    let signer = values.optional_secret(secret)?.map(|secret| LinkSigner::new(secret.expose())).transpose();
    let signer = signer.map_err(|error| ConfigError::unusable(secret, error))?;
    let base: Option<String> = values.optional(address)?;
    let is_address = |base: &String| base.starts_with("https://") || base.starts_with("http://");
    if base.as_ref().is_some_and(|base| !is_address(base)) {
        return Err(ConfigError::unusable(address, "it is no http:// or https:// address"));
    }
    Ok(signer.zip(base).map(|(signer, base)| Links { signer, base: base.trim_end_matches('/').to_owned() }))
}
