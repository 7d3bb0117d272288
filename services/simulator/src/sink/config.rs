//! Configuration of the sink.

use std::net::SocketAddr;
use std::path::PathBuf;

use neptune_runtime::config::{ConfigError, Values, Variable};

/// What the sink reads from the environment.
pub const VARIABLES: &[Variable] = &[
    Variable {
        name: "NEPTUNE_SINK_SMTP_LISTEN",
        default: Some("127.0.0.1:12525"),
        help: "Address and port for mails; port 0 takes a free one.",
    },
    Variable {
        name: "NEPTUNE_SINK_HTTP_LISTEN",
        default: Some("127.0.0.1:12580"),
        help: "Address and port for webhooks and the lists; port 0 takes a free one.",
    },
    Variable {
        name: "NEPTUNE_SINK_DIRECTORY",
        default: Some(".neptune/sink"),
        help: "Where mails and webhooks are kept; made when it is missing.",
    },
    Variable {
        name: "NEPTUNE_SINK_KEPT_COUNT",
        default: Some("10000"),
        help: "So many mails, and so many webhooks, are kept; further ones are refused until a reset.",
    },
];

/// The sink's configuration.
pub struct Config {
    /// Where mails go.
    pub smtp_listen: SocketAddr,
    /// Where webhooks go.
    pub http_listen: SocketAddr,
    /// Where both are kept.
    pub directory: PathBuf,
    /// How many of each are kept.
    pub kept_count: u64,
}

impl Config {
    /// Reads the configuration.
    ///
    /// # Errors
    /// A value cannot be used.
    pub fn read(values: &Values) -> Result<Self, ConfigError> {
        Ok(Self {
            smtp_listen: values.get("NEPTUNE_SINK_SMTP_LISTEN")?,
            http_listen: values.get("NEPTUNE_SINK_HTTP_LISTEN")?,
            directory: values.get("NEPTUNE_SINK_DIRECTORY")?,
            kept_count: values.get("NEPTUNE_SINK_KEPT_COUNT")?,
        })
    }
}
