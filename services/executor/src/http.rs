//! The one HTTP client for model calls.

use std::time::Duration;

/// A connection that is not made by then will not be made.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// Idle connections kept per host: as many as urgent tasks run at a time by default, so that a
/// steady load makes no new ones.
const IDLE_PER_HOST: usize = 1_024;
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);
/// Finds dead peers behind long answers.
const KEEP_ALIVE: Duration = Duration::from_secs(30);

/// A client that follows no redirect and no proxy of the environment, so that a credential goes to
/// the host it is bound to and nowhere else. HTTP/1 with kept connections: one call per connection,
/// so no call waits behind another.
///
/// # Errors
/// The TLS set-up of the machine cannot be used.
pub fn client() -> Result<reqwest::Client, reqwest::Error> {
    neptune_runtime::service::install_crypto_provider();
    builder().build().or_else(|error| {
        // A machine without certificates of authorities can still reach models over plain HTTP;
        // https then fails at the handshake, because nobody is trusted.
        tracing::warn!(
            error = &error as &dyn std::error::Error,
            "no certificates of authorities; https endpoints will fail"
        );
        builder().tls_certs_only([]).build()
    })
}

fn builder() -> reqwest::ClientBuilder {
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .referer(false)
        .no_proxy()
        .http1_only()
        .tcp_nodelay(true)
        .tcp_keepalive(KEEP_ALIVE)
        .connect_timeout(CONNECT_TIMEOUT)
        .pool_max_idle_per_host(IDLE_PER_HOST)
        .pool_idle_timeout(IDLE_TIMEOUT)
        .user_agent(concat!("neptune/", env!("CARGO_PKG_VERSION")))
}
