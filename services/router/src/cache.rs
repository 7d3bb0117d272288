//! Where tasks that asked for it are found again. Redis holds who asked what, never an answer:
//! that is read from the finished fact, in which it is kept for a day.
//!
//! Keys (hash tag = namespace): `{ns}:r:cache:x:<exact>` the task that was asked this, as JSON;
//! `{ns}:r:cache:n:<scope>:<place>` the `<exact>` of the last request in a place where like ones
//! meet; `{ns}:r:cache:v:<scope>` the `<exact>` and vectors of the last requests, where an endpoint for
//! vectors is set up. Each lives as long as an answer may serve.

use crate::{
    domain::cache::{
        Fingerprint, Wish, Words, likeness,
        meaning::{agree, cosine, is_near},
    },
    embedder::Embedder,
};
use neptune_contracts::{ids::TaskId, task::CacheMode};
use redis::{AsyncCommands as _, RedisError, aio::ConnectionManager};
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

/// What a search came to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Search {
    /// Tasks whose answers may serve, the most like one first.
    pub found: Vec<Found>,
    /// The vector of the request, when one was asked for.
    pub vector: Option<Vec<i8>>,
}

/// Vectors kept of a scope, and compared: those of its last requests.
const VECTORS_PER_SCOPE: isize = 256;
/// Hexadecimal digits of an exact key, which a stored vector begins with.
const EXACT_BYTES: usize = 64;
/// Of the nearest vectors so many are looked at.
const NEAREST: usize = 4;

/// The tasks of one namespace that can be found again.
pub struct Cache {
    connection: ConnectionManager,
    tag: String,
    embedder: Option<Embedder>,
}

impl Cache {
    /// Over an open connection. Where there is an `embedder`, requests in other words are found too.
    #[must_use]
    pub fn new(connection: ConnectionManager, namespace: &str, embedder: Option<Embedder>) -> Self {
        Self { connection, tag: format!("{{{namespace}}}:r:cache"), embedder }
    }

    /// The tasks that were asked the same, or nearly the same when that is wished; the most like
    /// one first. Only when the words find none is a vector asked for.
    ///
    /// # Errors
    /// Redis does not answer.
    pub async fn find(&self, print: &Fingerprint, wish: Wish) -> Result<Search, RedisError> {
        let found = self.by_words(print, wish).await?;
        let (Some(embedder), Some(text), true) = (&self.embedder, &print.text, found.is_empty() && wish.near) else {
            return Ok(Search { found, vector: None });
        };
        let Some(vector) = embedder.vector(text).await else { return Ok(Search::default()) };
        let found = self.by_meaning(print, &vector).await?;
        Ok(Search { found, vector: Some(vector) })
    }

    async fn by_meaning(&self, print: &Fingerprint, vector: &[i8]) -> Result<Vec<Found>, RedisError> {
        let Some(words) = &print.words else { return Ok(Vec::new()) };
        let mut connection = self.connection.clone();
        let kept: Vec<Vec<u8>> = connection.lrange(self.vectors(&print.scope), 0, VECTORS_PER_SCOPE - 1).await?;
        let mut near: Vec<(f64, &str)> = kept
            .iter()
            .filter_map(|kept| {
                let (exact, other) = kept.split_at_checked(EXACT_BYTES)?;
                let other: Vec<i8> = other.iter().map(|byte| byte.cast_signed()).collect();
                let cosine = cosine(vector, &other);
                is_near(cosine).then_some((cosine, std::str::from_utf8(exact).ok()?))
            })
            .collect();
        near.sort_by(|(one, _), (other, _)| other.total_cmp(one));
        near.truncate(NEAREST);
        if near.is_empty() {
            return Ok(Vec::new());
        }
        let mut read = redis::pipe();
        for (_, exact) in &near {
            read.get(self.exact(exact));
        }
        let read: Vec<Option<String>> = read.query_async(&mut connection).await?;
        let same = |((likeness, _), asked): (&(f64, &str), &Option<String>)| {
            let asked: Asked = serde_json::from_str(asked.as_ref()?).ok()?;
            let found = Found { task: asked.task, kind: CacheMode::Near, likeness: *likeness };
            agree(words, asked.words.as_ref()?).then_some(found)
        };
        Ok(near.iter().zip(&read).filter_map(same).collect())
    }

    async fn by_words(&self, print: &Fingerprint, wish: Wish) -> Result<Vec<Found>, RedisError> {
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

    /// Lets `task` be found by those who ask the same after it; by other words too, with its `vector`.
    ///
    /// # Errors
    /// Redis does not answer.
    pub async fn keep(
        &self,
        print: &Fingerprint,
        (wish, vector): (Wish, Option<&[i8]>),
        task: TaskId,
    ) -> Result<(), RedisError> {
        let asked = Asked { task, words: print.words.clone() };
        let Ok(asked) = serde_json::to_string(&asked) else { return Ok(()) };
        let mut write = redis::pipe();
        write.set_ex(self.exact(&print.exact), asked, wish.ttl_seconds).ignore();
        for place in print.places() {
            write.set_ex(self.place(&print.scope, &place), &print.exact, wish.ttl_seconds).ignore();
        }
        if let Some(vector) = vector {
            let key = self.vectors(&print.scope);
            let bytes: Vec<u8> =
                print.exact.bytes().chain(vector.iter().map(|number| number.cast_unsigned())).collect();
            write.lpush(&key, bytes).ignore().ltrim(&key, 0, VECTORS_PER_SCOPE - 1).ignore();
            write.expire(&key, i64::try_from(wish.ttl_seconds).unwrap_or(i64::MAX)).ignore();
        }
        write.query_async(&mut self.connection.clone()).await
    }

    fn exact(&self, exact: &str) -> String {
        format!("{}:x:{exact}", self.tag)
    }

    fn vectors(&self, scope: &str) -> String {
        format!("{}:v:{scope}", self.tag)
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
