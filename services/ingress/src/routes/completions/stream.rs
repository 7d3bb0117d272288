//! An answer in pieces, as server-sent events.
//!
//! Pieces come on core NATS, where they may be lost, and from one attempt at a time; the finished
//! fact is what counts. What was said so far is never contradicted: when another attempt begins to speak,
//! the fact's answer is not the one whose pieces were passed on, or one of them is missing, the stream
//! ends with an error.

use super::{Dialect, Voice, failed};
use crate::{
    gate::Gate,
    problem::Fault,
    submitting::{self, Stored},
};
use axum::{
    http::HeaderValue,
    response::{
        IntoResponse as _, Response,
        sse::{Event, KeepAlive, Sse},
    },
};
use futures::{FutureExt as _, future::BoxFuture, stream};
use neptune_bus::{Bus, Chunk, Chunks};
use neptune_contracts::{
    finished::{Outcome, TaskFinished},
    ids::{AttemptId, TaskId},
    names::Team,
};
use std::{collections::VecDeque, convert::Infallible, time::Duration};
use tokio::time::{Instant, timeout, timeout_at};

/// The first piece is waited for this long before the answer's head is sent; a failure that is known
/// by then has a status of its own.
const HEAD_WAIT: Duration = Duration::from_secs(15);
/// A comment is sent after this long without a piece, so that nobody between takes the line for dead.
const KEEP_ALIVE: Duration = Duration::from_secs(10);
/// Pieces that were sent before the fact arrive at most this long after it.
const LAST_PIECES: Duration = Duration::from_secs(2);

/// An answer on its way to one client.
struct Relay {
    bus: Bus,
    team: Team,
    task: TaskId,
    /// Nothing when the task has ended before.
    chunks: Option<Chunks>,
    finished: BoxFuture<'static, Option<Box<TaskFinished>>>,
    voice: Voice,
    dialect: Dialect,
    /// The client is the one who asked first, so that the task ends when it goes away.
    is_own: bool,
    /// The attempt whose pieces are passed on.
    attempt: Option<AttemptId>,
    /// Place of its next piece.
    next: u64,
    /// A piece is missing.
    is_broken: bool,
    /// What is still to be sent.
    tail: VecDeque<Event>,
    is_ended: bool,
}

/// What comes next.
enum Next {
    Chunk(Option<Chunk>),
    Finished(Option<Box<TaskFinished>>),
}

/// Answers with the pieces of the stored task's answer, waiting for its fact until `deadline`.
///
/// # Errors
/// The task ended without an answer before any piece was there.
pub(super) async fn answer(
    gate: Gate,
    team: Team,
    stored: Stored,
    (deadline, voice): (Instant, Voice),
    dialect: Dialect,
) -> Result<Response, Fault> {
    let door = gate.door()?;
    let id = stored.id;
    let (bus, is_own) = (door.bus.clone(), stored.is_new);
    let finished = match (stored.finished, stored.waiting) {
        (Some(finished), _) => std::future::ready(Some(finished)).boxed(),
        (None, waiting) => finish(gate.clone(), team.clone(), id, (waiting, deadline)).boxed(),
    };
    let mut relay = Relay {
        bus,
        team,
        task: id,
        chunks: stored.chunks,
        finished,
        voice,
        dialect,
        is_own,
        attempt: None,
        next: 0,
        is_broken: false,
        tail: VecDeque::new(),
        is_ended: false,
    };
    relay.begin().await?;
    let events = stream::unfold(relay, |mut relay| async move {
        let event = relay.event().await?;
        Some((Ok::<Event, Infallible>(event), relay))
    });
    let mut response = Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)).into_response();
    if let Ok(id) = HeaderValue::from_str(&id.to_string()) {
        response.headers_mut().insert("x-neptune-task-id", id);
    }
    Ok(response)
}

async fn finish(
    gate: Gate,
    team: Team,
    id: TaskId,
    (waiting, deadline): (Option<submitting::Expected>, Instant),
) -> Option<Box<TaskFinished>> {
    let (door, waiting) = (gate.door().ok()?, waiting?);
    submitting::wait_for(door, &team, id, waiting, deadline).await
}

