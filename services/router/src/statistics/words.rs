//! Words in Redis: what tasks were asked with, and what was said about their answers.
//!
//! Keys (hash tag = namespace): `{ns}:r:words:<task>` the buckets of a task's words, two bytes each, for
//! three hours; `{ns}:r:heard` the newest judgements, each with the buckets of its task, for a week after the
//! last; `{ns}:r:heard:count` how many there ever were. No fact has the words of its task: what Redis loses of
//! the judgements is put back by a replica that remembers them ([`Store::put_back`]).

use super::Store;
use crate::domain::{
    lesson::Lesson,
    residual::Wording,
    words::{HEARD_KEPT_MS, Heard, Judged, MOST_HEARD},
};
use neptune_contracts::ids::TaskId;
use redis::RedisError;

/// What is said later teaches nothing about words.
const KEPT_SECONDS: u64 = 10_800;
/// Judgements read or written at a time, some 200 KiB, so that others are served between.
const PAGE: usize = 256;
/// A replica that puts judgements back is given so long, in milliseconds, before another may.
const TURN_MS: u64 = 15_000;

impl Store {
    /// Keeps the words of a task until somebody says how good its answer was.
    ///
    /// # Errors
    /// Redis does not answer.
    pub async fn keep_wording(&self, task: TaskId, wording: &Wording) -> Result<(), RedisError> {
        let mut set = redis::cmd("SET");
        set.arg(self.key(&format!("words:{task}"))).arg(wording.packed()).arg("EX").arg(KEPT_SECONDS);
        set.query_async(&mut self.connection.clone()).await
    }

    /// Keeps what was said about answers, with the words of their tasks where those are known here. Returns how
    /// many were. The same again is kept twice and counts once.
    ///
    /// # Errors
    /// Redis does not answer.
    pub async fn keep_heard<'l>(&self, lessons: impl Iterator<Item = &'l Lesson>) -> Result<u64, RedisError> {
        let mut call = self.keep_heard.key(self.key("words"));
        call.key(self.key("heard")).key(self.key("heard:count")).arg(MOST_HEARD).arg(HEARD_KEPT_MS / 1_000);
        let mut count = 0;
        for lesson in lessons {
            let Ok(written) = serde_json::to_string(&Judged::of(lesson)) else { continue };
            call.arg(written);
            count += 1;
        }
        if count == 0 { Ok(0) } else { call.invoke_async(&mut self.connection.clone()).await }
    }

    /// How many judgements there ever were, and how many are kept.
    ///
    /// # Errors
    /// Redis does not answer.
    pub async fn count_heard(&self) -> Result<(usize, usize), RedisError> {
        let mut ask = redis::pipe();
        ask.get(self.key("heard:count")).llen(self.key("heard"));
        let (count, kept): (Option<usize>, usize) = ask.query_async(&mut self.connection.clone()).await?;
        Ok((count.unwrap_or(0), kept))
    }

    /// The newest `count` judgements, newest first. Some stand there twice when others came meanwhile.
    ///
    /// # Errors
    /// Redis does not answer.
    pub async fn read_heard(&self, count: usize) -> Result<Vec<Heard>, RedisError> {
        let (mut heard, mut read) = (Vec::new(), 0);
        while read < count {
            let last = (read + PAGE).min(count) - 1;
            let mut range = redis::cmd("LRANGE");
            range.arg(self.key("heard")).arg(read).arg(last);
            let page: Vec<Vec<u8>> = range.query_async(&mut self.connection.clone()).await?;
            if page.is_empty() {
                break;
            }
            heard.extend(page.iter().filter_map(|entry| parsed(entry)));
            read = last + 1;
        }
        Ok(heard)
    }

    /// Puts judgements back that Redis lost, newest first, behind those that came since; false while another
    /// replica does so.
    ///
    /// # Errors
    /// Redis does not answer.
    pub async fn put_back(&self, heard: impl Iterator<Item = &Heard>) -> Result<bool, RedisError> {
        let mut connection = self.connection.clone();
        let mut set = redis::cmd("SET");
        set.arg(self.key("heard:turn")).arg(self.replica()).arg("NX").arg("PX").arg(TURN_MS);
        let turn: Option<String> = set.query_async(&mut connection).await?;
        if turn.is_none() {
            return Ok(false);
        }
        let entries: Vec<Vec<u8>> = heard.filter_map(written).collect();
        for page in entries.chunks(PAGE) {
            let mut push = redis::pipe();
            push.rpush(self.key("heard"), page).ignore();
            push.incr(self.key("heard:count"), page.len()).ignore();
            push.expire(self.key("heard"), HEARD_KEPT_MS / 1_000).ignore();
            push.query_async::<()>(&mut connection).await?;
        }
        redis::cmd("DEL").arg(self.key("heard:turn")).query_async::<()>(&mut connection).await?;
        Ok(true)
    }
}

impl Judged {
    fn of(lesson: &Lesson) -> Self {
        Self {
            task: lesson.task,
            model: lesson.model.clone(),
            contexts: lesson.contexts.clone(),
            reward: lesson.signal.reward,
            weight: lesson.signal.kind.weight(),
            at_ms: lesson.signal.at_ms,
        }
    }
}

/// JSON, a line feed, which JSON of one line has nowhere else, and the buckets.
fn written(heard: &Heard) -> Option<Vec<u8>> {
    let mut entry = serde_json::to_vec(&heard.judged).ok()?;
    entry.push(b'\n');
    entry.extend(heard.wording.packed());
    Some(entry)
}

fn parsed(entry: &[u8]) -> Option<Heard> {
    let end = entry.iter().position(|byte| *byte == b'\n')?;
    let (judged, rest) = entry.split_at_checked(end)?;
    let judged = serde_json::from_slice(judged).ok()?;
    Some(Heard { judged, wording: Wording::unpacked(rest.get(1..)?) })
}
