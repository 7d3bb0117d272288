//! Askings in Redis, so that a repeat is recognised whichever replica hears of it.
//!
//! Keys (hash tag = namespace): `{ns}:r:asked:<sum>` the first asking of a request and what followed
//! it, for ten minutes; `{ns}:r:repeats` by model how many askings were answered and asked again.

use super::Store;
use crate::domain::{
    lesson::Lesson,
    repeat::{ASKINGS_KEPT, Asking, READING_TAKES_MS, REPEAT_WITHIN_MS, Rate},
};
use redis::RedisError;
use serde::Deserialize;
use serde_json::json;

/// A repeat that was recognised.
#[derive(Clone, Debug, PartialEq)]
pub struct Repeat {
    /// What the first asking teaches.
    pub lesson: Lesson,
    /// How often its model's answers are asked for again.
    pub own: Rate,
    /// How often those of the other models are.
    pub others: Rate,
}

#[derive(Deserialize)]
struct Found {
    lesson: Lesson,
    asked_ms: i64,
    own: [f64; 2],
    others: [f64; 2],
}

impl Store {
    /// Takes in askings, in order, each once, and returns the first ones of those that repeat another.
    /// One that was taken in before is told again, so that a crash between two steps loses nothing.
    ///
    /// # Errors
    /// Redis does not answer.
    pub async fn ask(&self, askings: &[Asking]) -> Result<Vec<Repeat>, RedisError> {
        if askings.is_empty() {
            return Ok(Vec::new());
        }
        let mut call = self.repeats.key(self.key("asked"));
        call.key(self.key("repeats")).arg(rules().to_string());
        for asking in askings {
            let written = json!({
                "sum": asking.sum,
                "task": asking.lesson.task.to_string(),
                "model": asking.lesson.model,
                "asked_ms": asking.asked_ms,
                "answered_ms": asking.answered_ms,
                "lesson": json!(asking.lesson).to_string(),
            });
            call.arg(written.to_string());
        }
        let found: Vec<String> = call.invoke_async(&mut self.connection.clone()).await?;
        Ok(found.iter().filter_map(|found| serde_json::from_str::<Found>(found).ok()).map(Found::repeat).collect())
    }
}

impl Found {
    fn repeat(self) -> Repeat {
        let rate = |[askings, repeats]: [f64; 2]| Rate { askings, repeats };
        let mut lesson = self.lesson;
        // It is said when it is asked again.
        lesson.signal.at_ms = self.asked_ms;
        Repeat { lesson, own: rate(self.own), others: rate(self.others) }
    }
}

/// The constants of the domain, so that the script has none of its own.
fn rules() -> serde_json::Value {
    json!({
        "repeat_within_ms": REPEAT_WITHIN_MS,
        "reading_takes_ms": READING_TAKES_MS,
        "askings_kept": ASKINGS_KEPT,
        "kept_seconds": 2 * REPEAT_WITHIN_MS / 1_000,
    })
}
