//! Serving HTTP, and stopping without cutting anybody off too early.

use axum::{Router, serve::ListenerExt as _};
use neptune_runtime::Shutdown;
use std::{future::IntoFuture as _, io, time::Duration};
use tokio::net::TcpListener;

/// Time to send the last answers, after which connections are cut.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// Serves until `shutdown`. Then nobody new is let in, and open requests have `drain` to finish;
/// `closing` tells those that still wait to answer without a result.
///
/// # Errors
/// The listener failed.
pub(crate) async fn serve(
    listener: TcpListener,
    router: Router,
    shutdown: &Shutdown,
    closing: &Shutdown,
    drain: Duration,
) -> io::Result<()> {
    let listener = listener.tap_io(|connection| {
        // An answer in two segments must not wait for the first one's acknowledgement.
        if let Err(error) = connection.set_nodelay(true) {
            tracing::debug!(%error, "a connection keeps delaying small segments");
        }
    });
    let stop = shutdown.clone();
    let serving = axum::serve(listener, router).with_graceful_shutdown(async move { stop.cancelled().await });
    let patience = async {
        shutdown.cancelled().await;
        tokio::time::sleep(drain).await;
        closing.cancel();
        tokio::time::sleep(LAST_WORDS).await;
    };
    tokio::select! {
        served = serving.into_future() => served,
        () = patience => {
            tracing::warn!("some connections did not end in time and are cut");
            Ok(())
        }
    }
}
