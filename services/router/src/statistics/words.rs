//! Words in Redis: what tasks were asked with, and what that taught about models.
//!
//! Keys (hash tag = namespace): `{ns}:r:words:<task>` the buckets of a task's words, two bytes each, for
//! three hours; `{ns}:r:weights:<model>` weights by bucket; `{ns}:r:gains` by model how much better its
//! signals were foretold. What Redis loses of it is learnt anew: no fact has the words of its task.

use super::Store;
use crate::domain::{
    lesson::Lesson,
    words::{Gain, LEARNING_RATE, LEAST_MEAN, MOST_SHIFT, RIDGE, SIGNALS_KEPT, WordModel, WordModels, Wording},
};
use neptune_contracts::ids::TaskId;
use redis::RedisError;
use serde_json::json;
use std::collections::HashMap;

/// What is said later teaches nothing about words.
const KEPT_SECONDS: u64 = 10_800;

impl Store {
    /// Keeps the words of a task until somebody says how good its answer was.
    ///
    /// # Errors
    /// Redis does not answer.
    pub async fn keep_wording(&self, task: TaskId, wording: &Wording) -> Result<(), RedisError> {
        let packed: Vec<u8> = wording.buckets().iter().flat_map(|bucket| bucket.to_le_bytes()).collect();
        let mut set = redis::cmd("SET");
        set.arg(self.key(&format!("words:{task}"))).arg(packed).arg("EX").arg(KEPT_SECONDS);
        set.query_async(&mut self.connection.clone()).await
    }

    /// Learns from what was said about answers; the words of their tasks are known here or not. To be
    /// told once of each.
    ///
    /// # Errors
    /// Redis does not answer.
    pub async fn learn_words<'l>(&self, lessons: impl Iterator<Item = &'l Lesson>) -> Result<u64, RedisError> {
        let mut call = self.learn_words.key(self.key("words"));
        call.key(self.key("weights")).key(self.key("gains")).arg(rules().to_string());
        let mut count = 0;
        for lesson in lessons {
            let Some(base) = lesson.base else { continue };
            let signal = &lesson.signal;
            let written = json!({
                "task": lesson.task.to_string(), "model": lesson.model, "base": base,
                "reward": signal.reward, "weight": signal.kind.weight(),
            });
            call.arg(written.to_string());
            count += 1;
        }
        if count == 0 { Ok(0) } else { call.invoke_async(&mut self.connection.clone()).await }
    }

    /// What words say. The weights of a model whose gain is not real are left out.
    ///
    /// # Errors
    /// Redis does not answer.
    pub async fn read_words(&self) -> Result<WordModels, RedisError> {
        let mut connection = self.connection.clone();
        let gains: HashMap<String, String> =
            redis::cmd("HGETALL").arg(self.key("gains")).query_async(&mut connection).await?;
        let mut models = WordModels::default();
        for (model, record) in gains {
            let Ok([signals, saved, squares]) = serde_json::from_str::<[f64; 3]>(&record) else { continue };
            let gain = Gain { signals, saved, squares };
            let mut weights = HashMap::new();
            if gain.is_real() {
                let key = self.key(&format!("weights:{model}"));
                weights = redis::cmd("HGETALL").arg(key).query_async(&mut connection).await?;
            }
            models.0.insert(model, WordModel::new(&weights, gain));
        }
        Ok(models)
    }
}

/// The constants of the domain, so that the script has none of its own.
fn rules() -> serde_json::Value {
    json!({
        "most_shift": MOST_SHIFT,
        "learning_rate": LEARNING_RATE,
        "ridge": RIDGE,
        "signals_kept": SIGNALS_KEPT,
        "least_mean": LEAST_MEAN,
    })
}
