//! Group commit: messages that are handled at the same time share a transaction, and each still
//! gets an outcome of its own, so one that Postgres refuses does not take others with it.

use crate::{
    domain::records::Records,
    ledger::{Ledger, WriteError},
};
use neptune_bus::Outcome;
use std::{error::Error as StdError, time::Duration};
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinHandle,
    time::{Instant, timeout_at},
};

/// Most messages of one transaction.
pub const MAX_BATCH: usize = 500;
/// Longest wait for more after the first message of a batch.
const LINGER: Duration = Duration::from_millis(50);
/// Pause after the first failure; doubled up to the longest with each further one.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Where handlers hand in what they want written. Clones share one writer.
#[derive(Clone)]
pub struct Writer {
    jobs: mpsc::Sender<Job>,
}

struct Job {
    records: Records,
    answer: oneshot::Sender<Outcome>,
}

impl Writer {
    /// Starts the writer; it ends when every clone was dropped.
    #[must_use]
    pub fn start(ledger: Ledger) -> (Self, JoinHandle<()>) {
        let (jobs, queue) = mpsc::channel(2 * MAX_BATCH);
        (Self { jobs }, tokio::spawn(work(ledger, queue)))
    }

    /// What becomes of the message that `records` came from. Returns after the commit.
    pub async fn write(&self, records: Records) -> Outcome {
        let (answer, answered) = oneshot::channel();
        if self.jobs.send(Job { records, answer }).await.is_err() {
            return Outcome::Retry { after: FIRST_PAUSE };
        }
        answered.await.unwrap_or(Outcome::Retry { after: FIRST_PAUSE })
    }
}

async fn work(ledger: Ledger, mut queue: mpsc::Receiver<Job>) {
    let mut pause = FIRST_PAUSE;
    while let Some(first) = queue.recv().await {
        let batch = fill(&mut queue, first).await;
        match commit(&ledger, batch, pause).await {
            Ok(()) => pause = FIRST_PAUSE,
            Err(error) => {
                tracing::warn!(error = &error as &dyn StdError, pause = ?pause, "the ledger cannot be written, trying again");
                tokio::time::sleep(pause).await;
                pause = LONGEST_PAUSE.min(pause * 2);
            }
        }
    }
}

async fn fill(queue: &mut mpsc::Receiver<Job>, first: Job) -> Vec<Job> {
    let deadline = Instant::now() + LINGER;
    let mut batch = vec![first];
    while batch.len() < MAX_BATCH {
        let Ok(Some(job)) = timeout_at(deadline, queue.recv()).await else { break };
        batch.push(job);
    }
    batch
}

/// Writes a batch. When its data is refused, it is halved until the rows that are at fault stand
/// alone; those are rejected. When Postgres is away, the rest comes again after `pause`.
async fn commit(ledger: &Ledger, batch: Vec<Job>, pause: Duration) -> Result<(), WriteError> {
    let mut pieces = vec![batch];
    while let Some(mut piece) = pieces.pop() {
        let records: Vec<&Records> = piece.iter().map(|job| &job.records).collect();
        match ledger.write(&records).await {
            Ok(()) => answer(piece, &Outcome::Done),
            Err(WriteError::Data(cause)) if piece.len() == 1 => {
                answer(piece, &Outcome::Reject { reason: format!("the ledger cannot hold it: {cause}") });
            }
            Err(WriteError::Data(_)) => {
                let right = piece.split_off(piece.len() / 2);
                pieces.extend([right, piece]);
            }
            Err(error) => {
                answer(piece, &Outcome::Retry { after: pause });
                pieces.into_iter().for_each(|piece| answer(piece, &Outcome::Retry { after: pause }));
                return Err(error);
            }
        }
    }
    Ok(())
}

fn answer(jobs: Vec<Job>, outcome: &Outcome) {
    for job in jobs {
        // A handler that is gone was stopped; its message comes again.
        job.answer.send(outcome.clone()).ok();
    }
}
