//! How governance is set up.

use crate::{budget, signing::Signer};
use neptune_bus::BusConfig;
use neptune_runtime::config::{ConfigError, Values, Variable};
use redis::ConnectionInfo;
use std::time::Duration;

const REDIS_URL: &str = "NEPTUNE_GOVERNANCE_REDIS_URL";
const REDIS_TIMEOUT: &str = "NEPTUNE_GOVERNANCE_REDIS_TIMEOUT_MS";
const SIGNING_KEY: &str = "NEPTUNE_GOVERNANCE_SIGNING_KEY";
const CONCURRENCY: &str = "NEPTUNE_GOVERNANCE_CONCURRENCY";

/// Variables of governance.
pub const VARIABLES: &[Variable] = &[
    Variable {
        name: REDIS_URL,
        default: Some("redis://127.0.0.1:16379"),
        help: "address of the Redis that keeps holds and spend",
    },
    Variable {
        name: REDIS_TIMEOUT,
        default: Some("50"),
        help: "an answer of Redis that takes longer counts as none, 1 to 10000; a task with a budget waits that long",
    },
    Variable {
        name: SIGNING_KEY,
        default: None,
        help: "base64 of the 32-byte seed of the Ed25519 key that signs admissions",
    },
    Variable { name: CONCURRENCY, default: Some("256"), help: "tasks admitted at a time, 1 to 4096" },
];

/// How governance is set up.
pub struct Config {
    /// The bus.
    pub bus: BusConfig,
    /// Redis.
    pub redis: ConnectionInfo,
    /// An answer of Redis that takes longer counts as none.
    pub redis_timeout: Duration,
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
        let url = values.secret(REDIS_URL)?;
        // The library's own words may quote the address, and with it a password.
        let redis = budget::address(url.expose())
            .map_err(|_| ConfigError::unusable(REDIS_URL, "not the address of a Redis"))?;
        let signer = Signer::from_seed(values.secret(SIGNING_KEY)?.expose())
            .map_err(|error| ConfigError::unusable(SIGNING_KEY, error))?;
        let concurrency = within(CONCURRENCY, values.get(CONCURRENCY)?, 4_096)?;
        let redis_timeout = Duration::from_millis(within(REDIS_TIMEOUT, values.get(REDIS_TIMEOUT)?, 10_000)?);
        Ok(Self { bus: BusConfig::read(values)?, redis, redis_timeout, signer, concurrency })
    }
}

fn within<N: PartialOrd + From<u16> + std::fmt::Display>(name: &str, value: N, most: u16) -> Result<N, ConfigError> {
    if value >= N::from(1) && value <= N::from(most) {
        Ok(value)
    } else {
        Err(ConfigError::unusable(name, format_args!("the limit is 1 to {most}")))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const SEED: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

    fn read(set: &[(&str, &str)]) -> Result<Config, ConfigError> {
        let lookup = |name: &str| set.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        Config::read(&Values::load(&[VARIABLES, neptune_bus::config::VARIABLES], &lookup))
    }

    #[test]
    fn the_signing_key_is_all_that_must_be_given() {
        assert_eq!(read(&[(SIGNING_KEY, SEED)]).ok().unwrap().concurrency, 256);
        assert!(matches!(read(&[]), Err(ConfigError::Missing { name, .. }) if name == SIGNING_KEY));
    }

    #[test]
    fn nothing_at_a_time_is_refused() {
        for name in [CONCURRENCY, REDIS_TIMEOUT] {
            assert!(matches!(read(&[(name, "0"), (SIGNING_KEY, SEED)]), Err(ConfigError::Unusable { .. })), "{name}");
        }
    }

    #[test]
    fn what_cannot_be_used_is_named_and_never_quoted() {
        for (name, value) in [
            (SIGNING_KEY, "hunter2"),
            (SIGNING_KEY, "aHVudGVyMg=="),
            (REDIS_URL, "hunter2"),
            (CONCURRENCY, "5000"),
            (REDIS_TIMEOUT, "12345"),
        ] {
            let error = read(&[(name, value), (SIGNING_KEY, SEED)]).err().unwrap().to_string();
            assert!(error.contains(name) && !error.contains(value), "{error}");
        }
    }
}
