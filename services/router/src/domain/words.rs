//! What the words of a task say about each model beyond the mean of its context, learnt from live
//! feedback: one linear model over hashed words for each model.
//!
//! Each signal is first foretold, with the words and without, and only then learnt from, so that every
//! signal is one that was held back (prequential evaluation, Dawid 1984). A model's words are used once
//! they have foretold its signals clearly better, and no longer than that ([`Gain::is_real`]). They move a
//! mean by [`MOST_SHIFT`] at most.
//!
//! Learning is stochastic gradient descent on the squared error with a ridge, of what the mean left over.
//! The same rules run in Redis, for all replicas (`statistics/words.lua`); a test holds the two against
//! each other. A text is kept as numbers of buckets only, each of which stands for many words.

use super::task_type::{features::features, said, tokens::Tokens};
use neptune_contracts::chat::ChatRequest;
use std::collections::HashMap;

/// Buckets that words are hashed into: few, so that no bucket tells its word.
pub const BUCKETS: usize = 4_096;
/// Buckets of a text that count: those of its opening, its verb and its ends come first.
const MOST_BUCKETS: usize = 128;
/// Words move a mean by this much at most.
pub const MOST_SHIFT: f64 = 0.1;
/// How far a signal moves what is foretold of the same text.
pub const LEARNING_RATE: f64 = 0.3;
/// By so much of each step the weights of its words shrink.
pub const RIDGE: f64 = 0.01;
/// The gain is of about the newest so many signals.
pub const SIGNALS_KEPT: f64 = 2_000.0;
/// Fewer signals prove nothing.
const LEAST_SIGNALS: f64 = 200.0;
/// So many standard deviations of the gain are chance, although it is looked at again and again.
const CHANCE_DEVIATIONS: f64 = 3.0;
/// Means nearer to 0 or 1 than this are not moved further.
pub const LEAST_MEAN: f64 = 0.005;

/// The buckets of a text's words, ascending, each once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wording(Vec<u16>);

/// How much better signals were foretold with words than without.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Gain {
    /// Faded count of signals.
    pub signals: f64,
    /// Faded sum of squared errors that words saved, by the weights of the signals.
    pub saved: f64,
    /// Faded sum of the squares of these.
    pub squares: f64,
}

/// What words say about one model.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WordModel {
    /// By bucket; empty before the first signal, and where they are not used.
    weights: Vec<f64>,
    /// Whether they are right.
    gain: Gain,
}

/// What words say, by model.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WordModels(pub HashMap<String, WordModel>);

impl Wording {
    /// The words that `input` asks with: of its instructions and the last thing the user says.
    #[must_use]
    pub fn of(input: &ChatRequest) -> Self {
        Self::read(&Tokens::read(&said(input)))
    }

    /// The words of a text.
    #[must_use]
    pub fn read(text: &Tokens) -> Self {
        let mut seen = [0_u64; BUCKETS / 64];
        let mut buckets = Vec::with_capacity(MOST_BUCKETS);
        features(text, &mut |key| {
            let bucket = bucket(key);
            let Some(word) = seen.get_mut(usize::from(bucket / 64)) else { return };
            let bit = 1_u64 << (bucket % 64);
            if *word & bit == 0 && buckets.len() < MOST_BUCKETS {
                buckets.push(bucket);
            }
            *word |= bit;
        });
        Self::new(buckets)
    }

    /// Of these buckets.
    #[must_use]
    pub fn new(mut buckets: Vec<u16>) -> Self {
        buckets.sort_unstable();
        buckets.dedup();
        Self(buckets)
    }

    /// The buckets, ascending.
    #[must_use]
    pub fn buckets(&self) -> &[u16] {
        &self.0
    }

    /// What each bucket counts, so that the squares of all add up to one.
    #[must_use]
    fn value(&self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "at most a few thousand")]
        let count = self.0.len().max(1) as f64;
        1.0 / count.sqrt()
    }
}

impl Gain {
    /// Whether it is more than chance.
    #[must_use]
    pub fn is_real(&self) -> bool {
        self.signals >= LEAST_SIGNALS && self.saved > CHANCE_DEVIATIONS * self.squares.sqrt()
    }

    fn take(&mut self, saved: f64) {
        let kept = 1.0 - 1.0 / SIGNALS_KEPT;
        self.signals = self.signals * kept + 1.0;
        self.saved = self.saved * kept + saved;
        self.squares = self.squares * kept + saved * saved;
    }
}

impl WordModel {
    /// Of these weights by bucket, which have this gain.
    #[must_use]
    pub fn new(weights: &HashMap<u16, f64>, gain: Gain) -> Self {
        let mut model = Self { weights: if weights.is_empty() { Vec::new() } else { vec![0.0; BUCKETS] }, gain };
        for (bucket, weight) in weights {
            if let Some(place) = model.weights.get_mut(usize::from(*bucket)) {
                *place = *weight;
            }
        }
        model
    }

    /// Whether the weights are right.
    #[must_use]
    pub const fn gain(&self) -> Gain {
        self.gain
    }

    /// What is left over of a text's quality, as the words have it.
    fn score(&self, wording: &Wording) -> f64 {
        let sum: f64 = wording.0.iter().filter_map(|bucket| self.weights.get(usize::from(*bucket))).sum();
        sum * wording.value()
    }

    /// By how much the words move the mean; 0 unless their gain is real.
    #[must_use]
    pub fn shift(&self, wording: &Wording) -> f64 {
        if self.gain.is_real() { self.score(wording).clamp(-MOST_SHIFT, MOST_SHIFT) } else { 0.0 }
    }

    /// Foretells a signal, `reward` of 0 to 1 with its `weight` where `base` was expected without words,
    /// and then learns from it.
    pub fn learn(&mut self, wording: &Wording, (reward, weight): (f64, f64), base: f64) {
        if wording.0.is_empty() {
            return;
        }
        let score = self.score(wording);
        let with_words = moved(base, score.clamp(-MOST_SHIFT, MOST_SHIFT));
        let error = |foretold: f64| (reward - foretold) * (reward - foretold);
        self.gain.take(weight * (error(base) - error(with_words)));
        let (step, value) = (LEARNING_RATE * weight, wording.value());
        let left_over = reward - base - score;
        self.weights.resize(BUCKETS, 0.0);
        for bucket in &wording.0 {
            let Some(weight) = self.weights.get_mut(usize::from(*bucket)) else { continue };
            *weight = *weight * (1.0 - step * RIDGE) + step * left_over * value;
        }
    }
}

impl WordModels {
    /// Whether the words of any model are used.
    #[must_use]
    pub fn are_used(&self) -> bool {
        self.0.values().any(|model| model.gain.is_real())
    }

    /// By how much `wording` moves the mean of `model`.
    #[must_use]
    pub fn shift(&self, model: &str, wording: &Wording) -> f64 {
        self.0.get(model).map_or(0.0, |model| model.shift(wording))
    }
}

/// A mean moved by `shift`, still short of 0 and 1.
#[must_use]
pub fn moved(mean: f64, shift: f64) -> f64 {
    let (least, most) = (mean.min(LEAST_MEAN), mean.max(1.0 - LEAST_MEAN));
    (mean + shift).clamp(least, most)
}

/// The upper bits mix best.
#[expect(clippy::cast_possible_truncation, reason = "below the number of buckets")]
fn bucket(key: u64) -> u16 {
    (key >> (64 - BUCKETS.trailing_zeros())) as u16
}

#[cfg(test)]
mod tests;
