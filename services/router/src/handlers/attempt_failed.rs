//! A call failed: stop sending tasks where they fail.

use super::task_finished::keep;
use crate::{
    board::Board,
    domain::{headroom::heard, observe::observe},
    statistics::Store,
};
use futures::{Stream, StreamExt as _};
use neptune_bus::{Incoming, Outcome};
use neptune_contracts::attempt::AttemptFailed;
use std::sync::Arc;

/// Takes a failure into the statistics that all replicas share.
pub async fn handle(store: Arc<Store>, incoming: Incoming<AttemptFailed>) -> Outcome {
    let attempt = &incoming.message.attempt;
    keep(&store, observe(attempt, None).as_slice(), heard(attempt).as_slice()).await
}

/// Takes live copies of failures into this replica's own circuits, until the stream ends.
pub async fn notice_all(board: &Board, mut failures: impl Stream<Item = AttemptFailed> + Unpin) {
    while let Some(failure) = failures.next().await {
        board.hear(heard(&failure.attempt).as_slice());
        if let Some(observation) = observe(&failure.attempt, None) {
            board.notice(&observation);
        }
    }
}
