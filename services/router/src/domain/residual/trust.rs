//! How far words may be trusted: as far as they foretell scores of texts that they were not learnt from.

use super::{Scored, Wording, base, features::Features, fit::Fit, sigmoid};

/// The texts are cut into so many parts, each foretold from the others.
const PARTS: u64 = 4;
/// The upper bits of a sum mix best.
const PARTS_SHIFT: u32 = 32;
/// The highest of some draws of chance is expected to be at most so many times `sqrt(2 ln n)` deviations high.
/// Where more models are compared, more is left to chance, because the one that chance favours most wins.
const CHANCE: f64 = 1.5;
/// So many standard deviations of the slope are chance where nothing is compared.
const CHANCE_OF_ONE: f64 = 2.0;

/// How far words may be trusted, 0 to 1.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Trust {
    /// In what all models share: all or nothing, because it moves them together.
    pub(super) shared: f64,
    /// In the models' own.
    pub(super) own: f64,
}

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

    /// The slope of what came over what was foretold that is beyond so many standard deviations, between 0 and 1.
    /// Its error does not suppose that the scores of one text are independent (Liang and Zeger, 1986): a text
    /// that is hard for one model is hard for others.
    fn beyond(self, deviations: f64) -> f64 {
        if self.b <= 0.0 {
            return 0.0;
        }
        let slope = self.a / self.b;
        let squares = self.aa - 2.0 * slope * self.ab + slope * slope * self.bb;
        (slope - deviations * squares.max(0.0).sqrt() / self.b).clamp(0.0, 1.0)
    }
}

/// How far the words of `rows` may be trusted. `texts` are theirs: copies of a text are never on both sides.
pub(super) fn trust(texts: &[&Wording], rows: &[Features], models: &[Vec<Option<Scored>>], width: usize) -> Trust {
    let parts: Vec<u64> = texts.iter().map(|text| (text.sum() >> PARTS_SHIFT) % PARTS).collect();
    let (mut shared, mut own) = (Sums::default(), Sums::default());
    for part in 0..PARTS {
        let is_learnt: Vec<bool> = parts.iter().map(|other| *other != part).collect();
        let fit = Fit::of(rows, models, &is_learnt, width);
        for ((text, row), _) in rows.iter().enumerate().zip(&is_learnt).filter(|(_, is_learnt)| !**is_learnt) {
            let of_text = compare(&fit, row, models, text);
            shared.add(of_text.shared);
            own.add(of_text.own);
        }
    }
    let is_shared = shared.beyond(CHANCE_OF_ONE) > 0.0;
    let compared = models.iter().filter(|scores| scores.iter().any(Option::is_some)).count();
    Trust { shared: f64::from(u8::from(is_shared)), own: own.beyond(chance_deviations(compared)) }
}

/// So many standard deviations of the slope are chance, where so many models are compared.
#[expect(clippy::cast_precision_loss, reason = "a number of models fits")]
fn chance_deviations(models: usize) -> f64 {
    CHANCE * (2.0 * (models.max(2) as f64).ln()).sqrt()
}

/// What the models of one text add to the sums.
#[derive(Clone, Copy, Debug, Default)]
struct Compared {
    shared: (f64, f64),
    own: (f64, f64),
}

fn compare(fit: &Fit, row: &Features, models: &[Vec<Option<Scored>>], text: usize) -> Compared {
    let eased = row.times(&fit.shared);
    let mut sum = Compared::default();
    for (scores, own) in models.iter().zip(&fit.own) {
        let Some(scored) = scores.get(text).and_then(Option::as_ref) else { continue };
        add(&mut sum.shared, scored, (0.0, eased));
        add(&mut sum.own, scored, (eased, row.times(own)));
    }
    sum
}

/// Adds a score, where the mean was moved by so many logits before and words move it by so many more.
fn add(sums: &mut (f64, f64), scored: &Scored, (before, more): (f64, f64)) {
    let expected = sigmoid(base(scored) + before);
    let foretold = expected * (1.0 - expected) * more;
    sums.0 += scored.weight * foretold * (scored.score - expected);
    sums.1 += scored.weight * foretold * foretold;
}

#[cfg(test)]
mod tests {
    use super::Sums;

    /// The trust where `x` was foretold and `y` came.
    fn trust(points: impl Iterator<Item = (f64, f64)>) -> f64 {
        let mut sums = Sums::default();
        points.for_each(|(x, y)| sums.add((x * y, x * x)));
        sums.beyond(super::chance_deviations(9))
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
