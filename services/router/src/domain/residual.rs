//! What the words of a task say about each model beyond the mean of its context: a logistic model
//! over hashed words, one output a model.
//!
//! Features are TF-IDF values of words, of pairs of neighbouring words and of the text's form,
//! hashed into buckets and scaled to length one. The weights are one Newton step of logistic
//! regression with a ridge, started from the mean of each context, and so the solution of one
//! linear system, found by conjugate gradients (Hestenes and Stiefel, 1952). Training is a
//! function of its rows: the same rows give the same weights.

mod features;
mod ridge;

pub use features::Features;
use features::Vocabulary;
use ridge::{Target, solve};

/// Strength of the ridge; chosen by cross-validation on five public sets, flat between 2 and 5.
const RIDGE: f64 = 3.5;
/// Below so many labelled tasks words say nothing that the contexts do not say better.
pub const LEAST_TEXTS: usize = 200;
/// Words move a mean by this many logits at most.
pub const MOST_SHIFT: f64 = 1.5;
/// Means nearer to 0 or 1 than this are taken to be this near: they are of few examples.
const LEAST_MEAN: f64 = 0.02;

/// What the words say, learnt from labelled tasks.
#[derive(Clone, Debug, PartialEq)]
pub struct Residual {
    vocabulary: Vocabulary,
    /// One column a model, in the order of training; each as long as the vocabulary has buckets.
    weights: Vec<Vec<f32>>,
}

/// One model's score of a text, and the mean that was expected.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scored {
    /// Mean of the text's context, 0 to 1.
    pub expected: f64,
    /// The score, 0 to 1.
    pub score: f64,
}

impl Residual {
    /// Learns from `texts` and, for each model, the score of each text (nothing where the model has
    /// none). Nothing is learnt from fewer than [`LEAST_TEXTS`] texts.
    #[must_use]
    pub fn train(texts: &[&str], models: &[Vec<Option<Scored>>]) -> Option<Self> {
        if texts.len() < LEAST_TEXTS {
            return None;
        }
        let vocabulary = Vocabulary::of(texts);
        let rows: Vec<Features> = texts.iter().map(|text| vocabulary.features(text)).collect();
        let weights = models.iter().map(|scores| {
            let targets: Vec<Option<Target>> = scores.iter().map(|scored| scored.as_ref().map(target)).collect();
            solve(&rows, &targets, features::BUCKETS, RIDGE)
        });
        Some(Self { weights: weights.collect(), vocabulary })
    }

    /// The features of `text`, to be asked about several models.
    #[must_use]
    pub fn features(&self, text: &str) -> Features {
        self.vocabulary.features(text)
    }

    /// By how many logits `features` move the mean of the model in column `model`; 0 for a model
    /// without a column.
    #[must_use]
    pub fn shift(&self, features: &Features, model: usize) -> f64 {
        let Some(column) = self.weights.get(model) else { return 0.0 };
        let product = |(bucket, value): &(u32, f32)| {
            column.get(*bucket as usize).map_or(0.0, |weight| f64::from(*weight) * f64::from(*value))
        };
        features.entries().iter().map(product).sum::<f64>().clamp(-MOST_SHIFT, MOST_SHIFT)
    }
}

/// Gradient and curvature of the likelihood at the expected mean.
fn target(scored: &Scored) -> Target {
    let expected = scored.expected.clamp(LEAST_MEAN, 1.0 - LEAST_MEAN);
    Target { slope: scored.score - scored.expected, curvature: expected * (1.0 - expected) }
}

#[cfg(test)]
mod tests;
