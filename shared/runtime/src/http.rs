//! The one way to an HTTP client for calls that leave the system: models and webhooks.
//!
//! No redirect is followed, which could lead a credential or a body anywhere, and no proxy of the environment is
//! used, which would look names up for us. Where a name leads is checked when it is looked up, and what was checked is
//! what is dialled, so the name cannot change its mind in between. Addresses that stand in the URL itself bypass the
//! look-up: whoever makes the URL checks them.

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::redirect::Policy;
use reqwest::{Client, ClientBuilder};
use std::error::Error as StdError;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// How a client is made.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// What it calls itself.
    pub user_agent: &'static str,
    /// A connection that is not made by then will not be made.
    pub connect_timeout: Duration,
    /// Addresses it may dial.
    pub may_dial: fn(IpAddr) -> bool,
}

/// A name led to an address that must not be reached.
#[derive(Debug, thiserror::Error)]
#[error("the name resolves to an address that must not be reached")]
pub struct Forbidden;

struct Checked(fn(IpAddr) -> bool);

/// Refuses a name of which any address is forbidden: taking only the others would let a name hide one behind them.
impl Resolve for Checked {
    fn resolve(&self, name: Name) -> Resolving {
        let may_dial = self.0;
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            if found.iter().any(|address| !may_dial(address.ip())) {
                return Err(Forbidden.into());
            }
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

/// The beginning of every client; what a use needs besides (pools, time for the whole exchange) is added to it.
pub fn builder(settings: &Settings) -> ClientBuilder {
    Client::builder()
        .redirect(Policy::none())
        .no_proxy()
        .referer(false)
        .user_agent(settings.user_agent)
        .connect_timeout(settings.connect_timeout)
        .dns_resolver(Checked(settings.may_dial))
}

/// Whether an error stems from [`Forbidden`].
#[must_use]
pub fn is_forbidden(error: &reqwest::Error) -> bool {
    std::iter::successors(error.source(), |cause: &&(dyn StdError + 'static)| (*cause).source())
        .any(|cause| cause.is::<Forbidden>())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    async fn dial(may_dial: fn(IpAddr) -> bool) -> reqwest::Error {
        crate::service::install_crypto_provider();
        let settings = Settings { user_agent: "test", connect_timeout: Duration::from_secs(5), may_dial };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let client = builder(&settings).build().unwrap();
        client.get(format!("http://localhost:{port}/")).send().await.unwrap_err()
    }

    #[tokio::test]
    async fn a_name_that_leads_to_a_forbidden_address_is_not_dialled() {
        assert!(is_forbidden(&dial(|address| !address.is_loopback()).await));
        let refused = dial(|_| true).await;
        assert!(refused.is_connect() && !is_forbidden(&refused));
    }
}
