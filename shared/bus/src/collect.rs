//! Tasks that wait for a batch at their provider: stored once, found again, ended once.
//!
//! First the item is stored, then a timer that is due after it, then the accept ends; a crash between two of these
//! leaves the accept, which is handed out again. From there on the item is the duty to end the task: it is taken out
//! when the finished fact is stored, or the timer by which the task comes back. What repeats a step changes nothing.

use crate::{Accept, Append, Bus, BusError, Cause, Finish, PublishError, park::schedule, payload};
use async_nats::{
    HeaderValue,
    jetstream::{
        message::StreamMessage,
        stream::{DeleteMessageErrorKind, DirectGetErrorKind, Stream},
    },
};
use futures::TryStreamExt as _;
use neptune_contracts::{
    Message,
    batch::{BatchDue, BatchItem, BatchState, BatchTimer, Collection},
    finished::TaskFinished,
    headers,
    ids::TaskId,
    names::{Team, Zone},
    parked::{TaskParked, TaskResumed},
    topology::StreamName,
};

/// An item as it is stored.
#[derive(Clone, Debug)]
pub struct Collected {
    /// The item.
    pub item: BatchItem,
    sequence: u64,
    /// With the reply subject and trace of the task.
    cause: Cause,
}

/// Where an item is stored, by its subject.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Place {
    subject: String,
    /// Where its model runs.
    pub zone: Zone,
    /// Whose task it is.
    pub team: Team,
    /// The task.
    pub task: TaskId,
}

impl Bus {
    /// Stores an item unless its subject has one, with the task's reply subject and trace. The accept is to end by
    /// [`Bus::await_batch`].
    ///
    /// # Errors
    /// It was not stored.
    pub async fn collect(&self, item: &BatchItem, accept: &Accept, cause: &Cause) -> Result<(), PublishError> {
        let mut cause = cause.clone().without_accept();
        cause.reply_to.clone_from(&accept.reply_to);
        cause.hop = 0;
        self.publish_once(item, &cause).await.map(drop)
    }

    /// Sets the timers, and acknowledges the accept of a task whose item is stored.
    ///
    /// # Errors
    /// A timer was not stored. The accept stays open.
    pub async fn await_batch(&self, timers: &[BatchTimer], accept: &Accept) -> Result<(), PublishError> {
        for timer in timers {
            self.set_batch_timer(timer).await?;
        }
        self.end_accept(&accept.token);
        Ok(())
    }

    /// Has the broker publish a [`BatchDue`] when the timer is due; at once when it is overdue.
    ///
    /// # Errors
    /// The broker did not store it, or nobody knows.
    pub async fn set_batch_timer(&self, timer: &BatchTimer) -> Result<(), PublishError> {
        let mut draft = self.draft(timer, &Cause::root()).await?;
        let target = self.subject_of::<BatchDue>(&timer.parameters());
        schedule(&mut draft.headers, timer.due_at, target);
        self.store(&draft).await.map(drop)
    }

    /// The items of a task, wherever they wait.
    ///
    /// # Errors
    /// The broker could not be asked.
    pub async fn collected(&self, team: &Team, task: TaskId) -> Result<Vec<Place>, BusError> {
        self.places(&["*", "*", team.as_str(), &task.to_string()]).await
    }

    /// The items of a collection.
    ///
    /// # Errors
    /// The broker could not be asked.
    pub async fn collection(&self, collection: &Collection) -> Result<Vec<Place>, BusError> {
        self.places(&[collection.zone.as_str(), &collection.token()]).await
    }

    async fn places(&self, parameters: &[&str]) -> Result<Vec<Place>, BusError> {
        let action = "look for tasks that wait for a batch";
        let filter = self.namespace().subject(BatchItem::SUBJECT, parameters);
        let subjects = self
            .batches(action)
            .await?
            .info_with_subjects(filter)
            .await
            .map_err(|error| BusError::new(action, error))?;
        let subjects: Vec<(String, usize)> =
            subjects.try_collect().await.map_err(|error| BusError::new(action, error))?;
        Ok(subjects.into_iter().filter_map(|(subject, _)| self.place(subject)).collect())
    }

    fn place(&self, subject: String) -> Option<Place> {
        let parameters = self.namespace().parameters(BatchItem::SUBJECT, &subject)?;
        let zone = parameters.first()?.parse().ok()?;
        let (team, task) = (parameters.get(2)?.parse().ok()?, parameters.get(3)?.parse().ok()?);
        Some(Place { subject, zone, team, task })
    }

