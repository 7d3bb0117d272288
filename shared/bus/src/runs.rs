//! What carries a run on: its log with compare-and-set, its timers, and what is stored once.
//!
//! **The log is the outbox.** [`Bus::append_log`] stores a message only after the one that its writer knew as the
//! last. What follows from it is published afterwards, each under a subject or id of its own, so that asking for
//! it again changes nothing.

use crate::{Bus, BusError, Cause, Incoming, PublishError, envelope, payload, publish::Draft};
use async_nats::{
    HeaderMap, HeaderValue, StatusCode,
    header::{NATS_SCHEDULE, NATS_SCHEDULE_TARGET},
    jetstream::stream::DirectGetErrorKind,
};
use futures::StreamExt as _;
use neptune_contracts::{
    Message, headers,
    ids::RunId,
    names::Team,
    run::{
        finished::RunFinished,
        input::RunInput,
        log::{RunLogged, RunMadeOf},
        timer::{RunFired, RunTimer},
    },
    topology::StreamName,
};
use serde_json::json;
use std::time::Duration;

/// Messages of a log that are asked for at a time.
const BATCH: u64 = 256;
/// Longest wait for the next of them.
const PATIENCE: Duration = Duration::from_secs(2);
/// Ends of one run that are stored at the same time; more tries than that mean that something else is wrong.
const RACES: u32 = 8;

/// A message of a run's log.
#[derive(Clone, Debug)]
pub struct LogEntry {
    /// Its sequence, which the next append names.
    pub sequence: u64,
    /// What it says.
    pub logged: RunLogged,
}

/// What an append did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Append {
    /// It is stored under this sequence.
    Stored(u64),
    /// The log has another last message than was said. It may be this very append, stored by a try whose answer was
    /// lost.
    Refused,
}

impl Bus {
    /// Appends to a run's log, if its last message has the sequence `after`; 0 when there is none.
    ///
    /// # Errors
    /// The broker did not store it, or nobody knows.
    pub async fn append_log(&self, logged: &RunLogged, after: u64) -> Result<Append, PublishError> {
        let mut draft = self.draft(logged, &Cause::root()).await?;
        draft.headers.insert(headers::EXPECTED_LAST_SUBJECT_SEQUENCE, HeaderValue::from(after));
        match self.store(&draft).await {
            Ok(published) => Ok(Append::Stored(published.sequence)),
            Err(PublishError::Taken) => Ok(Append::Refused),
            Err(error) => Err(error),
        }
    }

    /// The messages of a run's log after the sequence `after`, in their order; of whichever team has it without one.
    ///
    /// # Errors
    /// The broker could not be asked, or a message cannot be read.
    pub async fn run_log(&self, team: Option<&Team>, run: RunId, after: u64) -> Result<Vec<LogEntry>, BusError> {
        let subject = self.namespace().subject(RunLogged::SUBJECT, &[team.map_or("*", Team::as_str), &run.to_string()]);
        let (mut entries, mut next) = (Vec::new(), after + 1);
        loop {
            let found = self.log_batch(&subject, next, &mut entries).await?;
            match entries.last() {
                Some(last) if found == BATCH => next = last.sequence + 1,
                _ => return Ok(entries),
            }
        }
    }

    /// Reads messages of a log from the sequence `from` on, and returns how many there were.
    async fn log_batch(&self, subject: &str, from: u64, entries: &mut Vec<LogEntry>) -> Result<u64, BusError> {
        let action = "read the log of a run";
        let inbox = self.inner.client.new_inbox();
        let subscribed = self.inner.client.subscribe(inbox.clone()).await;
        let mut answers = subscribed.map_err(|error| BusError::new(action, error))?;
        let stream = self.namespace().resource(StreamName::Runs.as_str());
        let wanted = json!({"seq": from, "next_by_subj": subject, "batch": BATCH});
        let asked = self
            .inner
            .client
            .publish_with_reply(format!("$JS.API.DIRECT.GET.{stream}"), inbox, wanted.to_string().into())
            .await;
        asked.map_err(|error| BusError::new(action, error))?;
        let mut found = 0;
        loop {
            let answer = tokio::time::timeout(PATIENCE, answers.next()).await;
            let answer = answer.map_err(|error| BusError::new(action, error))?;
            let answer = answer.ok_or_else(|| BusError::new(action, "the connection was closed"))?;
            match answer.status {
                // The end of the batch, or nothing at all.
                Some(status) if status.as_u16() == 204 || status == StatusCode::NOT_FOUND => return Ok(found),
                Some(StatusCode::NO_RESPONDERS) => {
                    return Err(BusError::new(action, "the stream of runs does not exist"));
                }
                Some(status) if status.as_u16() >= 400 => {
                    return Err(BusError::new(action, format!("the broker answered {status}")));
                }
                _ => {}
            }
            entries.push(self.entry(answer).await.map_err(|error| BusError::new(action, error))?);
            found += 1;
        }
    }

