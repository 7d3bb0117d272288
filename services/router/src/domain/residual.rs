//! What the words of a task say about each model beyond the mean of its context: a logistic model
//! over hashed words, one output a model.
//!
//! Features are words, words of the first line, openings and the text's form, by their rarity, hashed
//! into buckets and scaled to length one. Weights come in two parts: those that all models share, which say how easy a text is, and each model's own
//! beyond them, with a stronger ridge. A choice compares models by their own parts, and the noisiest would win:
//! so they count only as far as they foretell scores of texts that were held back (`trust`).
//!
//! Each part is one Newton step of logistic regression with a ridge, started from the mean of each
//! context, and so the solution of one linear system, found by conjugate gradients (Hestenes and
//! Stiefel, 1952). Training is a function of its rows: the same rows give the same weights.

mod features;
mod fit;
mod form;
mod ridge;
mod trust;
mod wording;

pub use features::Features;
use features::Vocabulary;
use fit::Fit;
use trust::{Trust, trust};
pub use wording::Wording;

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
    /// One row of weights a model, in the order of training; each as long as the vocabulary has columns.
    weights: Vec<Vec<f32>>,
}

/// One model's score of a text, and the mean that was expected.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scored {
    /// Mean of the text's context, 0 to 1.
    pub expected: f64,
    /// The score, 0 to 1.
    pub score: f64,
    /// It counts as so many observations.
    pub weight: f64,
}

impl Residual {
    /// Learns from `texts` and, for each model, the score of each text (nothing where the model has
    /// none). Nothing is learnt from fewer than [`LEAST_TEXTS`] texts.
    #[must_use]
    pub fn train(texts: &[&Wording], models: &[Vec<Option<Scored>>]) -> Option<Self> {
        if texts.len() < LEAST_TEXTS {
            return None;
        }
        let vocabulary = Vocabulary::of(texts);
        let width = vocabulary.width();
        let rows: Vec<Features> = texts.iter().map(|text| vocabulary.features(text)).collect();
        let trust = trust(texts, &rows, models, width);
        let fit = Fit::of(&rows, models, &vec![true; texts.len()], width);
        Some(Self { weights: together(fit, trust, models), vocabulary })
    }

    /// Whether words move any mean.
    #[must_use]
    pub fn is_used(&self) -> bool {
        self.weights.iter().any(|weights| !weights.is_empty())
    }

    /// The features of `text`, to be asked about several models.
    #[must_use]
    pub fn features(&self, text: &Wording) -> Features {
        self.vocabulary.features(text)
    }

    /// By how many logits `features` move the mean of the model in column `model`; 0 for a model
    /// without a column.
    #[must_use]
    pub fn shift(&self, features: &Features, model: usize) -> f64 {
        self.weights.get(model).map_or(0.0, |weights| features.times(weights).clamp(-MOST_SHIFT, MOST_SHIFT))
    }
}

/// The weights of each model, as far as they are trusted; none of a model without scores, and none at all where
/// nothing is trusted.
fn together(Fit { shared, own }: Fit, trust: Trust, models: &[Vec<Option<Scored>>]) -> Vec<Vec<f32>> {
    #[expect(clippy::cast_possible_truncation, reason = "weights need no more digits than their features have")]
    let (of_shared, of_own) = (trust.shared as f32, trust.own as f32);
    let is_trusted = of_shared > 0.0 || of_own > 0.0;
    let of_model = |(own, scores): (Vec<f32>, &Vec<Option<Scored>>)| {
        let is_known = is_trusted && scores.iter().any(Option::is_some);
        own.iter().zip(&shared).filter(|_| is_known).map(|(own, shared)| of_shared * shared + of_own * own).collect()
    };
    own.into_iter().zip(models).map(of_model).collect()
}

/// The expected mean in logits.
fn base(scored: &Scored) -> f64 {
    let mean = scored.expected.clamp(LEAST_MEAN, 1.0 - LEAST_MEAN);
    (mean / (1.0 - mean)).ln()
}

/// The mean of these logits.
fn sigmoid(logits: f64) -> f64 {
    1.0 / (1.0 + (-logits).exp())
}

#[cfg(test)]
mod tests;
