//! How far the models' own words may be trusted: as far as they foretell scores of texts that they were
//! not learnt from.

use super::{Scored, base, features::Features, fit::Fit, sigmoid};
use crate::domain::hash::fnv1a;

/// The texts are cut into so many parts, each foretold from the others.
const PARTS: u64 = 4;
/// The highest of some draws of chance is expected to be at most so many times `sqrt(2 ln n)` deviations high.
/// Where more models are compared, more is left to chance, because the one that chance favours most wins.
const CHANCE: f64 = 1.5;

/// Sums over texts, of what each text's models give together: `a` of what words foretold times what came,
/// each beyond what was expected without them, and `b` of the squares of what words foretold.
#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    a: f64,
    b: f64,
    aa: f64,
    ab: f64,
    bb: f64,
}

impl Sums {
    fn add(&mut self, (a, b): (f64, f64)) {
        self.a += a;
        self.b += b;
        self.aa += a * a;
        self.ab += a * b;
        self.bb += b * b;
    }

    /// The slope of what came over what was foretold that is beyond chance, between 0 and 1. Its error does
    /// not suppose that the scores of one text are independent (Liang and Zeger, 1986): a text that is
    /// hard for one model is hard for others.
    fn trust(self, models: usize) -> f64 {
        if self.b <= 0.0 {
            return 0.0;
        }
        let slope = self.a / self.b;
        let squares = self.aa - 2.0 * slope * self.ab + slope * slope * self.bb;
        (slope - chance_deviations(models) * squares.max(0.0).sqrt() / self.b).clamp(0.0, 1.0)
    }
}

/// The trust in the models' own words, 0 to 1. `texts` are those of `rows`: copies of a text are never on
/// both sides.
pub(super) fn trust(texts: &[&str], rows: &[Features], models: &[Vec<Option<Scored>>], width: usize) -> f64 {
    let parts: Vec<u64> = texts.iter().map(|text| fnv1a(text) % PARTS).collect();
    let mut sums = Sums::default();
    for part in 0..PARTS {
        let is_learnt: Vec<bool> = parts.iter().map(|other| *other != part).collect();
        let fit = Fit::of(rows, models, &is_learnt, width);
        let foretold = rows.iter().enumerate().zip(&is_learnt).filter(|(_, is_learnt)| !**is_learnt);
        foretold.for_each(|((text, row), _)| sums.add(compare(&fit, row, models, text)));
    }
    sums.trust(models.len())
}

/// So many standard deviations of the slope are chance, where so many models are compared.
#[expect(clippy::cast_precision_loss, reason = "a number of models fits")]
fn chance_deviations(models: usize) -> f64 {
    CHANCE * (2.0 * (models.max(2) as f64).ln()).sqrt()
}

/// What the models of one text add to the sums.
fn compare(fit: &Fit, row: &Features, models: &[Vec<Option<Scored>>], text: usize) -> (f64, f64) {
    let eased = row.times(&fit.shared);
    let of_model = |(scores, own): (&Vec<Option<Scored>>, &Vec<f32>)| {
        let scored = scores.get(text)?.as_ref()?;
        let expected = sigmoid(base(scored) + eased);
        let foretold = expected * (1.0 - expected) * row.times(own);
        Some((foretold * (scored.score - expected), foretold * foretold))
    };
    let of_models = models.iter().zip(&fit.own).filter_map(of_model);
    of_models.fold((0.0, 0.0), |(a, b), (more_a, more_b)| (a + more_a, b + more_b))
}

#[cfg(test)]
mod tests {
    use super::Sums;

    /// The trust where `x` was foretold and `y` came.
    fn trust(points: impl Iterator<Item = (f64, f64)>) -> f64 {
        let mut sums = Sums::default();
        points.for_each(|(x, y)| sums.add((x * y, x * x)));
        sums.trust(9)
    }

    #[test]
    fn what_foretells_is_trusted_and_what_does_not_is_not() {
        let sign = |number: u32| if number.is_multiple_of(2) { 1.0 } else { -1.0 };
        let noise = |number: u32| if number % 4 < 2 { 0.3 } else { -0.3 };
        assert!(trust((0..400).map(|number| (0.1 * sign(number), 0.2 * sign(number) + noise(number)))) > 0.9);
        assert!(trust((0..400).map(|number| (0.1 * sign(number), noise(number)))) < 1e-9);
        assert!(trust((0..400).map(|number| (0.1 * sign(number), -0.2 * sign(number)))) < 1e-9);
        assert!(trust(std::iter::empty()) < 1e-9);
        assert!((1.7..1.8).contains(&super::chance_deviations(2)) && super::chance_deviations(9) > 3.0);
    }
}
