//! Many models: quality over cost while the price of money goes from nothing to prohibitive.
//!
//! AIQ is RouterBench's (its `evaluation/AIQ.py`): the area under the non-decreasing convex hull of
//! the points, over the dearest point's cost. A saving is the cost cut at a share of the best single
//! model's quality.

use super::{
    Folds, judged,
    neptune::Expected,
    report::Line,
    tasks::{Task, load, models},
};

/// RouterBench, MMLU-Pro and LLMRouter.
#[must_use]
pub fn measure() -> Vec<Line> {
    let curve = |set| {
        let tasks = load(set);
        let expected = judged(&tasks, &Folds { count: 10 });
        Curve::of(&tasks, &expected)
    };
    let (bench, pro, llm) = (curve("routerbench_subset"), curve("mmlu_pro"), curve("llmrouter"));
    let saved = |curve: &Curve| 100.0 * curve.saved_at(1.0);
    vec![
        Line::at_least("RouterBench subset, AIQ", 0.835, bench.aiq(), bench.tasks),
        Line::at_least("MMLU-Pro, cost saved at the best single model's quality, %", 83.0, saved(&pro), pro.tasks),
        Line::at_least("LLMRouter, cost saved at the best single model's quality, %", 77.0, saved(&llm), llm.tasks),
    ]
}

/// Means over the tasks: cost in US dollars, and quality.
type Point = (f64, f64);

struct Curve {
    routed: Vec<Point>,
    singles: Vec<Point>,
    tasks: usize,
}

impl Curve {
    fn of(tasks: &[Task], expected: &[Expected]) -> Self {
        let models = models(tasks);
        let complete: Vec<(&Task, &Expected)> =
            tasks.iter().zip(expected).filter(|(task, _)| task.is_complete(&models)).collect();
        let point = |choose: &dyn Fn(&Expected) -> String| -> Point {
            let (mut cost, mut quality) = (0.0, 0.0);
            for (task, expected) in &complete {
                let model = choose(expected);
                (cost, quality) = (cost + task.costs_usd[&model], quality + task.scores[&model]);
            }
            (cost / float(complete.len()), quality / float(complete.len()))
        };
        // From a tenth of a right answer for a dollar to ten million.
        let lambdas = (0..=160).map(|step| 10_f64.powf(-1.0 + f64::from(step) * 0.05));
        let routed = [0.0].into_iter().chain(lambdas).map(|lambda| point(&|expected| best(expected, lambda))).collect();
        let singles = models.iter().map(|model| point(&|_| model.clone())).collect();
        Self { routed, singles, tasks: complete.len() }
    }

    fn aiq(&self) -> f64 {
        let dearest = self.routed.iter().chain(&self.singles).map(|point| point.0).fold(0.0, f64::max);
        area(&hull(&self.routed), dearest) / dearest
    }

    fn saved_at(&self, share: f64) -> f64 {
        let best = self.singles.iter().copied().max_by(|left, right| left.1.total_cmp(&right.1)).unwrap();
        let good_enough = self.routed.iter().filter(|point| point.1 >= share * best.1);
        good_enough.map(|point| 1.0 - point.0 / best.0).fold(f64::NEG_INFINITY, f64::max)
    }
}

fn best(expected: &Expected, lambda: f64) -> String {
    let worth = |model: &String| {
        let candidate = expected.candidates[model];
        candidate.quality - lambda * candidate.cost_usd.unwrap_or(0.0)
    };
    let best = expected.candidates.keys().max_by(|left, right| worth(left).total_cmp(&worth(right)));
    best.expect("every task has candidates").clone()
}

/// The points that no mixture of others beats at the same cost or less, by cost.
fn hull(points: &[Point]) -> Vec<Point> {
    let mut sorted = points.to_vec();
    sorted.sort_by(|left, right| left.0.total_cmp(&right.0).then(right.1.total_cmp(&left.1)));
    let mut hull: Vec<Point> = Vec::new();
    for point in sorted {
        if hull.last().is_some_and(|last| point.1 <= last.1) {
            continue;
        }
        while let [.., first, middle] = hull.as_slice()
            && (middle.1 - first.1) * (point.0 - first.0) <= (point.1 - first.1) * (middle.0 - first.0)
        {
            hull.pop();
        }
        hull.push(point);
    }
    hull
}

/// The area under `hull`, which goes on level to `dearest`.
fn area(hull: &[Point], dearest: f64) -> f64 {
    let under: f64 = hull.windows(2).map(|pair| (pair[1].0 - pair[0].0) * (pair[0].1 + pair[1].1) / 2.0).sum();
    under + hull.last().map_or(0.0, |last| (dearest - last.0) * last.1)
}

#[expect(clippy::cast_precision_loss, reason = "a number of tasks fits")]
fn float(count: usize) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hull_leaves_out_what_a_mixture_beats() {
        let points = [(1.0, 0.5), (2.0, 0.55), (3.0, 0.9), (4.0, 0.8), (1.0, 0.4)];
        assert_eq!(hull(&points), [(1.0, 0.5), (3.0, 0.9)]);
        assert!((area(&hull(&points), 4.0) - (2.0 * 0.7 + 0.9)).abs() < 1e-12);
    }

    #[test]
    fn a_saving_is_measured_at_the_quality_of_the_best_single_model() {
        let curve = Curve {
            routed: vec![(1.0, 0.6), (2.0, 0.8), (3.0, 0.85)],
            singles: vec![(8.0, 0.8), (1.0, 0.5)],
            tasks: 1,
        };
        assert!((curve.saved_at(1.0) - 0.75).abs() < 1e-12 && (curve.saved_at(0.7) - 0.875).abs() < 1e-12);
    }
}
