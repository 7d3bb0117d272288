//! The HTTP clients for model calls.

use neptune_contracts::address::{is_host, is_public};
use neptune_runtime::http::{Settings, builder};
use std::{net::IpAddr, time::Duration};

/// A connection that is not made by then will not be made.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// Idle connections kept per host: as many as urgent tasks run at a time by default, so that a
/// steady load makes no new ones.
const IDLE_PER_HOST: usize = 1_024;
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);
/// Finds dead peers behind long answers.
const KEEP_ALIVE: Duration = Duration::from_secs(30);

/// Clients that follow no redirect and no proxy of the environment, so that a credential goes to
/// the host it is bound to and nowhere else. HTTP/1 with kept connections: one call per connection,
/// so no call waits behind another.
#[derive(Clone)]
pub struct Clients {
    /// For the public internet.
    pub(crate) public: reqwest::Client,
    /// For what may be private too.
    pub(crate) private: reqwest::Client,
}

impl Clients {
    /// Both.
    ///
    /// # Errors
    /// The TLS set-up of the machine cannot be used.
    pub fn new() -> Result<Self, reqwest::Error> {
        neptune_runtime::service::install_crypto_provider();
        Ok(Self { public: client(is_public)?, private: client(is_host)? })
    }
}

fn client(may_dial: fn(IpAddr) -> bool) -> Result<reqwest::Client, reqwest::Error> {
    pooled(may_dial).build().or_else(|error| {
        // A machine without certificates of authorities can still reach models over plain HTTP;
        // https then fails at the handshake, because nobody is trusted.
        tracing::warn!(
            error = &error as &dyn std::error::Error,
            "no certificates of authorities; https endpoints will fail"
        );
        pooled(may_dial).tls_certs_only([]).build()
    })
}

fn pooled(may_dial: fn(IpAddr) -> bool) -> reqwest::ClientBuilder {
    let user_agent = concat!("neptune/", env!("CARGO_PKG_VERSION"));
    builder(&Settings { user_agent, connect_timeout: CONNECT_TIMEOUT, may_dial })
        .http1_only()
        .tcp_nodelay(true)
        .tcp_keepalive(KEEP_ALIVE)
        .pool_max_idle_per_host(IDLE_PER_HOST)
        .pool_idle_timeout(IDLE_TIMEOUT)
}
