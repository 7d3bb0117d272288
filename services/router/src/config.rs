//! How a router is set up.

use crate::embedder::{EmbeddingsConfig, may_be};
use neptune_bus::BusConfig;
use neptune_runtime::config::{ConfigError, Values, Variable};
use std::time::Duration;

const REDIS_TIMEOUT: &str = "NEPTUNE_ROUTER_REDIS_TIMEOUT_MS";

const PARK_AT_MOST: &str = "NEPTUNE_ROUTER_PARK_AT_MOST_MS";

const EMBEDDINGS_URL: &str = "NEPTUNE_ROUTER_EMBEDDINGS_URL";
const EMBEDDINGS_MODEL: &str = "NEPTUNE_ROUTER_EMBEDDINGS_MODEL";
const EMBEDDINGS_KEY: &str = "NEPTUNE_ROUTER_EMBEDDINGS_KEY";

/// Variables of the router.
pub const VARIABLES: &[Variable] = &[
    Variable { name: "NEPTUNE_ROUTER_CONCURRENCY", default: Some("256"), help: "urgent tasks routed at a time" },
    Variable { name: "NEPTUNE_ROUTER_BATCH_CONCURRENCY", default: Some("32"), help: "other tasks routed at a time" },
    Variable {
        name: "NEPTUNE_ROUTER_REDIS_URL",
        default: Some("redis://127.0.0.1:16379"),
        help: "Redis that holds the routing statistics; the router works without it, from priors",
    },
    Variable {
        name: PARK_AT_MOST,
        default: Some("900000"),
        help: "the longest that a task without a deadline waits until a model has room; 0 never waits",
    },
    Variable {
        name: EMBEDDINGS_URL,
        default: Some(""),
        help: "base URL of an OpenAI-shaped /embeddings endpoint in your own network: the cache then finds other words too",
    },
    Variable { name: EMBEDDINGS_MODEL, default: Some(""), help: "the model to ask it for" },
    Variable { name: EMBEDDINGS_KEY, default: Some(""), help: "its key, when it wants one" },
    Variable {
        name: REDIS_TIMEOUT,
        default: Some("50"),
        help: "an answer of Redis that takes longer counts as none, 1 to 10000; only tasks that ask for the cache wait",
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
    /// An answer that takes longer counts as none.
    pub redis_timeout: Duration,
    /// The longest that a task without a deadline waits for a model with room, in milliseconds.
    pub park_at_most_ms: u64,
    /// Where vectors of texts come from, when anywhere.
    pub embeddings: Option<EmbeddingsConfig>,
}

impl Config {
    /// Reads the variables.
    ///
    /// # Errors
    /// Names the variable that is missing or malformed.
    pub fn read(values: &Values) -> Result<Self, ConfigError> {
        let redis_timeout_ms: u64 = values.get(REDIS_TIMEOUT)?;
        if !(1..=10_000).contains(&redis_timeout_ms) {
            return Err(ConfigError::unusable(REDIS_TIMEOUT, "the limit is 1 to 10000"));
        }
        Ok(Self {
            bus: BusConfig::read(values)?,
            concurrency: values.get("NEPTUNE_ROUTER_CONCURRENCY")?,
            batch_concurrency: values.get("NEPTUNE_ROUTER_BATCH_CONCURRENCY")?,
            redis_url: values.get("NEPTUNE_ROUTER_REDIS_URL")?,
            redis_timeout: Duration::from_millis(redis_timeout_ms),
            park_at_most_ms: values.get(PARK_AT_MOST)?,
            embeddings: embeddings(values)?,
        })
    }
}

fn embeddings(values: &Values) -> Result<Option<EmbeddingsConfig>, ConfigError> {
    let Some(url) = values.optional(EMBEDDINGS_URL)? else { return Ok(None) };
    if !may_be(&url) {
        let why =
            "it must be http or https to an address of your own network, because texts go there without governance";
        return Err(ConfigError::unusable(EMBEDDINGS_URL, why));
    }
    let model = values.optional(EMBEDDINGS_MODEL)?;
    let model = model.ok_or_else(|| ConfigError::unusable(EMBEDDINGS_MODEL, "name the model to ask for"))?;
    Ok(Some(EmbeddingsConfig { url, model, key: values.optional_secret(EMBEDDINGS_KEY)? }))
}