    /// What waits there; nothing when it was taken out.
    ///
    /// # Errors
    /// The broker could not be asked, or it cannot be read.
    pub async fn item(&self, place: &Place) -> Result<Option<Collected>, BusError> {
        let action = "read a task that waits for a batch";
        let Some(stored) = self.last_in_batches(place.subject.clone(), action).await? else { return Ok(None) };
        let body = payload::fetch(self, Some(&stored.headers), stored.payload).await?;
        let item = serde_json::from_slice(&body).map_err(|error| BusError::new(action, error))?;
        let cause = Cause { hop: 0, ..Cause::from_headers(Some(&stored.headers)) };
        Ok(Some(Collected { item, sequence: stored.sequence, cause }))
    }

    /// Stores the finished fact of a task that waited, once; then answers the caller that waits; then takes the item
    /// out.
    ///
    /// # Errors
    /// The fact was not stored. The item stays.
    pub async fn finish_collected(&self, finished: &TaskFinished, item: &Collected) -> Result<Finish, PublishError> {
        let (reply_to, cause) = (item.cause.reply_to.as_deref(), item.cause.clone().without_accept());
        let finish = self.store_fact(finished, reply_to, &cause).await?;
        self.take_out(item.sequence).await.map_err(|error| PublishError::Broker(error.into()))?;
        Ok(finish)
    }

    /// Puts a task that waited back to be admitted anew; then takes the item out.
    ///
    /// # Errors
    /// Its timer was not stored. The item stays.
    pub async fn put_back(&self, parked: &TaskParked, item: &Collected) -> Result<(), PublishError> {
        let mut draft = self.draft(parked, &item.cause).await?;
        let target = self.subject_of::<TaskResumed>(&parked.parameters());
        schedule(&mut draft.headers, parked.until(), target);
        self.store(&draft).await?;
        self.drop_collected(item).await.map_err(|error| PublishError::Broker(error.into()))
    }

    /// Takes an item out whose task has gone on.
    ///
    /// # Errors
    /// The broker could not be asked.
    pub async fn drop_collected(&self, item: &Collected) -> Result<(), BusError> {
        self.take_out(item.sequence).await
    }

    /// What is known of the batches of a collection, and its sequence, which the next state names; nothing and 0 when
    /// there are none.
    ///
    /// # Errors
    /// The broker could not be asked, or it cannot be read.
    pub async fn batch_state(&self, collection: &Collection) -> Result<(Option<BatchState>, u64), BusError> {
        let action = "read what is known of batches";
        let subject = self.subject_of::<BatchState>(&[collection.zone.to_string(), collection.token()]);
        let Some(stored) = self.last_in_batches(subject, action).await? else { return Ok((None, 0)) };
        let body = payload::fetch(self, Some(&stored.headers), stored.payload).await?;
        let state = serde_json::from_slice(&body).map_err(|error| BusError::new(action, error))?;
        Ok((Some(state), stored.sequence))
    }

    /// Stores a state, if the one before has the sequence `after`.
    ///
    /// # Errors
    /// The broker did not store it, or nobody knows.
    pub async fn set_batch_state(&self, state: &BatchState, after: u64) -> Result<Append, PublishError> {
        let mut draft = self.draft(state, &Cause::root()).await?;
        draft.headers.insert(headers::EXPECTED_LAST_SUBJECT_SEQUENCE, HeaderValue::from(after));
        match self.store(&draft).await {
            Ok(published) => Ok(Append::Stored(published.sequence)),
            Err(PublishError::Taken) => Ok(Append::Refused),
            Err(error) => Err(error),
        }
    }

    /// Takes out the state of a collection that is over with.
    ///
    /// # Errors
    /// The broker could not be asked.
    pub async fn drop_batch_state(&self, sequence: u64) -> Result<(), BusError> {
        self.take_out(sequence).await
    }

    fn subject_of<M: Message>(&self, parameters: &[String]) -> String {
        let parameters: Vec<&str> = parameters.iter().map(String::as_str).collect();
        self.namespace().subject(M::SUBJECT, &parameters)
    }

    async fn batches(&self, action: &'static str) -> Result<Stream<()>, BusError> {
        let name = self.namespace().resource(StreamName::Batches.as_str());
        self.inner.context.get_stream_no_info(name).await.map_err(|error| BusError::new(action, error))
    }

    async fn last_in_batches(&self, subject: String, action: &'static str) -> Result<Option<StreamMessage>, BusError> {
        match self.batches(action).await?.direct_get_last_for_subject(subject).await {
            Ok(stored) => Ok(Some(stored)),
            Err(error) if error.kind() == DirectGetErrorKind::NotFound => Ok(None),
            Err(error) => Err(BusError::new(action, error)),
        }
    }

    /// That it is gone already is as well.
    async fn take_out(&self, sequence: u64) -> Result<(), BusError> {
        let action = "take out a task that waited for a batch";
        match self.batches(action).await?.delete_message(sequence).await {
            Ok(_) => Ok(()),
            Err(error) if matches!(error.kind(), DeleteMessageErrorKind::JetStream(_)) => Ok(()),
            Err(error) => Err(BusError::new(action, error)),
        }
    }
}
