//! Two models, by RouteLLM's measures (its `evals/evaluate.py` and `evals/benchmarks.py`): the share
//! of the gap between weak and strong that is recovered over all shares of strong calls (APGR), and
//! the strong calls needed for half of it (CPT50).

use super::{Folds, judged, report::Line, tasks::load};

/// Tenths of the tasks, as RouteLLM cuts them.
const CUTS: u32 = 10;

/// The MMLU pair.
#[must_use]
pub fn measure() -> Vec<Line> {
    let (strong, weak) = ("gpt-4-1106-preview", "mixtral-8x7b-instruct");
    let tasks = load("routellm");
    let expected = judged(&tasks, &Folds { count: 10 });
    let of_mmlu = tasks.iter().zip(&expected).filter(|(task, _)| task.dataset.starts_with("mmlu/"));
    let points: Vec<Point> = of_mmlu
        .map(|(task, expected)| Point {
            gain: expected.candidates[strong].quality - expected.candidates[weak].quality,
            strong: task.scores[strong],
            weak: task.scores[weak],
        })
        .collect();
    let (apgr, strong_calls) = apgr_and_cpt50(&points);
    vec![
        Line::at_least("RouteLLM MMLU pair, APGR", 0.68, apgr, points.len()),
        Line::at_most("RouteLLM MMLU pair, strong calls for half the gap (CPT50), %", 27.0, strong_calls, points.len()),
    ]
}

#[derive(Clone, Copy, Debug)]
struct Point {
    gain: f64,
    strong: f64,
    weak: f64,
}

fn apgr_and_cpt50(points: &[Point]) -> (f64, f64) {
    let count = float(points.len());
    let mut gains: Vec<f64> = points.iter().map(|point| point.gain).collect();
    gains.sort_by(f64::total_cmp);
    let mut thresholds: Vec<f64> = (0..=CUTS).map(|cut| quantile(&gains, f64::from(cut) / f64::from(CUTS))).collect();
    thresholds.dedup();
    let last = thresholds.len() - 1;
    // Shares of strong calls and the quality they give.
    let mut curve: Vec<(f64, f64)> = thresholds
        .iter()
        .enumerate()
        .map(|(index, threshold)| {
            let is_strong = |point: &&Point| point.gain > *threshold || (index != last && point.gain >= *threshold);
            let strong: Vec<&Point> = points.iter().filter(is_strong).collect();
            let weak = points.iter().filter(|point| !is_strong(point)).map(|point| point.weak).sum::<f64>();
            (float(strong.len()) / count, (strong.iter().map(|point| point.strong).sum::<f64>() + weak) / count)
        })
        .collect();
    curve.sort_by(|left, right| left.0.total_cmp(&right.0));
    let strong = points.iter().map(|point| point.strong).sum::<f64>() / count;
    let weak = points.iter().map(|point| point.weak).sum::<f64>() / count;
    let area: f64 = curve.windows(2).map(|pair| (pair[1].0 - pair[0].0) * (pair[0].1 + pair[1].1) / 2.0).sum();
    let width = curve[curve.len() - 1].0 - curve[0].0;
    let half = calls_for(&curve, weak + 0.5 * (strong - weak));
    ((area / width - weak) / (strong - weak), 100.0 * half)
}

/// The share of strong calls that first gives `quality`, between the points on a straight line.
fn calls_for(curve: &[(f64, f64)], quality: f64) -> f64 {
    let reached = curve.windows(2).find(|pair| pair[0].1 <= quality && quality <= pair[1].1);
    reached.map_or(1.0, |pair| {
        let share = if pair[1].1 > pair[0].1 { (quality - pair[0].1) / (pair[1].1 - pair[0].1) } else { 1.0 };
        pair[0].0 + share * (pair[1].0 - pair[0].0)
    })
}

/// A quantile of sorted values, between two of them on a straight line.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an index")]
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let place = share * float(sorted.len() - 1);
    let index = place.floor() as usize;
    let next = sorted[(index + 1).min(sorted.len() - 1)];
    sorted[index] + (next - sorted[index]) * (place - place.floor())
}

#[expect(clippy::cast_precision_loss, reason = "a number of tasks fits")]
fn float(count: usize) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn points(gain: impl Fn(u32) -> f64) -> Vec<Point> {
        // The strong model is right in all of 100 tasks, the weak one in the first half.
        let point = |task: u32| Point { gain: gain(task), strong: 1.0, weak: f64::from(u8::from(task < 50)) };
        (0..100).map(point).collect()
    }

    #[test]
    fn a_router_that_knows_recovers_more_than_chance_and_one_that_is_wrong_less() {
        let (best, calls) = apgr_and_cpt50(&points(f64::from));
        assert!((best - 0.75).abs() < 0.01 && (calls - 25.0).abs() < 0.5, "{best} {calls}");
        let (chance, calls) = apgr_and_cpt50(&points(|task| f64::from(task * 37 % 100)));
        assert!((chance - 0.5).abs() < 0.05 && (calls - 50.0).abs() < 6.0, "{chance} {calls}");
        let (worst, calls) = apgr_and_cpt50(&points(|task| -f64::from(task)));
        assert!((worst - 0.25).abs() < 0.01 && calls > 70.0, "{worst} {calls}");
    }
}