impl Relay {
    /// Waits for the first piece, or for a failure that can still be told by a status.
    async fn begin(&mut self) -> Result<(), Fault> {
        match timeout(HEAD_WAIT, self.next()).await {
            Err(_) => {}
            Ok(Next::Finished(Some(mut finished))) if finished.outcome != Outcome::Completed => {
                self.is_ended = true;
                return Err(failed(&mut finished, self.dialect));
            }
            Ok(next) => self.take(next).await,
        }
        Ok(())
    }

    /// The next event; nothing after the last one.
    async fn event(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.tail.pop_front() {
                return Some(event);
            }
            if self.is_ended {
                return None;
            }
            let next = self.next().await;
            self.take(next).await;
        }
    }

    async fn next(&mut self) -> Next {
        tokio::select! {
            // Pieces were sent before the fact.
            biased;
            chunk = next_chunk(&mut self.chunks) => Next::Chunk(chunk),
            finished = &mut self.finished => Next::Finished(finished),
        }
    }

    async fn take(&mut self, next: Next) {
        match next {
            Next::Chunk(Some(chunk)) => self.pass(chunk),
            Next::Chunk(None) | Next::Finished(None) => self.not_in_time(),
            Next::Finished(Some(finished)) => self.end(*finished).await,
        }
    }

    /// Passes a piece on when it is the next one of its attempt.
    fn pass(&mut self, Chunk { attempt, index, body }: Chunk) {
        if self.attempt.is_none() && index == 0 && !self.is_broken {
            self.attempt = Some(attempt);
        }
        if self.attempt != Some(attempt) {
            // Whoever comes in the middle gets the whole at the end. Who has heard another one, whose executor died,
            // cannot be told the rest of this one.
            if self.attempt.is_some() && index == 0 && !self.is_ended {
                self.is_ended = true;
                let fault = self.interrupted();
                self.tail.extend(self.voice.fault(fault));
            }
            return;
        }
        if index != self.next || self.is_broken {
            self.is_broken |= index > self.next;
            return;
        }
        self.next += 1;
        self.tail.extend(self.voice.piece(&body));
    }

    async fn end(&mut self, mut finished: TaskFinished) {
        self.is_ended = true;
        if let Some(attempt) = self.attempt {
            let passed = finished.attempts.iter().find(|made| made.id == attempt).map_or(0, |made| made.chunks);
            self.last_pieces(passed).await;
            let is_whole = self.next == passed && !self.is_broken;
            if finished.outcome == Outcome::Completed
                && !(is_whole && finished.winner().is_some_and(|made| made.id == attempt))
            {
                let fault = self.interrupted();
                return self.tail.extend(self.voice.fault(fault));
            }
        }
        match (&finished.output, finished.outcome) {
            (Some(output), Outcome::Completed) => {
                if self.attempt.is_none() {
                    self.tail.extend(self.voice.whole(output));
                }
                self.tail.extend(self.voice.end(output, &finished.cost_usd.to_string()));
            }
            _ => self.tail.extend(self.voice.fault(failed(&mut finished, self.dialect))),
        }
    }

    /// Takes the pieces that were sent before the fact and are still on their way.
    async fn last_pieces(&mut self, passed: u64) {
        let until = Instant::now() + LAST_PIECES;
        while self.next < passed && !self.is_broken {
            match timeout_at(until, next_chunk(&mut self.chunks)).await {
                Ok(Some(chunk)) => self.pass(chunk),
                Ok(None) | Err(_) => return,
            }
        }
    }

    fn not_in_time(&mut self) {
        self.is_ended = true;
        self.tail.extend(self.voice.fault(super::not_in_time(self.task)));
    }

    fn interrupted(&self) -> Fault {
        let text = format!(
            "the answer was interrupted and another one is given instead; GET /v1/tasks/{} has it when it is complete",
            self.task
        );
        Fault::new(502, "upstream_error", "stream_interrupted", text).about(self.task)
    }
}

/// A client that went away does not want its answer any more.
impl Drop for Relay {
    fn drop(&mut self) {
        if self.is_ended || !self.is_own {
            return;
        }
        let (bus, team, task) = (self.bus.clone(), self.team.clone(), self.task);
        tokio::spawn(async move {
            if let Err(error) = bus.cancel(&team, task).await {
                tracing::debug!(task.id = %task, %error, "a task was not cancelled, and goes on");
            }
        });
    }
}

async fn next_chunk(chunks: &mut Option<Chunks>) -> Option<Chunk> {
    match chunks {
        Some(chunks) => chunks.next().await,
        None => std::future::pending().await,
    }
}
