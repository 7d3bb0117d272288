//! SIGTERM and SIGINT as a [`Shutdown`].

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::Shutdown;

/// What a shell expects of a process that was told to stop twice and gave up its work: 128 + SIGINT.
const INTERRUPTED: i32 = 130;

/// Cancels `shutdown` at the first signal and ends the process at the second one, for operators who will not wait.
///
/// # Errors
/// The operating system refuses to register a handler.
pub(crate) fn watch(shutdown: Shutdown) -> io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::spawn(async move {
        let name = next(&mut terminate, &mut interrupt).await;
        tracing::info!(signal = name, "stopping: work in flight is finished first");
        shutdown.cancel();
        let name = next(&mut terminate, &mut interrupt).await;
        tracing::warn!(signal = name, "stopping at once: work in flight is abandoned");
        std::process::exit(INTERRUPTED);
    });
    Ok(())
}

async fn next(terminate: &mut Signal, interrupt: &mut Signal) -> &'static str {
    tokio::select! {
        _ = terminate.recv() => "SIGTERM",
        _ = interrupt.recv() => "SIGINT",
    }
}
