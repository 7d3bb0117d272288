//! Takes mails and webhooks in demos and tests, and keeps them as files.
//!
//! **In.** SMTP without authentication or TLS: each accepted message becomes `mails/<number>.eml`, with its envelope in
//! the headers `Return-Path` and `Delivered-To`. `POST /hook/{name}` becomes `hooks/<number>.json` with headers, body
//! and the status it was answered.
//!
//! **Out.** `GET /mails` and `GET /hooks` list what is stored, oldest first. `PUT /hook/{name}/status` makes a hook
//! answer something else than 200, for ever or a number of times. `POST /reset` forgets everything.
//!
//! **Guarantees.** A mail or hook is on disk, complete, before it is acknowledged. Everything is bounded: sizes,
//! connections, and the number of files, beyond which mails and hooks are refused for now.

pub mod config;

mod hooks;
mod http;
mod mails;
mod smtp;
mod store;

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use neptune_runtime::Shutdown;
use tokio::net::TcpListener;

use crate::address;
use config::Config;
use store::Store;

/// Why the sink stopped.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An address is taken or not ours.
    #[error("cannot listen on {address}")]
    Listen {
        /// The wanted address.
        address: SocketAddr,
        /// The cause.
        source: io::Error,
    },
    /// The directory cannot be made or read.
    #[error("cannot use the directory {}", path.display())]
    Directory {
        /// The directory.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The HTTP server failed.
    #[error("cannot serve")]
    Serve(#[source] io::Error),
}

/// A sink that has its ports but takes nothing yet.
pub struct Bound {
    smtp: TcpListener,
    smtp_address: SocketAddr,
    http: TcpListener,
    http_address: SocketAddr,
    store: Arc<Store>,
}

/// Takes the ports and opens the directory.
///
/// # Errors
/// A port cannot be had, or the directory cannot be used.
pub async fn bind(config: Config) -> Result<Bound, Error> {
    let listen = async |address| address::listen(address).await.map_err(|source| Error::Listen { address, source });
    let (smtp, smtp_address) = listen(config.smtp_listen).await?;
    let (http, http_address) = listen(config.http_listen).await?;
    let store = Store::open(&config.directory, config.kept_count).await;
    let store = store.map_err(|source| Error::Directory { path: config.directory, source })?;
    tracing::info!(%smtp_address, %http_address, "the sink listens");
    Ok(Bound { smtp, smtp_address, http, http_address, store: Arc::new(store) })
}

impl Bound {
    /// Where mails go.
    pub fn smtp_address(&self) -> SocketAddr {
        self.smtp_address
    }

    /// Where webhooks go and the lists are.
    pub fn http_address(&self) -> SocketAddr {
        self.http_address
    }

    /// Takes mails and webhooks until the shutdown.
    ///
    /// # Errors
    /// The HTTP server failed.
    pub async fn serve(self, shutdown: Shutdown) -> Result<(), Error> {
        let mails = smtp::serve(self.smtp, Arc::clone(&self.store), shutdown.clone());
        let stop = shutdown.clone().cancelled_owned();
        let hooks = async {
            let served = axum::serve(self.http, http::router(self.store)).with_graceful_shutdown(stop).await;
            // One half without the other would be a sink that seems to work.
            shutdown.cancel();
            served
        };
        let ((), served) = tokio::join!(mails, hooks);
        served.map_err(Error::Serve)
    }
}

/// Runs the sink until the shutdown.
///
/// # Errors
/// As [`bind`] and [`Bound::serve`].
pub async fn run(config: Config, shutdown: Shutdown) -> Result<(), Error> {
    bind(config).await?.serve(shutdown).await
}
