//! How a process reaches the bus.

use neptune_contracts::subject::Namespace;
use neptune_runtime::config::{ConfigError, Secret, Values, Variable};

/// Variables every service on the bus reads.
pub const VARIABLES: &[Variable] = &[
    Variable {
        name: "NEPTUNE_NATS_URL",
        default: Some("nats://127.0.0.1:14222"),
        help: "broker address; several separated by commas; credentials may stand in it",
    },
    Variable { name: "NEPTUNE_NATS_USER", default: Some(""), help: "broker user" },
    Variable { name: "NEPTUNE_NATS_PASSWORD", default: Some(""), help: "password of the broker user" },
    Variable {
        name: "NEPTUNE_NAMESPACE",
        default: Some("neptune"),
        help: "first token of every subject; separates installations on one broker",
    },
];

/// How a process reaches the bus.
#[derive(Clone)]
pub struct BusConfig {
    /// Broker addresses, separated by commas.
    pub url: String,
    /// User and password, when the address holds none.
    pub credentials: Option<(String, Secret)>,
    /// The namespace to work in.
    pub namespace: Namespace,
    /// First token of this process's inboxes. Services have their own, so that no other user of
    /// the broker can read what is answered to them.
    pub inbox_prefix: Option<String>,
}

impl BusConfig {
    /// Reads the variables.
    ///
    /// # Errors
    /// Names the variable that is missing or malformed.
    pub fn read(values: &Values) -> Result<Self, ConfigError> {
        let user: Option<String> = values.optional("NEPTUNE_NATS_USER")?;
        let password = values.optional_secret("NEPTUNE_NATS_PASSWORD")?;
        Ok(Self {
            url: values.get("NEPTUNE_NATS_URL")?,
            credentials: user.zip(password),
            namespace: values.get("NEPTUNE_NAMESPACE")?,
            inbox_prefix: None,
        })
    }

    /// A broker without credentials; for tests.
    #[must_use]
    pub fn open(url: impl Into<String>, namespace: Namespace) -> Self {
        Self { url: url.into(), credentials: None, namespace, inbox_prefix: None }
    }
}