    /// What a run was made of, by the first message of its log; nothing when there is none, or it does not say so in a
    /// way that can be read.
    ///
    /// # Errors
    /// The broker could not be asked.
    pub async fn run_made_of(&self, team: &Team, run: RunId) -> Result<Option<RunMadeOf>, BusError> {
        let action = "read what a run was made of";
        let subject = self.namespace().subject(RunLogged::SUBJECT, &[team.as_str(), &run.to_string()]);
        let stream = self.namespace().resource(StreamName::Runs.as_str());
        let wanted = json!({"seq": 1, "next_by_subj": subject}).to_string();
        let asked = self.inner.client.request(format!("$JS.API.DIRECT.GET.{stream}"), wanted.into()).await;
        let answer = asked.map_err(|error| BusError::new(action, error))?;
        if answer.status.is_some() {
            return Ok(None);
        }
        let entry = self.entry(answer).await.ok();
        Ok(entry.and_then(|entry| entry.logged.made_of).map(|made_of| *made_of))
    }

    async fn entry(&self, answer: async_nats::Message) -> Result<LogEntry, async_nats::Error> {
        let text = |name: &str| answer.headers.as_ref().and_then(|headers| headers.get(name)).map(HeaderValue::as_str);
        let sequence = text("Nats-Sequence").and_then(|sequence| sequence.parse().ok());
        let sequence = sequence.ok_or("a message of the log came without its sequence")?;
        let body = payload::fetch(self, answer.headers.as_ref(), answer.payload.clone()).await?;
        Ok(LogEntry { sequence, logged: serde_json::from_slice(&body)? })
    }

