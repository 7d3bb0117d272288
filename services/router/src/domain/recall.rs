//! A decision made again from nothing but its record.
//!
//! What decides stands in the record to the last bit: each candidate's expectation and how firmly it
//! is held, its utility, the seed of the draws, and why they were not asked. [`prospect`] is how both the
//! decision and its repetition see a candidate, so that they cannot come apart.

use super::{
    draw::Draws,
    explore::{Pick, Prospect, Refrain, pick},
};
use neptune_contracts::{
    ids::TaskId,
    plan::{Candidate, Explanation},
};

/// What the record gives again.
#[derive(Clone, Debug, PartialEq)]
pub struct Recalled {
    /// The draws, in the order of the candidates.
    pub draws: Vec<f64>,
    /// The model that is chosen, before several are combined; nothing when all are only to fall back on.
    pub first: Option<String>,
    /// It is tried although another is expected to be better.
    pub explored: bool,
}

/// A candidate as the choice sees it, by its record: utility is linear in quality.
#[must_use]
pub fn prospect(candidate: &Candidate, draw: f64, value_usd: f64) -> Prospect {
    let drawn_usd = candidate.utility_usd + value_usd * candidate.success * (draw - candidate.quality);
    Prospect { quality: candidate.quality, expected_usd: candidate.utility_usd, drawn_usd }
}

/// Makes the draws and the choice of `route` for `task` again; nothing from a record that was made
/// before it had everything, or in which no model was weighed.
#[must_use]
pub fn recall(task: TaskId, route: &Explanation) -> Option<Recalled> {
    let learning = route.learning.as_ref()?;
    let lot = match &learning.session_lot {
        Some(lot) => u128::from_str_radix(lot, 16).ok()?,
        None => task.0.as_u128(),
    };
    let draws = Draws::new(lot, &learning.policy);
    let of_both = || route.candidates.iter().zip(&learning.beliefs);
    let draws: Option<Vec<f64>> = of_both()
        .map(|(candidate, belief)| Some(draws.quality(&candidate.model, candidate.quality, belief.mass?)))
        .collect();
    let draws = draws?;
    if let Some(kept) = &learning.kept {
        return Some(Recalled { draws, first: Some(kept.model.clone()), explored: false });
    }
    let of_route = of_both().zip(&draws).filter(|((_, belief), _)| !belief.fallback_only);
    let value_usd = route.value_usd.as_usd_f64();
    let (names, prospects): (Vec<&str>, Vec<Prospect>) = of_route
        .map(|((candidate, _), draw)| (candidate.model.as_str(), prospect(candidate, *draw, value_usd)))
        .unzip();
    // Whatever the reason was, the draws were not asked.
    let refrain = learning.refrained.as_ref().map(|_| Refrain::Spent);
    let picked = pick(&prospects, learning.min_quality.unwrap_or(0.0), refrain);
    let first = picked.and_then(|Pick { index, .. }| names.get(index)).map(|name| (*name).to_owned());
    Some(Recalled { draws, first, explored: picked.is_some_and(|picked| picked.explored) })
}

impl Recalled {
    /// Whether the record says the same, to the last bit.
    #[must_use]
    pub fn agrees(&self, route: &Explanation) -> bool {
        route.learning.as_ref().is_some_and(|learning| {
            let recorded = learning.beliefs.iter().map(|belief| belief.draw.to_bits());
            recorded.eq(self.draws.iter().map(|draw| draw.to_bits())) && learning.explored == self.explored
        })
    }
}
