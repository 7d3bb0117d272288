//! A linear system of sparse rows, by conjugate gradients.

use super::Features;

/// Steps at most; what is left is negligible long before.
const MOST_STEPS: usize = 40;
/// Squared gradient, as a share of the first, below which the solution stands.
const CLOSE_ENOUGH: f64 = 1e-5;

/// What a row asks of the weights.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Target {
    pub(super) slope: f64,
    pub(super) curvature: f64,
}

/// The weights `w` with `(Xᵀ C X + ridge) w = Xᵀ s`, where `C` are the curvatures and `s` the slopes
/// of the rows that have a target.
pub(super) fn solve(rows: &[Features], targets: &[Option<Target>], size: usize, ridge: f64) -> Vec<f32> {
    let (mut weights, mut gradient) = (vec![0.0_f64; size], vec![0.0_f64; size]);
    add_transposed(rows, targets.iter().map(|target| target.map(|target| target.slope)), &mut gradient);
    let mut direction = gradient.clone();
    let first = squared(&gradient);
    let mut left = first;
    for _ in 0..MOST_STEPS {
        if left <= first * CLOSE_ENOUGH {
            break;
        }
        let mut curved: Vec<f64> = direction.iter().map(|value| ridge * value).collect();
        let along =
            rows.iter().zip(targets).map(|(row, target)| target.map(|target| target.curvature * dot(row, &direction)));
        add_transposed(rows, along, &mut curved);
        let step = left / direction.iter().zip(&curved).map(|(left, right)| left * right).sum::<f64>();
        advance(&mut weights, &direction, step);
        advance(&mut gradient, &curved, -step);
        let next = squared(&gradient);
        for (direction, gradient) in direction.iter_mut().zip(&gradient) {
            *direction = gradient + next / left * *direction;
        }
        left = next;
    }
    #[expect(clippy::cast_possible_truncation, reason = "weights need no more digits than their features have")]
    weights.into_iter().map(|weight| weight as f32).collect()
}

/// Adds `Xᵀ v` to `sum`, over the rows where `v` has a value.
fn add_transposed(rows: &[Features], values: impl Iterator<Item = Option<f64>>, sum: &mut [f64]) {
    for (row, value) in rows.iter().zip(values) {
        let Some(value) = value else { continue };
        for (bucket, entry) in row.entries() {
            if let Some(sum) = sum.get_mut(*bucket as usize) {
                *sum += f64::from(*entry) * value;
            }
        }
    }
}

fn advance(values: &mut [f64], direction: &[f64], step: f64) {
    for (value, direction) in values.iter_mut().zip(direction) {
        *value += step * direction;
    }
}

fn dot(row: &Features, weights: &[f64]) -> f64 {
    let product =
        |(bucket, entry): &(u32, f32)| f64::from(*entry) * weights.get(*bucket as usize).copied().unwrap_or(0.0);
    row.entries().iter().map(product).sum()
}

fn squared(values: &[f64]) -> f64 {
    values.iter().map(|value| value * value).sum()
}
