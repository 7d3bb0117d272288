//! What the words of tasks say about models beyond the means of their contexts, learnt from what is said about
//! answers: by the learner of labelled tasks ([`Lessons`]), over the newest answers that were judged.
//!
//! Of each judged answer the buckets of its task's words are kept, each of which stands for several words, and
//! what was said. From them everything is learnt anew now and then; replicas that have heard the same learn the
//! same. Words are used as far as they foretell judgements that they were not learnt from.

use super::{
    lessons::{Example, Lessons},
    quality::Context,
    residual::{Features, Residual, Wording},
    task_type::said,
};
use neptune_contracts::{chat::ChatRequest, ids::TaskId};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeSet, HashSet};

/// Judged answers that are learnt from: the newest. With words of usual length they take some 10 MiB.
pub const MOST_HEARD: usize = 16_384;
/// Bytes of a task's text that are read, because that is on its path: the words of 2 KiB took a decision beyond its 50 µs.
const MOST_BYTES: usize = 640;
/// Older ones are forgotten: a week.
pub const HEARD_KEPT_MS: i64 = 604_800_000;

/// A judged answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Heard {
    /// What was said.
    pub judged: Judged,
    /// What was asked.
    pub wording: Wording,
}

/// What was said about an answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Judged {
    /// The task.
    pub task: TaskId,
    /// The model that answered.
    pub model: String,
    /// Keys of the contexts it counts in, coarse first.
    pub contexts: Vec<String>,
    /// How good the answer was, 0 to 1.
    pub reward: f64,
    /// It counts as so many observations.
    pub weight: f64,
    /// When it was said, in milliseconds since 1970.
    pub at_ms: i64,
}

/// What words say.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Words {
    /// In the order of the learner's columns.
    models: Vec<String>,
    /// Nothing where words say nothing.
    residual: Option<Residual>,
}

impl Wording {
    /// The words that `input` asks with, of its instructions and the last thing the user says: the first ones, as
    /// nobody can tell them from what is kept.
    #[must_use]
    pub fn of(input: &ChatRequest) -> Self {
        Self::of_beginning(&said(input), MOST_BYTES).coarse()
    }
}

impl Words {
    /// Learns from what was `heard`, newest first: of several about one answer the newest counts.
    #[must_use]
    pub fn learn<'h>(heard: impl Iterator<Item = &'h Heard>) -> Self {
        let mut known = HashSet::new();
        let newest: Vec<&Heard> =
            heard.filter(|heard| known.insert((heard.judged.task, heard.judged.model.as_str()))).collect();
        let models: BTreeSet<&str> = newest.iter().map(|heard| heard.judged.model.as_str()).collect();
        let models: Vec<String> = models.into_iter().map(str::to_owned).collect();
        let examples: Vec<Example> = newest.into_iter().map(|heard| example(heard, &models)).collect();
        let (models, residual) = Lessons::learn(models, &examples).into_words();
        Self { models, residual: residual.filter(Residual::is_used) }
    }

    /// Whether words move any mean.
    #[must_use]
    pub const fn are_used(&self) -> bool {
        self.residual.is_some()
    }

    /// What `wording` is looked up as, once for all models; nothing where words are not used.
    #[must_use]
    pub fn features(&self, wording: &Wording) -> Option<Features> {
        Some(self.residual.as_ref()?.features(wording))
    }

    /// By how many logits the words move the mean of `model`.
    #[must_use]
    pub fn shift(&self, model: &str, features: &Features) -> f64 {
        let column = self.models.binary_search_by(|known| known.as_str().cmp(model));
        self.residual.as_ref().zip(column.ok()).map_or(0.0, |(residual, column)| residual.shift(features, column))
    }
}

/// An example in which one model has a score.
fn example(heard: &Heard, models: &[String]) -> Example {
    let Judged { model, contexts, reward, weight, .. } = &heard.judged;
    Example {
        context: Context::of_keys(contexts.clone()),
        wording: heard.wording.clone(),
        length_bytes: 0,
        weight: *weight,
        scores: models.iter().map(|other| (other == model).then_some(*reward)).collect(),
        costs_usd: Vec::new(),
    }
}

#[cfg(test)]
mod tests;
