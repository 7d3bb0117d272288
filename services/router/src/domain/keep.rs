//! Whether a task stays with the model of its session.
//!
//! Models that are worth about the same change places whenever a statistic moves. A conversation that
//! followed would have its prompt read anew, at the full price, and would be answered in another voice.
//! So it stays until another model is worth more than a change costs, and nothing is tried on it.

use super::{
    filter::{Eligible, Request, Snapshot},
    route::Weights,
};
use neptune_contracts::plan::{Candidate, Kept};

/// Providers keep a prompt that nobody reads again for so long.
const PROMPT_KEPT_MS: u64 = 300_000;
/// Another voice, as a share of a right answer's value.
const OTHER_VOICE: f64 = 0.02;

/// The model that a session's last task went to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held<'a> {
    /// The model.
    pub model: &'a str,
    /// How long ago, in milliseconds.
    pub ago_ms: u64,
}

/// The model of the session and its place among the `ranked`; nothing when the task is of no session
/// that is known, when its model is not a candidate any more, or when another one is worth more than a
/// change costs. `candidates` are the records of `ranked`.
#[must_use]
pub fn keep(
    request: &Request<'_>,
    (ranked, candidates): (&[Eligible<'_>], &[Candidate]),
    weights: &Weights,
    snapshot: &Snapshot<'_>,
) -> Option<(usize, Kept)> {
    let held = snapshot.outlook.held?;
    let of_route = || ranked.iter().zip(candidates).enumerate().filter(|(_, (option, _))| !option.fallback_only);
    let (_, (_, best)) = of_route().next()?;
    let (index, (own, worth)) = of_route().find(|(_, (option, _))| option.name == held.model)?;
    let behind_usd = best.utility_usd - worth.utility_usd;
    let change_usd = OTHER_VOICE * weights.value_usd + saved_usd(own, request, held, snapshot);
    let kept = Kept {
        model: held.model.to_owned(),
        ago_ms: held.ago_ms,
        behind_usd: rounded(behind_usd),
        change_usd: rounded(change_usd),
    };
    (behind_usd <= change_usd).then_some((index, kept))
}

/// What the provider's cache saves that is not expected anyway: it has the conversation so far.
fn saved_usd(own: &Eligible<'_>, request: &Request<'_>, held: Held<'_>, snapshot: &Snapshot<'_>) -> f64 {
    let price = own.model.price.at(request.work.input_tokens);
    let Some(cached) = price.cached_input_usd_per_mtok.filter(|_| held.ago_ms <= PROMPT_KEPT_MS) else { return 0.0 };
    let measured = snapshot.statistics.models.get(own.name);
    let answers = measured.and_then(|measured| measured.by_type.get(&request.work.task_type));
    let expected_share = answers.map_or(0.0, |answers| answers.spread.expected_cached_share());
    #[expect(clippy::cast_precision_loss, reason = "an estimate needs no more than 15 digits")]
    let million_tokens = request.work.input_tokens as f64 / 1e6;
    let cheaper = (price.input_usd_per_mtok.as_usd_f64() - cached.as_usd_f64()).max(0.0);
    million_tokens * cheaper * (1.0 - expected_share)
}

fn rounded(value: f64) -> f64 {
    (value * 1e9).round() / 1e9
}
