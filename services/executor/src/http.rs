//! The one HTTP client for model calls.

use std::time::Duration;

/// A connection that is not made by then will not be made.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// Idle connections kept per host.
const IDLE_PER_HOST: usize = 256;
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);

/// A client that follows no redirect and no proxy of the environment, so that a credential goes to
/// the host it is bound to and nowhere else.
///
/// # Errors
/// The TLS set-up of the machine cannot be read.
pub fn client() -> Result<reqwest::Client, reqwest::Error> {
    neptune_runtime::service::install_crypto_provider();
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .tcp_nodelay(true)
        .connect_timeout(CONNECT_TIMEOUT)
        .pool_max_idle_per_host(IDLE_PER_HOST)
        .pool_idle_timeout(IDLE_TIMEOUT)
        .user_agent(concat!("neptune/", env!("CARGO_PKG_VERSION")))
        .build()
}
