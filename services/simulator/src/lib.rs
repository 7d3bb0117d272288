//! Stands in for model providers in demos, tests and load runs: an HTTP server that speaks the formats of OpenAI, Azure,
//! Anthropic, Google and AWS Bedrock for any number of named models, each with its own latency, faults, token counts and
//! prices.
//!
//! **In and out.** `POST /v1/chat/completions`, `/v1/responses`, `/openai/deployments/{model}/chat/completions`,
//! `/v1/messages`, `/v1beta/models/{model}:generateContent`, `/model/{model}/converse`, each with its stream; vectors by
//! `/v1/embeddings`, `/openai/deployments/{model}/embeddings`, `/v1beta/models/{model}:embedContent` and
//! `:batchEmbedContents`; `/v1/files` and `/v1/batches` of OpenAI, `/v1/messages/batches` of Anthropic; and `GET /v1/models`, as providers serve them; signatures of AWS are not checked beyond the id of their key. Behind
//! `/admin`: how models behave (`GET`, `PUT`, `DELETE /admin/models/{name}`), the account (`GET /admin/account`), the
//! last calls (`GET /admin/calls`) and `POST /admin/reset`. It never touches the bus: to the executor it is a provider
//! like any other.
//!
//! **State.** All in memory. What the configuration file declares comes back with a reset; what was put through the
//! admin route does not.
//!
//! **The account** counts what the simulator itself answered and charges by its own arithmetic, so that tests can hold
//! Neptune's ledger against it, in sum and call by call (`cost_pico_usd` of `/admin/calls`, by idempotency key). A call
//! whose client went away before the answer is `abandoned` and costs nothing here, nor does one that went wrong.
//!
//! **Answers** are a function of the request: equal requests get equal answers. Faults are drawn by chance unless a
//! model has a seed, and for a while where it has incidents (`fail 30 % for 60 s`). A model that `replays` one of the
//! models in `NEPTUNE_SIMULATOR_REPLAY` answers known prompts as right or wrong as that one really did.
//!
//! The admin routes ask for no key: it listens on the loopback interface unless told otherwise.
//!
//! [`sink`] is the other stand-in: a mail server and a webhook receiver that keep what they get on disk.

pub mod config;
pub mod domain;
pub mod sink;

mod account;
mod address;
mod http;
mod provider;
mod replay;
mod wire;

use std::io;
use std::net::SocketAddr;

use neptune_runtime::Shutdown;
use tokio::net::TcpListener;

pub use config::Config;

/// Why the simulator stopped.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address is taken or not ours.
    #[error("cannot listen on {address}")]
    Listen {
        /// The wanted address.
        address: SocketAddr,
        /// The cause.
        source: io::Error,
    },
    /// The file for the bound address cannot be written.
    #[error("cannot write the address file")]
    AddressFile(#[source] io::Error),
    /// The server failed.
    #[error("cannot serve")]
    Serve(#[source] io::Error),
}

/// A simulator that has its port but does not answer yet.
pub struct Bound {
    listener: TcpListener,
    address: SocketAddr,
    config: Config,
}

/// Takes the port, and writes it to the address file when one is wanted.
///
/// # Errors
/// The port cannot be had, or the file cannot be written.
pub async fn bind(config: Config) -> Result<Bound, Error> {
    let (listener, address) =
        address::listen(config.listen).await.map_err(|source| Error::Listen { address: config.listen, source })?;
    address::announce(config.address_file.as_deref(), address).await.map_err(Error::AddressFile)?;
    tracing::info!(%address, models = config.declared.models.len(), "the simulator listens");
    Ok(Bound { listener, address, config })
}

impl Bound {
    /// Where it listens; the port is the real one even when port 0 was asked for.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers until the shutdown. Calls that wait out their latency are cut then, as when a provider restarts.
    ///
    /// # Errors
    /// The server failed.
    pub async fn serve(self, shutdown: Shutdown) -> Result<(), Error> {
        let provider = provider::Provider::new(self.config, shutdown.clone());
        let service = http::router(provider).into_make_service_with_connect_info::<wire::Wire>();
        axum::serve(wire::Listener(self.listener), service)
            .with_graceful_shutdown(shutdown.cancelled_owned())
            .await
            .map_err(Error::Serve)
    }
}

/// Runs the simulator until the shutdown.
///
/// # Errors
/// As [`bind`] and [`Bound::serve`].
pub async fn run(config: Config, shutdown: Shutdown) -> Result<(), Error> {
    bind(config).await?.serve(shutdown).await
}
