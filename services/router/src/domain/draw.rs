//! Chance that can be repeated: draws that are a function of the task, the policy and the model.
//!
//! A decision drawn from these can be made again from its record, to the last bit and on any
//! machine: the stream is ChaCha with 8 rounds, and logarithms and powers come from a portable
//! library instead of the platform's.

use super::hash::fnv1a;
use chacha20::{
    ChaCha8Rng,
    rand_core::{Rng as _, SeedableRng as _},
};

/// Draws are made from a posterior with so many times its mass: less daring than Thompson
/// sampling, which explores more than pays over a few thousand tasks.
pub const TEMPER: f64 = 4.0;

/// The draws of one decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Draws {
    task: u128,
    policy: u64,
}

impl Draws {
    /// The draws for `task` under a version of the policy.
    #[must_use]
    pub fn new(task: u128, policy: &str) -> Self {
        Self { task, policy: fnv1a(policy) }
    }

    /// A quality of `model` drawn from a Beta distribution with that mean and [`TEMPER`] times that
    /// mass. It does not depend on which other models there are.
    #[must_use]
    pub fn quality(&self, model: &str, mean: f64, mass: f64) -> f64 {
        let mean = mean.clamp(0.001, 0.999);
        let mut stream = self.stream(model);
        let (good, bad) = (gamma(&mut stream, TEMPER * mass * mean), gamma(&mut stream, TEMPER * mass * (1.0 - mean)));
        if good + bad > 0.0 { good / (good + bad) } else { mean }
    }

    fn stream(&self, model: &str) -> ChaCha8Rng {
        let mut seed = [0; 32];
        let parts =
            self.task.to_le_bytes().into_iter().chain(self.policy.to_le_bytes()).chain(fnv1a(model).to_le_bytes());
        for (place, byte) in seed.iter_mut().zip(parts) {
            *place = byte;
        }
        ChaCha8Rng::from_seed(seed)
    }
}

/// A Gamma variable of that shape and scale one (Marsaglia and Tsang, 2000).
fn gamma(stream: &mut ChaCha8Rng, shape: f64) -> f64 {
    if shape < 1.0 {
        let power = libm::pow(uniform(stream), 1.0 / shape.max(1e-3));
        return gamma(stream, shape + 1.0) * power;
    }
    let d = shape - 1.0 / 3.0;
    let c = 1.0 / (9.0 * d).sqrt();
    loop {
        let x = normal(stream);
        let v = 1.0 + c * x;
        if v <= 0.0 {
            continue;
        }
        let v = v * v * v;
        if libm::log(uniform(stream)) < 0.5 * x * x + d - d * v + d * libm::log(v) {
            return d * v;
        }
    }
}

/// A normal variable (Marsaglia's polar method).
fn normal(stream: &mut ChaCha8Rng) -> f64 {
    loop {
        let (x, y) = (2.0 * uniform(stream) - 1.0, 2.0 * uniform(stream) - 1.0);
        let square = x * x + y * y;
        if square > 0.0 && square < 1.0 {
            return x * (-2.0 * libm::log(square) / square).sqrt();
        }
    }
}

/// Above 0 and at most 1, in steps of 2⁻⁵³.
#[expect(clippy::cast_precision_loss, reason = "53 bits fit exactly")]
fn uniform(stream: &mut ChaCha8Rng) -> f64 {
    ((stream.next_u64() >> 11) + 1) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests;
