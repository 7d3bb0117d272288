//! Processes that a killed supervisor left behind.

use super::board;
use crate::{domain::run_state::ProcessRef, error::Error, output, process};
use std::{path::Path, time::Duration};

/// Ends what the record still names and what still runs one of our binaries. Returns how many
/// there were. Only to be called with the lock held: then nobody supervises them.
///
/// # Errors
/// The record cannot be read.
pub async fn end_left_behind(record: &Path, grace: Duration) -> Result<usize, Error> {
    let state = board::recorded(record)?;
    let processes = state.iter().flat_map(|state| &state.services).filter_map(|service| service.process);
    let left: Vec<ProcessRef> = processes.filter(|process| process::is_ours(*process)).collect();
    if !left.is_empty() {
        output::note(&format!("neptune: ending {} processes that a killed supervisor left behind", left.len()));
        process::end(&left, grace).await;
    }
    Ok(left.len())
}
