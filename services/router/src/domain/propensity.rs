//! How likely the policy was to choose what it chose, so that other policies can be compared on
//! the record (inverse propensity scoring).
//!
//! Each candidate's utility is a draw from a scaled Beta distribution, and the highest wins. The
//! probability that a given one wins is the mean, over its own draw, of the product of the others'
//! distribution functions there. The mean is taken by Gauss and Hermite's rule with the
//! distributions corrected for their skewness (Cornish and Fisher; Edgeworth), which costs a few
//! microseconds where counting seeded draws would cost a hundred.

use super::{
    choose::utility,
    draw::TEMPER,
    explore::{Pick, Prospect, contestants},
    filter::Eligible,
    route::Weights,
};

/// Nodes and weights of Gauss and Hermite's rule of 12 points for a standard normal variable.
const NODES: [(f64, f64); 12] = [
    (-5.50090170447, 1.49992716764e-07),
    (-4.27182584793, 4.83718492259e-05),
    (-3.22370982877, 0.00220338068753),
    (-2.259464451, 0.0291166879124),
    (-1.34037519715, 0.146967048045),
    (-0.444403001944, 0.321664361513),
    (0.444403001944, 0.321664361513),
    (1.34037519715, 0.146967048045),
    (2.259464451, 0.0291166879124),
    (3.22370982877, 0.00220338068753),
    (4.27182584793, 4.83718492259e-05),
    (5.50090170447, 1.49992716764e-07),
];
/// Nothing that was chosen is less likely than this: it would outweigh everything else on record.
const LEAST: f64 = 1e-4;

/// A candidate's utility as it is drawn.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Drawing {
    mean: f64,
    deviation: f64,
    skewness: f64,
}

/// The probability that the policy makes `pick` the first of `ranked` models, 0 to 1: 1 unless the
/// draws are asked (`is_drawn`) and more than one model could win them.
#[must_use]
pub fn propensity(ranked: &[Eligible<'_>], weights: &Weights, min_quality: f64, (pick, is_drawn): (Pick, bool)) -> f64 {
    if !is_drawn {
        return 1.0;
    }
    let candidates: Vec<(usize, &Eligible<'_>)> =
        ranked.iter().enumerate().filter(|(_, option)| !option.fallback_only).collect();
    let prospects: Vec<Prospect> = candidates.iter().map(|(_, option)| prospect(option, weights)).collect();
    let may_win = contestants(&prospects, min_quality);
    let drawings = candidates.iter().zip(&prospects).filter(|(_, prospect)| may_win(prospect));
    let (mut chosen, mut others) = (None, Vec::with_capacity(candidates.len()));
    for ((index, option), _) in drawings {
        let drawing = Drawing::of(option, weights);
        if *index == pick.index { chosen = Some(drawing) } else { others.push(drawing) }
    }
    chosen.map_or(1.0, |chosen| rounded(wins(chosen, &others).clamp(LEAST, 1.0)))
}

fn prospect(option: &Eligible<'_>, weights: &Weights) -> Prospect {
    let expected_usd = utility(&option.estimate, option.estimate.success, weights);
    Prospect { quality: option.quality.mean, expected_usd, drawn_usd: expected_usd }
}

impl Drawing {
    fn of(option: &Eligible<'_>, weights: &Weights) -> Self {
        let mean = option.quality.mean.clamp(0.001, 0.999);
        let mass = TEMPER * option.quality.mass;
        let (good, bad) = (mass * mean, mass * (1.0 - mean));
        let deviation = (mean * (1.0 - mean) / (mass + 1.0)).sqrt();
        Self {
            mean: utility(&option.estimate, option.estimate.success, weights),
            // Utility is linear in quality.
            deviation: (weights.value_usd * option.estimate.success * deviation).max(f64::MIN_POSITIVE),
            skewness: 2.0 * (bad - good) * (mass + 1.0).sqrt() / ((mass + 2.0) * (good * bad).sqrt()),
        }
    }

    /// The draw whose place in the distribution is that of `node` in a standard normal one.
    fn at(&self, node: f64) -> f64 {
        self.mean + self.deviation * (node + self.skewness / 6.0 * (node * node - 1.0))
    }

    /// The probability of a draw below `value`.
    fn below(&self, value: f64) -> f64 {
        let z = (value - self.mean) / self.deviation;
        if z.abs() > 6.0 {
            return if z > 0.0 { 1.0 } else { 0.0 };
        }
        let density = (-0.5 * z * z).exp() * (0.5 * std::f64::consts::FRAC_1_PI).sqrt();
        let normal = 0.5 * libm::erfc(-z * std::f64::consts::FRAC_1_SQRT_2);
        (normal - self.skewness / 6.0 * (z * z - 1.0) * density).clamp(0.0, 1.0)
    }
}

/// The probability that the draw of `chosen` is above that of each of `others`.
fn wins(chosen: Drawing, others: &[Drawing]) -> f64 {
    let at_node = |(node, weight): &(f64, f64)| {
        let value = chosen.at(*node);
        let all_below = others.iter().try_fold(*weight, |product, other| {
            let product = product * other.below(value);
            (product > 1e-9).then_some(product)
        });
        all_below.unwrap_or(0.0)
    };
    NODES.iter().map(at_node).sum()
}

/// To a millionth: more digits would only make records longer.
fn rounded(value: f64) -> f64 {
    (value * 1e6).round() / 1e6
}

#[cfg(test)]
mod tests;
