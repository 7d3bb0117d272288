//! `down`: ends what `up` runs, and nothing else.

use crate::{
    Context,
    error::Error,
    output, process,
    supervisor::{GRACE, Lock, board, stale},
};
use std::time::Duration;

/// Beyond the grace that the supervisor gives its processes.
const MARGIN: Duration = Duration::from_secs(5);

/// Ends the supervisor, which ends its processes; or those that a killed supervisor left behind.
///
/// # Errors
/// The state directory cannot be read.
pub async fn run(context: &Context) -> Result<(), Error> {
    let record = context.stack.file("run/state.json");
    let Some(state) = board::recorded(&record)? else {
        output::note(&format!("nothing was started from {}", context.stack.folder.display()));
        return Ok(());
    };
    let was_running = process::is_alive(state.supervisor);
    process::end(&[state.supervisor], GRACE + MARGIN).await;
    let Some(_lock) = Lock::take(&context.stack.file("run/supervisor.lock"))? else {
        return Err(Error::NotReady("another `neptune up` is just starting; run `neptune down` again".into()));
    };
    let left = stale::end_left_behind(&record, GRACE).await?;
    output::note(if was_running || left > 0 { "stopped" } else { "nothing runs" });
    Ok(())
}
