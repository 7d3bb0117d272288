//! Where tasks that asked for it are found again. Redis holds who asked what, never an answer:
//! that is read from the finished fact, in which it is kept for a day.
//!
//! Keys (hash tag = namespace): `{ns}:r:cache:x:<exact>` the task that was asked this, as JSON;
//! `{ns}:r:cache:n:<scope>:<place>` the `<exact>` of the last request in a place where like ones
//! meet. Each lives as long as an answer may serve.

use crate::domain::cache::{Fingerprint, Wish, Words, likeness};
use neptune_contracts::{ids::TaskId, task::CacheMode};
use redis::{RedisError, aio::ConnectionManager};
use serde::{Deserialize, Serialize};

/// A task that was asked something before.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Asked {
    /// The task.
    pub task: TaskId,
    /// Its last message, to compare with.
    pub words: Option<Words>,
}

/// A task whose answer may serve.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Found {
    /// The task.
    pub task: TaskId,
    /// Whether it was asked the same, or nearly the same.
    pub kind: CacheMode,
    /// How like the two requests are, 0 to 1.
    pub likeness: f64,
}

/// The tasks of one namespace that can be found again.
pub struct Cache {
    connection: ConnectionManager,
    tag: String,
}

impl Cache {
    /// Over an open connection.
    #[must_use]
    pub fn new(connection: ConnectionManager, namespace: &str) -> Self {
        Self { connection, tag: format!("{{{namespace}}}:r:cache") }
    }

    /// The tasks that were asked the same, or nearly the same when that is wished; the most like
    /// one first.
    ///
    /// # Errors
    /// Redis does not answer.
    pub async fn find(&self, print: &Fingerprint, wish: Wish) -> Result<Vec<Found>, RedisError> {
        let places = if wish.near { print.places() } else { Vec::new() };
        let mut connection = self.connection.clone();
        let mut read = redis::pipe();
        read.get(self.exact(&print.exact));
        for place in &places {
            read.get(self.place(&print.scope, place));
        }
        let mut read: Vec<Option<String>> = read.query_async(&mut connection).await?;
        let same = read.first_mut().and_then(Option::take).and_then(|asked| serde_json::from_str::<Asked>(&asked).ok());
        if let Some(asked) = same {
            return Ok(vec![Found { task: asked.task, kind: CacheMode::Exact, likeness: 1.0 }]);
        }
        let mut met: Vec<String> = read.into_iter().flatten().collect();
        met.sort_unstable();
        met.dedup();
        let (Some(words), false) = (&print.words, met.is_empty()) else { return Ok(Vec::new()) };
        let mut read = redis::pipe();
        for exact in &met {
            read.get(self.exact(exact));
        }
        let read: Vec<Option<String>> = read.query_async(&mut connection).await?;
        let mut found: Vec<Found> = read.iter().flatten().filter_map(|asked| like(words, asked)).collect();
        found.sort_by(|one, other| other.likeness.total_cmp(&one.likeness));
        Ok(found)
    }

    /// Lets `task` be found by those who ask the same after it.
    ///
    /// # Errors
    /// Redis does not answer.
    pub async fn keep(&self, print: &Fingerprint, wish: Wish, task: TaskId) -> Result<(), RedisError> {
        let asked = Asked { task, words: print.words.clone() };
        let Ok(asked) = serde_json::to_string(&asked) else { return Ok(()) };
        let mut write = redis::pipe();
        write.set_ex(self.exact(&print.exact), asked, wish.ttl_seconds).ignore();
        for place in print.places() {
            write.set_ex(self.place(&print.scope, &place), &print.exact, wish.ttl_seconds).ignore();
        }
        write.query_async(&mut self.connection.clone()).await
    }

    fn exact(&self, exact: &str) -> String {
        format!("{}:x:{exact}", self.tag)
    }

    fn place(&self, scope: &str, place: &str) -> String {
        format!("{}:n:{scope}:{place}", self.tag)
    }
}

fn like(words: &Words, asked: &str) -> Option<Found> {
    let asked: Asked = serde_json::from_str(asked).ok()?;
    let likeness = likeness(words, asked.words.as_ref()?)?;
    Some(Found { task: asked.task, kind: CacheMode::Near, likeness })
}
