//! HTTP clients. Every request to a webhook goes through one of these.

use neptune_contracts::address::is_public;
use neptune_runtime::http::{Settings, builder};
use reqwest::Client;
use std::{net::IpAddr, time::Duration};

/// The whole exchange: connect, request, answer and its body.
pub const EXCHANGE_TIMEOUT: Duration = Duration::from_secs(15);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const USER_AGENT: &str = concat!("Neptune-Webhooks/", env!("CARGO_PKG_VERSION"));

/// A name led to an address that must not be reached.
#[derive(Debug, thiserror::Error)]
#[error("the name resolves to an address that is not public")]
pub struct NotPublic;

/// A client for the public internet, https only. Literal addresses bypass its look-up; they are
/// checked before ([`neptune_contracts::address::reach`]).
///
/// # Errors
/// There is no TLS.
pub fn public() -> Result<Client, reqwest::Error> {
    timed(is_public).https_only(true).build()
}

/// A client for what the operator allowed.
///
/// # Errors
/// There is no TLS.
pub fn unrestricted() -> Result<Client, reqwest::Error> {
    timed(|_| true).build()
}

fn timed(may_dial: fn(IpAddr) -> bool) -> reqwest::ClientBuilder {
    builder(&Settings { user_agent: USER_AGENT, connect_timeout: CONNECT_TIMEOUT, may_dial }).timeout(EXCHANGE_TIMEOUT)
}

/// Whether an error stems from a name that leads where it must not.
#[must_use]
pub fn is_not_public(error: &reqwest::Error) -> bool {
    neptune_runtime::http::is_forbidden(error)
}
