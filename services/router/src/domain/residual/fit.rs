//! What some texts teach: weights that all models share, and each model's own beyond them.

use super::{
    Scored, base,
    features::Features,
    ridge::{Target, solve},
    sigmoid,
};

/// Strength of the ridge of the shared weights and of a model's own; chosen by cross-validation on five
/// public sets, flat within a factor of 1.5.
const SHARED_RIDGE: f64 = 2.0;
const OWN_RIDGE: f64 = 3.0;

/// Weights by column.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Fit {
    /// How easy the words make a text, for all models.
    pub(super) shared: Vec<f32>,
    /// By model: what they say about it beyond that.
    pub(super) own: Vec<Vec<f32>>,
}

impl Fit {
    /// Learns from the `rows` that `is_learnt` names; `models` have a score a row.
    pub(super) fn of(rows: &[Features], models: &[Vec<Option<Scored>>], is_learnt: &[bool], width: usize) -> Self {
        let targets: Vec<Option<Target>> =
            is_learnt.iter().enumerate().map(|(row, is_learnt)| is_learnt.then(|| together(models, row))?).collect();
        let shared = solve(rows, &targets, width, SHARED_RIDGE);
        let eased: Vec<f64> = rows.iter().map(|row| row.times(&shared)).collect();
        let own = models.iter().map(|scores| {
            let learnt = scores.iter().zip(&eased).zip(is_learnt);
            let targets: Vec<Option<Target>> = learnt
                .map(|((scored, eased), is_learnt)| scored.as_ref().filter(|_| *is_learnt).map(|it| target(it, *eased)))
                .collect();
            solve(rows, &targets, width, OWN_RIDGE)
        });
        Self { own: own.collect(), shared }
    }
}

/// What the scores of a text by all models ask of the shared weights: the mean of what each asks.
fn together(models: &[Vec<Option<Scored>>], row: usize) -> Option<Target> {
    let targets = models.iter().filter_map(|scores| scores.get(row)?.as_ref()).map(|scored| target(scored, 0.0));
    let (count, sum) = targets.fold((0.0, Target::default()), |(count, sum), target| {
        let (slope, curvature) = (sum.slope + target.slope, sum.curvature + target.curvature);
        (count + 1.0, Target { slope, curvature })
    });
    (count > 0.0).then(|| Target { slope: sum.slope / count, curvature: sum.curvature / count })
}

/// Gradient and curvature of the likelihood where the mean is moved by `shift` logits.
fn target(scored: &Scored, shift: f64) -> Target {
    let expected = sigmoid(base(scored) + shift);
    let slope = scored.weight * (scored.score - expected);
    Target { slope, curvature: scored.weight * expected * (1.0 - expected) }
}
