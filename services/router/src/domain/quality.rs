//! How good each model's answers are, by context: from the workflow step, where most is known about
//! the work, back to its kind and length, its kind, and everything the model ever did.
//!
//! A context's evidence is a [`Cell`] per model and level. [`View::posterior`] puts the levels
//! together: each level's mean leans on the next coarser one with the weight of a few observations
//! (empirical Bayes with a fixed strength), and on what was known before
//! any feedback: labelled examples of the same context, else the quality that the model's resource
//! declares for the kind of work.

mod alarm;
mod cell;
mod context;
mod signal;

pub use alarm::{ALARM_AT, ALARM_SLACK, Alarm, MASS_AFTER_ALARM};
pub use cell::{Cell, DOUBT_AFTER_ALARM, FADES_MS, Mark, OBSERVATIONS_KEPT};
pub use context::{Band, Context, LEVELS, Level};
pub use signal::{Book, Effect, Kind, Receipt, Signal};

use std::collections::HashMap;

/// A level leans on the next coarser one as on so many observations.
pub const BACK_OFF: f64 = 8.0;
/// What a resource declares about a kind of work counts as so many observations.
pub const DECLARED_MASS: f64 = 10.0;
/// Labelled examples of a context count as so many observations at most: they are the past. Fewer would let
/// the noise of some dozen new answers outweigh them; what really changed is told by the alarm.
pub const LABELLED_MASS: f64 = 200.0;

/// What is expected of a model before any feedback.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Prior {
    /// Quality, 0 to 1.
    pub mean: f64,
    /// It counts as so many observations.
    pub mass: f64,
}

/// Cells by context key and model.
pub type Cells = HashMap<String, HashMap<String, Cell>>;

/// Mean score and number of labelled examples, by context key and model. The means of finer levels
/// are already drawn towards the coarser ones.
pub type Labelled = HashMap<String, HashMap<String, Mean>>;

/// A mean and the number of values it is of.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Mean {
    /// The mean.
    pub mean: f64,
    /// Of so many values.
    pub count: f64,
}

/// Everything that is known about quality at one moment.
#[derive(Clone, Copy, Debug)]
pub struct Beliefs<'a> {
    /// Feedback.
    pub cells: &'a Cells,
    /// Labelled examples.
    pub labelled: &'a Labelled,
    /// The moment, in milliseconds since 1970.
    pub now_ms: i64,
}

/// What is believed about a model's quality in a context, as a Beta distribution.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Posterior {
    /// Its mean, 0 to 1.
    pub mean: f64,
    /// So many observations it is worth; positive.
    pub mass: f64,
}

impl Posterior {
    /// The same with the mean moved by `shift` in logits, which keeps it between 0 and 1.
    #[must_use]
    pub fn shifted(self, shift: f64) -> Self {
        if shift == 0.0 {
            return self;
        }
        let mean = self.mean.clamp(LEAST_MEAN, 1.0 - LEAST_MEAN);
        let logit = (mean / (1.0 - mean)).ln() + shift;
        Self { mean: 1.0 / (1.0 + (-logit).exp()), ..self }
    }

    /// This and `other`, which holds with the probability `weight`, as one: the mean of both, with as
    /// much mass as gives it the variance of the mixture.
    #[must_use]
    pub fn mixed(self, other: Self, weight: f64) -> Self {
        let mean = self.mean + weight * (other.mean - self.mean);
        let spread = |one: &Self| {
            let deviation = one.deviation();
            deviation * deviation + (one.mean - mean) * (one.mean - mean)
        };
        let variance = (1.0 - weight) * spread(&self) + weight * spread(&other);
        let most = self.mass.max(other.mass);
        let mass = if variance > 0.0 { (mean * (1.0 - mean) / variance - 1.0).clamp(1.0, most) } else { most };
        Self { mean, mass }
    }

    /// How uncertain the mean is: the standard deviation of the distribution.
    #[must_use]
    pub fn deviation(&self) -> f64 {
        (self.mean * (1.0 - self.mean) / (self.mass + 1.0)).sqrt()
    }
}

/// A mean this near to 0 or 1 is not moved by words.
const LEAST_MEAN: f64 = 0.005;

/// The cells of one context, looked up once for all models.
#[derive(Clone, Debug)]
pub struct View<'a> {
    levels: Vec<LevelView<'a>>,
    now_ms: i64,
}

/// What one level has, by model.
#[derive(Clone, Copy, Debug)]
struct LevelView<'a> {
    level: Level,
    cells: Option<&'a HashMap<String, Cell>>,
    labelled: Option<&'a HashMap<String, Mean>>,
}

impl<'a> Beliefs<'a> {
    /// What is known in `context`.
    #[must_use]
    pub fn view(&self, context: &Context) -> View<'a> {
        let find = |(level, key): &(Level, String)| LevelView {
            level: *level,
            cells: self.cells.get(key),
            labelled: self.labelled.get(key),
        };
        View { levels: context.keys().iter().map(find).collect(), now_ms: self.now_ms }
    }
}

impl View<'_> {
    /// What is believed about `model`, whose resource declares the quality `declared` for the kind.
    #[must_use]
    pub fn posterior(&self, model: &str, declared: f64) -> Posterior {
        self.believed(model, Prior { mean: declared, mass: DECLARED_MASS })
    }

    /// What is believed about `model`, of which `prior` was expected.
    #[must_use]
    pub fn believed(&self, model: &str, prior: Prior) -> Posterior {
        self.known(model, prior).0
    }

    /// What is believed about `model`, of which `prior` was expected, and how many observations each
    /// level has of it, faded, labelled ones not counted; coarse first.
    #[must_use]
    pub fn known(&self, model: &str, prior: Prior) -> (Posterior, [f64; LEVELS.len()]) {
        let mut believed = Posterior { mean: prior.mean, mass: prior.mass };
        let (mut observed, mut observations) = (0.0, [0.0; LEVELS.len()]);
        for (LevelView { level, cells, labelled }, heard) in self.levels.iter().zip(&mut observations) {
            let cell =
                cells.and_then(|cells| cells.get(model)).map(|cell| cell.faded_to(self.now_ms)).unwrap_or_default();
            *heard = cell.good + cell.bad;
            // By the square, so that what was refuted does not come back while the doubt is still great.
            let trust = (1.0 - cell.doubt) * (1.0 - cell.doubt);
            let known = labelled.and_then(|means| means.get(model)).filter(|known| known.count > 0.0);
            let anchors = match known {
                Some(known) => [(known.mean, known.count.min(LABELLED_MASS) * trust), (believed.mean, 0.0)],
                None if *level == Level::Type => {
                    [(prior.mean, prior.mass * trust), (believed.mean, BACK_OFF.min(observed))]
                }
                None => [(believed.mean, if observed >= BACK_OFF { BACK_OFF } else { prior.mass }), (prior.mean, 0.0)],
            };
            let anchored: f64 = anchors.iter().map(|(_, mass)| mass).sum();
            let mass = cell.good + cell.bad + anchored;
            observed = *heard + known.map_or(0.0, |known| known.count);
            if mass > 0.0 {
                let good: f64 = cell.good + anchors.iter().map(|(mean, mass)| mean * mass).sum::<f64>();
                believed = Posterior { mean: good / mass, mass };
            }
        }
        (believed, observations)
    }
}

#[cfg(test)]
mod tests;
