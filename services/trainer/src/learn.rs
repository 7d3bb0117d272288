//! Softmax regression over sparse features, by AdaGrad (Duchi and others 2011), in a fixed order.

use crate::random::Random;
use neptune_contracts::names::TaskType;

/// The classes.
pub const KINDS: usize = TaskType::ALL.len();

/// A score per class.
pub type Scores = [f32; KINDS];

/// A text as numbered features.
#[derive(Clone, Debug, Default)]
pub struct Example {
    /// Number of each feature, once.
    pub features: Vec<u32>,
    /// Place of its type in [`TaskType::ALL`].
    pub truth: usize,
    /// How much it counts.
    pub weight: f32,
}

/// How to learn.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Passes over the examples.
    pub epochs: usize,
    /// Size of the first steps.
    pub rate: f32,
    /// Pull of every weight towards zero.
    pub decay: f32,
    /// Probability given away to all classes alike, so that no weight grows without bound.
    pub smoothing: f32,
    /// Out of 256, how many features of an example are left out in a pass.
    pub dropout: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self { epochs: 12, rate: 0.15, decay: 2e-3, smoothing: 0.05, dropout: 76 }
    }
}

/// A linear model over numbered features.
#[derive(Clone, Debug, Default)]
pub struct Linear {
    /// Per feature a weight per class.
    pub weights: Vec<Scores>,
    /// Per class.
    pub bias: Scores,
}

/// What the sum of a text's weights is multiplied with, so that a long text is not surer for being
/// long: one over the root of the number of its features, times [`SHARPNESS`].
fn scale(features: usize) -> f32 {
    #[expect(clippy::cast_precision_loss, reason = "a text has some thousand features")]
    let features = features.max(1) as f32;
    SHARPNESS / features.sqrt()
}

/// Makes weights of a size near one.
pub const SHARPNESS: f32 = 4.0 / std::f32::consts::SQRT_2;

impl Linear {
    /// The scores of an example.
    #[must_use]
    pub fn scores(&self, features: &[u32]) -> Scores {
        let mut sums = [0.0; KINDS];
        for weights in features.iter().filter_map(|number| self.weights.get(*number as usize)) {
            add(&mut sums, weights, 1.0);
        }
        let mut scores = self.bias;
        add(&mut scores, &sums, scale(features.len()));
        scores
    }

    /// Learns from `examples`, whose features are numbered below `size`.
    #[must_use]
    pub fn learn(examples: &[Example], size: usize, options: &Options) -> Self {
        let mut model = Self { weights: vec![[0.0; KINDS]; size], bias: [0.0; KINDS] };
        let mut steps = vec![[1e-2_f32; KINDS]; size];
        let mut bias_steps = [1.0_f32; KINDS];
        let mut order: Vec<&Example> = examples.iter().collect();
        let mut chance = Random::of("learn", 0);
        let mut kept = Vec::new();
        for _ in 0..options.epochs {
            chance.shuffle(&mut order);
            for example in &order {
                kept.clear();
                kept.extend(example.features.iter().filter(|_| chance.draw() & 255 >= options.dropout));
                let gradient = gradient(&model.scores(&kept), example, options.smoothing);
                let scale = scale(kept.len());
                for number in &kept {
                    let number = *number as usize;
                    if let (Some(weights), Some(steps)) = (model.weights.get_mut(number), steps.get_mut(number)) {
                        step(weights, steps, &gradient, (scale, options));
                    }
                }
                step(&mut model.bias, &mut bias_steps, &gradient, (1.0, options));
            }
        }
        model
    }
}

/// How the loss of an example grows with each score.
fn gradient(scores: &Scores, example: &Example, smoothing: f32) -> Scores {
    let mut gradient = softmax(scores);
    for (class, slope) in gradient.iter_mut().enumerate() {
        let wanted = if class == example.truth { 1.0 - smoothing } else { 0.0 } + smoothing / KINDS as f32;
        *slope = (*slope - wanted) * example.weight;
    }
    gradient
}

fn step(weights: &mut Scores, steps: &mut Scores, gradient: &Scores, (value, options): (f32, &Options)) {
    for ((weight, seen), slope) in weights.iter_mut().zip(steps).zip(gradient) {
        let slope = slope * value + options.decay * *weight;
        *seen += slope * slope;
        *weight -= options.rate * slope / seen.sqrt();
    }
}

fn add(sums: &mut Scores, weights: &Scores, factor: f32) {
    for (sum, weight) in sums.iter_mut().zip(weights) {
        *sum += weight * factor;
    }
}

/// Scores as probabilities.
#[must_use]
pub fn softmax(scores: &Scores) -> Scores {
    let most = scores.iter().copied().fold(f32::MIN, f32::max);
    let mut shares = scores.map(|score| (score - most).exp());
    let sum: f32 = shares.iter().sum();
    for share in &mut shares {
        *share /= sum;
    }
    shares
}
