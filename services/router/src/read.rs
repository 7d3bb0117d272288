//! Keeps this replica's snapshot of the statistics in step with Redis.

use crate::{board::Board, statistics::Store};
use neptune_contracts::Timestamp;
use redis::RedisError;
use std::{sync::Arc, time::Duration};
use tokio::time::MissedTickBehavior;

/// Between two reads.
const READ_EVERY: Duration = Duration::from_millis(250);

/// What the reader knows from its last reads.
#[derive(Debug, Default)]
struct Reader {
    /// Of the feedback that was read.
    cells_version: Option<u64>,
    /// Redis was whole once, so what the board has is better than what is left in one that is not.
    was_whole: bool,
}

/// Reads the statistics every quarter of a second, for as long as the router runs.
pub async fn read_statistics(board: Arc<Board>, store: Arc<Store>) {
    let mut ticks = tokio::time::interval(READ_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut reader, mut was_readable) = (Reader::default(), true);
    loop {
        ticks.tick().await;
        let read = reader.read(&board, &store).await;
        match &read {
            Err(error) if was_readable => tracing::warn!(%error, "cannot read routing statistics; the last ones serve"),
            Ok(()) if !was_readable => tracing::info!("routing statistics can be read again"),
            _ => {}
        }
        was_readable = read.is_ok();
    }
}

impl Reader {
    async fn read(&mut self, board: &Board, store: &Store) -> Result<(), RedisError> {
        let statistics = store.read(Timestamp::now().unix_micros() / 1_000).await?;
        let cells = store.read_cells(self.cells_version).await?;
        let checks = if cells.is_some() { Some(store.read_checks().await?) } else { None };
        // Asked last: what was read from a Redis that had lost its data by then is not taken for whole.
        let is_whole = store.is_whole().await?;
        self.tell(board, is_whole);
        if self.was_whole && !is_whole {
            self.cells_version = None;
            return Ok(());
        }
        self.was_whole |= is_whole;
        board.replace(statistics);
        if let Some((version, cells)) = cells {
            board.replace_cells(cells);
            self.cells_version = Some(version);
        }
        if let Some(checks) = checks {
            board.replace_checks(checks);
        }
        Ok(())
    }

    fn tell(&self, board: &Board, is_whole: bool) {
        if board.is_rebuilding() != is_whole {
            return;
        }
        board.set_rebuilding(!is_whole);
        match (is_whole, self.was_whole) {
            (true, _) => tracing::info!("redis has all routing statistics"),
            (false, true) => {
                tracing::warn!(
                    "redis lost the routing statistics; they are rebuilt from the facts, and the last ones serve"
                );
            }
            (false, false) => {
                tracing::warn!("redis has no routing statistics yet; they are built from the facts, and priors serve");
            }
        }
    }
}
