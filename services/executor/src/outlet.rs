//! Where the pieces of a streamed answer go.

use neptune_bus::{Bus, Passage};
use neptune_contracts::{
    ids::{AttemptId, TaskId},
    names::Team,
};
use serde_json::Value;
use std::{
    sync::{Mutex, PoisonError},
    time::Instant,
};
use tokio::sync::Notify;

/// Passes the pieces of one attempt's answer on to whoever listens to its task. Until a piece holds
/// something of the answer nothing is passed on, so that another attempt may still take its place.
pub struct Outlet {
    passage: Passage,
    task: TaskId,
    /// Each piece says that what was counted comes later, as OpenAI's clients expect who ask for it.
    with_usage: bool,
    clock: Instant,
    state: Mutex<State>,
    /// A piece was passed on.
    began: Notify,
}

#[derive(Default)]
struct State {
    held: Vec<Value>,
    /// Pieces passed on.
    count: u64,
    first_us: Option<u64>,
    /// Characters of the answer that came.
    characters: usize,
}

impl Outlet {
    /// An outlet for `attempt`, which begins now.
    #[must_use]
    pub fn new(bus: &Bus, (team, task): (&Team, TaskId), attempt: AttemptId, with_usage: bool) -> Self {
        let passage = bus.passage((team, task), attempt);
        Self { passage, task, with_usage, clock: Instant::now(), state: Mutex::default(), began: Notify::new() }
    }

    /// Passes a piece on, or holds it until one `has_content`.
    pub async fn pass(&self, piece: Value, has_content: bool) {
        let (pieces, first) = {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            state.characters += characters(&piece);
            state.held.push(piece);
            if !has_content && state.first_us.is_none() {
                return;
            }
            if state.first_us.is_none() {
                state.first_us = Some(u64::try_from(self.clock.elapsed().as_micros()).unwrap_or(u64::MAX));
            }
            state.take()
        };
        self.send(pieces, first).await;
    }

    /// Passes on what is held: the answer has ended, and may have no content.
    pub async fn end(&self) {
        let (pieces, first) = self.state.lock().unwrap_or_else(PoisonError::into_inner).take();
        self.send(pieces, first).await;
    }

    /// Waits until a piece was passed on; one may wait.
    pub async fn first(&self) {
        self.began.notified().await;
    }

    /// How many pieces were passed on, and how long the first took.
    #[must_use]
    pub fn passed(&self) -> (u64, Option<u64>) {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        (state.count, state.first_us)
    }

    /// About how many tokens of the answer came: a quarter of its characters.
    #[must_use]
    pub fn tokens(&self) -> u64 {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).characters.div_ceil(4) as u64
    }

    async fn send(&self, pieces: Vec<Value>, first: u64) {
        for (index, mut piece) in (first..).zip(pieces) {
            if let Some(fields) = piece.as_object_mut() {
                fields.remove("usage");
                if self.with_usage {
                    fields.insert("usage".into(), Value::Null);
                }
            }
            if let Err(error) = self.passage.pass_on(index, piece.to_string().into()).await {
                // Whoever listens notices what is missing, and the fact has the whole answer.
                tracing::debug!(%error, task.id = %self.task, "a piece of an answer was not passed on");
            }
            if index == 0 {
                self.began.notify_one();
            }
        }
    }
}

fn characters(piece: &Value) -> usize {
    let said = |choice: &Value| {
        choice.pointer("/delta/content").and_then(Value::as_str).map_or(0, |text| text.chars().count())
    };
    piece.get("choices").and_then(Value::as_array).into_iter().flatten().map(said).sum()
}

impl State {
    /// What is held, and the place of its first piece.
    fn take(&mut self) -> (Vec<Value>, u64) {
        let pieces = std::mem::take(&mut self.held);
        let first = self.count;
        self.count += pieces.len() as u64;
        (pieces, first)
    }
}
