//! HTTP clients. Every request to a webhook goes through one of these.

use neptune_contracts::address::is_public;
use reqwest::{
    Client,
    dns::{Addrs, Name, Resolve, Resolving},
    redirect::Policy,
};
use std::{error::Error as StdError, net::SocketAddr, time::Duration};

/// The whole exchange: connect, request, answer and its body.
pub const EXCHANGE_TIMEOUT: Duration = Duration::from_secs(15);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const USER_AGENT: &str = concat!("Neptune-Webhooks/", env!("CARGO_PKG_VERSION"));

/// A name led to an address that must not be reached.
#[derive(Debug, thiserror::Error)]
#[error("the name resolves to an address that is not public")]
pub struct NotPublic;

/// Looks names up and refuses those of which any address is not public: taking only the public ones
/// would let a name hide a private one behind them. What it returns is what is dialled, so the name
/// cannot change its mind in between.
struct PublicOnly;

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            if found.iter().any(|address| !is_public(address.ip())) {
                return Err(NotPublic.into());
            }
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

/// A client for the public internet, https only. Literal addresses bypass its look-up; they are
/// checked before ([`neptune_contracts::address::reach`]).
///
/// # Errors
/// There is no TLS.
pub fn public() -> Result<Client, reqwest::Error> {
    bare().https_only(true).dns_resolver(PublicOnly).build()
}

/// A client for what the operator allowed.
///
/// # Errors
/// There is no TLS.
pub fn unrestricted() -> Result<Client, reqwest::Error> {
    bare().build()
}

/// Without redirects, which could lead anywhere, and without proxies from the environment, which
/// would look names up for us.
fn bare() -> reqwest::ClientBuilder {
    Client::builder()
        .redirect(Policy::none())
        .no_proxy()
        .referer(false)
        .user_agent(USER_AGENT)
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(EXCHANGE_TIMEOUT)
}

/// Whether an error stems from [`NotPublic`].
#[must_use]
pub fn is_not_public(error: &reqwest::Error) -> bool {
    std::iter::successors(error.source(), |cause: &&(dyn StdError + 'static)| (*cause).source())
        .any(|cause| cause.is::<NotPublic>())
}