    /// Stores a message if its subject has none. False when it has one.
    ///
    /// # Errors
    /// The broker did not store it, or nobody knows.
    pub async fn publish_once<M: Message>(&self, message: &M, cause: &Cause) -> Result<bool, PublishError> {
        let mut draft = self.draft(message, cause).await?;
        draft.headers.insert(headers::EXPECTED_LAST_SUBJECT_SEQUENCE, HeaderValue::from(0_u64));
        match self.store(&draft).await {
            Ok(published) => Ok(!published.duplicate),
            Err(PublishError::Taken) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// The last message of a run's log.
    ///
    /// # Errors
    /// The broker could not be asked, or it cannot be read.
    pub async fn last_logged(&self, team: &Team, run: RunId) -> Result<Option<RunLogged>, BusError> {
        let subject = self.namespace().subject(RunLogged::SUBJECT, &[team.as_str(), &run.to_string()]);
        self.last_of(StreamName::Runs, subject, "read the end of a run's log").await
    }

    /// What came to a run under `id`.
    ///
    /// # Errors
    /// The broker could not be asked, or it cannot be read.
    pub async fn run_input(&self, team: &Team, run: RunId, id: &str) -> Result<Option<RunInput>, BusError> {
        let subject = self.namespace().subject(RunInput::SUBJECT, &[team.as_str(), &run.to_string(), id]);
        self.last_of(StreamName::Runs, subject, "read what came to a run").await
    }

    /// How a run ended, while that is in the hot window of a day.
    ///
    /// # Errors
    /// The broker could not be asked, or the fact cannot be read.
    pub async fn run_result(&self, team: &Team, run: RunId) -> Result<Option<RunFinished>, BusError> {
        Ok(self.stored_end(team, run).await?.map(|(_, finished)| finished))
    }

    async fn stored_end(&self, team: &Team, run: RunId) -> Result<Option<(u64, RunFinished)>, BusError> {
        let subject = self.namespace().subject(RunFinished::SUBJECT, &[team.as_str(), &run.to_string()]);
        self.last_with_sequence(StreamName::Results, subject, "read how a run ended").await
    }

    async fn last_of<M: Message>(
        &self,
        stream: StreamName,
        subject: String,
        action: &'static str,
    ) -> Result<Option<M>, BusError> {
        Ok(self.last_with_sequence(stream, subject, action).await?.map(|(_, message)| message))
    }

    async fn last_with_sequence<M: Message>(
        &self,
        stream: StreamName,
        subject: String,
        action: &'static str,
    ) -> Result<Option<(u64, M)>, BusError> {
        let name = self.namespace().resource(stream.as_str());
        let stream = self.inner.context.get_stream_no_info(name).await.map_err(|error| BusError::new(action, error))?;
        let stored = match stream.direct_get_last_for_subject(subject).await {
            Ok(stored) => stored,
            Err(error) if error.kind() == DirectGetErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(BusError::new(action, error)),
        };
        let body = payload::fetch(self, Some(&stored.headers), stored.payload).await?;
        let message = serde_json::from_slice(&body).map_err(|error| BusError::new(action, error))?;
        Ok(Some((stored.sequence, message)))
    }

    /// Stores the end of a run once for its turn, and publishes it where a caller waits. An earlier end, of a run that
    /// was taken up again since, is replaced.
    ///
    /// # Errors
    /// The broker did not store it, or nobody knows.
    pub async fn finish_run(&self, finished: &RunFinished, reply_to: Option<&str>) -> Result<(), PublishError> {
        let mut draft = self.draft(finished, &Cause::root()).await?;
        let mut after = 0;
        for _ in 0..RACES {
            draft.headers.insert(headers::EXPECTED_LAST_SUBJECT_SEQUENCE, HeaderValue::from(after));
            match self.store(&draft).await {
                Ok(_) => break,
                Err(PublishError::Taken) => {}
                Err(error) => return Err(error),
            }
            let read = self.stored_end(&finished.team, finished.id).await;
            match read.map_err(|error| PublishError::Broker(error.into()))? {
                Some((_, stored)) if stored.turn >= finished.turn => break,
                Some((sequence, _)) => after = sequence,
                None => after = 0,
            }
        }
        self.answer_of_run(draft, reply_to).await;
        Ok(())
    }

    /// Tells a caller that waits how a run ended. Nothing is stored.
    ///
    /// # Errors
    /// It is too large.
    pub async fn tell_end(&self, finished: &RunFinished, reply_to: Option<&str>) -> Result<(), PublishError> {
        let draft = self.draft(finished, &Cause::root()).await?;
        self.answer_of_run(draft, reply_to).await;
        Ok(())
    }

    async fn answer_of_run(&self, draft: Draft, reply_to: Option<&str>) {
        let Some(reply_to) = reply_to else { return };
        let mut headers = HeaderMap::new();
        if let Some(reference) = draft.headers.get(headers::BODY_REFERENCE) {
            headers.insert(headers::BODY_REFERENCE, reference.clone());
        }
        // Whoever misses it reads the stored fact.
        self.inner.client.publish_with_headers(reply_to.to_owned(), headers, draft.body).await.ok();
    }

    /// Has the broker publish a [`RunFired`] when the timer is due; at once when it is overdue. Returns the sequence under
    /// which it keeps the timer until then.
    ///
    /// # Errors
    /// The broker did not store it, or nobody knows.
    pub async fn set_timer(&self, timer: &RunTimer) -> Result<u64, PublishError> {
        let parameters = timer.parameters();
        let parameters: Vec<&str> = parameters.iter().map(String::as_str).collect();
        let mut draft = self.draft(timer, &Cause::root()).await?;
        draft.headers.insert(NATS_SCHEDULE, format!("@at {}", timer.due_at));
        draft.headers.insert(NATS_SCHEDULE_TARGET, self.namespace().subject(RunFired::SUBJECT, &parameters));
        self.store(&draft).await.map(|stored| stored.sequence)
    }

    /// Takes back a timer of a run, or all of them. One that fires all the same is not waited for any more.
    ///
    /// # Errors
    /// The broker could not be asked.
    pub async fn clear_timers(&self, team: &Team, run: RunId, timer: Option<&str>) -> Result<(), BusError> {
        let action = "clear timers of a run";
        let name = self.namespace().resource(StreamName::Timers.as_str());
        let stream = self.inner.context.get_stream_no_info(name).await.map_err(|error| BusError::new(action, error))?;
        let filter =
            self.namespace().subject(RunTimer::SUBJECT, &[team.as_str(), &run.to_string(), timer.unwrap_or("*")]);
        stream.purge().filter(filter).await.map(drop).map_err(|error| BusError::new(action, error))
    }

    /// Takes back the timers of a run that are stored before the sequence `before`.
    ///
    /// # Errors
    /// The broker could not be asked.
    pub async fn clear_timers_before(&self, team: &Team, run: RunId, before: u64) -> Result<(), BusError> {
        let action = "clear timers of a run that has ended";
        let name = self.namespace().resource(StreamName::Timers.as_str());
        let stream = self.inner.context.get_stream_no_info(name).await.map_err(|error| BusError::new(action, error))?;
        let filter = self.namespace().subject(RunTimer::SUBJECT, &[team.as_str(), &run.to_string(), "*"]);
        let purged = stream.purge().filter(filter).sequence(before).await;
        purged.map(drop).map_err(|error| BusError::new(action, error))
    }
}

impl<M> Incoming<M> {
    /// Where whoever published it wants to be answered, if that is an inbox of the team's own.
    #[must_use]
    pub fn caller_inbox(&self, bus: &Bus, team: &Team) -> Option<String> {
        let subject = self.meta.cause.reply_to.clone()?;
        envelope::is_inbox(bus.namespace(), team.as_str(), &subject).then_some(subject)
    }
}
