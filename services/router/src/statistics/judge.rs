//! Judgements in Redis: what was asked, until it is answered and handed to the judge, and what judgements
//! may still cost today.
//!
//! Keys (hash tag = namespace): `{ns}:r:judge:asked:<team>.<origin>.<task>` the conversation of a task
//! that is drawn, for an hour at most; `{ns}:r:judge:asked` which ones are kept, so that they are no more
//! than [`MOST_QUESTIONS`]; `{ns}:r:judge:<route>:<date>` as for shadow traffic.

use super::Store;
use neptune_contracts::{
    PicoUsd, Timestamp,
    ids::TaskId,
    names::{Origin, Team},
};
use redis::RedisError;

/// Most questions kept at a time, 16 KiB each.
pub const MOST_QUESTIONS: u32 = 1_024;
/// Tasks that take longer are not judged.
const KEPT_SECONDS: u32 = 3_600;
const ASKED: &str = "judge:asked";

/// Whose question it is. Ids are the callers', so a task is known by these only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asker {
    /// Who asked.
    pub team: Team,
    /// Through which door.
    pub origin: Origin,
    /// The task.
    pub task: TaskId,
}

impl Store {
    /// Keeps a question until its task has ended, for an hour at most; again it changes nothing. Tells
    /// whether there was room.
    ///
    /// # Errors
    /// Redis does not answer.
    pub async fn keep_question(&self, asker: &Asker, question: &str, now: Timestamp) -> Result<bool, RedisError> {
        let mut call = self.keep_question.key(self.question_key(asker));
        call.key(self.key(ASKED)).arg(question).arg(now.unix_seconds()).arg(KEPT_SECONDS).arg(MOST_QUESTIONS);
        call.invoke_async(&mut self.connection.clone()).await
    }

    /// The question of a task, when it is kept.
    ///
    /// # Errors
    /// Redis does not answer.
    pub async fn question(&self, asker: &Asker) -> Result<Option<String>, RedisError> {
        redis::cmd("GET").arg(self.question_key(asker)).query_async(&mut self.connection.clone()).await
    }

    /// Forgets the question of a task.
    ///
    /// # Errors
    /// Redis does not answer.
    pub async fn forget_question(&self, asker: &Asker) -> Result<(), RedisError> {
        let key = self.question_key(asker);
        let mut both = redis::pipe();
        both.del(&key).ignore().zrem(self.key(ASKED), &key).ignore();
        both.query_async(&mut self.connection.clone()).await
    }

    /// Reserves the cost of a judgement within what those of a route may cost on the day of `now` (UTC);
    /// one that has its reservation keeps it. Tells whether there is one.
    ///
    /// # Errors
    /// Redis does not answer.
    pub async fn reserve_judgement(
        &self,
        (route, judgement): (&str, TaskId),
        money: (PicoUsd, PicoUsd),
        now: Timestamp,
    ) -> Result<bool, RedisError> {
        self.reserve(&format!("judge:{route}"), judgement, money, now).await
    }

    fn question_key(&self, asker: &Asker) -> String {
        self.key(&format!("{ASKED}:{}.{}.{}", asker.team, asker.origin, asker.task))
    }
}
