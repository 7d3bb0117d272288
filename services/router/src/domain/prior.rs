//! What is expected of a model's answers before anybody said anything about them.
//!
//! Mostly what its resource declares. A model whose resource declares nothing is taken to be a little
//! worse than the models of its price: what a seller asks says something about what it sells, and a
//! model that is thought too good before it was ever heard of would be given work for that alone.

use super::quality::{DECLARED_MASS, Prior};
use neptune_contracts::{
    PicoUsd,
    names::TaskType,
    resource::{ModelSpec, Resources},
};

/// A model of which nothing is declared is worse than the mean of its tier by so much.
const UNKNOWN_IS_WORSE_BY: f64 = 0.05;
/// What is only guessed counts as so many observations: less than what is declared.
pub const GUESSED_MASS: f64 = 4.0;
/// Where no model declares anything.
const NOTHING_KNOWN: f64 = 0.5;
/// Prices of a million output tokens below which a model is of the first tier, of the second, or else
/// of the third: those of the table behind the catalogue (`neptune-trainer priors`).
const TIERS: [PicoUsd; 2] = [PicoUsd(1_000_000_000_000), PicoUsd(8_000_000_000_000)];

/// What is expected of the answers of `model` to work of `task_type`, among `resources`.
#[must_use]
pub fn prior(model: &ModelSpec, task_type: TaskType, resources: &Resources) -> Prior {
    match model.declared_quality(task_type) {
        Some(mean) => Prior { mean, mass: DECLARED_MASS },
        None => Prior { mean: guessed(tier(model), task_type, resources), mass: GUESSED_MASS },
    }
}

/// By the tier's own models, else by those of the cheaper one next to it, else by the dearer.
fn guessed(own: usize, task_type: TaskType, resources: &Resources) -> f64 {
    let of_tier = |wanted: usize| {
        let peers = resources.models.values().filter(|model| tier(model) == wanted);
        let known = peers.filter_map(|model| model.declared_quality(task_type));
        let (sum, count) = known.fold((0.0, 0.0), |(sum, count), quality| (sum + quality, count + 1.0));
        (count > 0.0).then(|| (sum / count - UNKNOWN_IS_WORSE_BY).max(0.0))
    };
    let cheaper = (0..=own).rev();
    let dearer = own + 1..=TIERS.len();
    cheaper.chain(dearer).find_map(of_tier).unwrap_or(NOTHING_KNOWN)
}

fn tier(model: &ModelSpec) -> usize {
    TIERS.iter().filter(|below| model.price.output_usd_per_mtok >= **below).count()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use neptune_testkit::builders;

    fn resources(models: &[(Option<f64>, &str)]) -> Resources {
        let mut resources = Resources::default();
        for (number, (quality, price)) in models.iter().enumerate() {
            let mut spec = builders::model(quality.unwrap_or(0.0), price);
            if quality.is_none() {
                spec.quality.clear();
            }
            spec.price.output_usd_per_mtok = price.parse().unwrap();
            resources.models.insert(format!("p/m{number}"), spec);
        }
        resources
    }

    fn check(models: &[(Option<f64>, &str)], wanted: (f64, f64)) {
        let resources = resources(models);
        let found = prior(resources.models.get("p/m0").unwrap(), TaskType::Chat, &resources);
        assert!((found.mean - wanted.0).abs() < 1e-9 && (found.mass - wanted.1).abs() < 1e-9, "{models:?}: {found:?}");
    }

    #[test]
    fn what_is_declared_holds_and_what_is_not_is_guessed_by_price() {
        let others = [(Some(0.7), "0.5"), (Some(0.8), "0.9"), (Some(0.95), "20")];
        let with = |own: (Option<f64>, &'static str)| [&[own], &others[..]].concat();
        check(&with((Some(0.3), "0.5")), (0.3, DECLARED_MASS));
        check(&with((None, "0.5")), (0.70, GUESSED_MASS));
        check(&with((None, "10")), (0.90, GUESSED_MASS));
        // Nothing is known of the middle tier: no better than the cheaper one.
        check(&with((None, "3")), (0.70, GUESSED_MASS));
        check(&[(None, "0.5"), (Some(0.95), "20")], (0.90, GUESSED_MASS));
        check(&[(None, "3"), (None, "20")], (NOTHING_KNOWN, GUESSED_MASS));
    }
}
