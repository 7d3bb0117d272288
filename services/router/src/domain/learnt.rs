//! What learning adds to a decision: the draws, whether they decide, and the record of both.

use super::{
    choose::utility,
    draw::Draws,
    explain::Choice,
    explore::{Pick, Prospect, Refrain, pick},
    filter::{Eligible, Request, Snapshot},
    recall::prospect,
    route::Weights,
    session::{lot, session},
};
use neptune_contracts::{
    names::DataClass,
    plan::{Belief, Candidate, EvidenceLevel, Learning},
};

/// Version of the rules by which models are chosen. With the revision of the resources it seeds the
/// draws, so that other rules draw otherwise.
pub const POLICY_VERSION: u32 = 1;
/// The label by which a caller says that a task is not for experiments, and its value.
const PRIORITY_LABEL: (&str, &str) = ("priority", "critical");

/// The draws of a decision.
#[derive(Clone, Debug, PartialEq)]
pub struct Drawn {
    policy: String,
    /// In the order of the models.
    qualities: Vec<f64>,
    refrain: Option<Refrain>,
    rebuilding: bool,
}

impl Drawn {
    /// Draws a quality for each of `ranked`.
    #[must_use]
    pub fn of(request: &Request<'_>, ranked: &[Eligible<'_>], snapshot: &Snapshot<'_>) -> Self {
        let policy = format!("{POLICY_VERSION}.{}", snapshot.resources.revision);
        let draws = Draws::new(lot(request.task), &policy);
        let draw = |option: &Eligible<'_>| draws.quality(option.name, option.quality.mean, option.quality.mass);
        let qualities = ranked.iter().map(draw).collect();
        let rebuilding = snapshot.outlook.rebuilding;
        Self { policy, qualities, refrain: refrain(request, ranked, snapshot), rebuilding }
    }

    /// Which of `ranked` is the first to be tried; nothing when all are only to fall back on.
    /// `candidates` are their records.
    #[must_use]
    pub fn pick(
        &self,
        (ranked, candidates): (&[Eligible<'_>], &[Candidate]),
        value_usd: f64,
        min_quality: f64,
    ) -> Option<Pick> {
        let drawn = candidates.iter().zip(&self.qualities).map(|(record, draw)| prospect(record, *draw, value_usd));
        let of_route = ranked.iter().zip(drawn).enumerate().filter(|(_, (option, _))| !option.fallback_only);
        let (places, prospects): (Vec<usize>, Vec<Prospect>) =
            of_route.map(|(at, (_, prospect))| (at, prospect)).unzip();
        let picked = pick(&prospects, min_quality, self.refrain)?;
        Some(Pick { index: *places.get(picked.index)?, ..picked })
    }

    /// The same for a task that stays with the model of its session, which no draw is asked about.
    #[must_use]
    pub fn for_session(self) -> Self {
        Self { refrain: self.refrain.or(Some(Refrain::Session)), ..self }
    }

    /// Whether the draws are asked at all.
    #[must_use]
    pub fn is_asked(&self) -> bool {
        self.refrain.is_none()
    }

    /// What is kept of it.
    #[must_use]
    pub fn record(&self, request: &Request<'_>, choice: &Choice<'_>) -> Learning {
        let level = |((_, key), observations): (&(_, String), &f64)| EvidenceLevel {
            key: key.clone(),
            observations: rounded(*observations),
        };
        let belief = |(option, draw): (&Eligible<'_>, &f64)| {
            let (mean, deviation) = (option.quality.mean, option.quality.deviation());
            Belief {
                model: option.name.to_owned(),
                quality_low: rounded((mean - deviation).max(0.0)),
                quality_high: rounded((mean + deviation).min(1.0)),
                draw: *draw,
                mass: Some(option.quality.mass),
                words: (option.words != 0.0).then(|| rounded(option.words)),
                fallback_only: option.fallback_only,
            }
        };
        let rivals: Vec<&Eligible<'_>> = choice.ranked.iter().filter(|option| !option.fallback_only).take(2).collect();
        let mut learning = Learning {
            policy: self.policy.clone(),
            session_lot: session(request.task).map(|_| format!("{:032x}", lot(request.task))),
            levels: request.context.keys().iter().zip(&choice.first.observations).map(level).collect(),
            beliefs: choice.ranked.iter().zip(&self.qualities).map(belief).collect(),
            explored: choice.explored,
            rebuilding: self.rebuilding,
            refrained: self.refrain.map(|refrain| refrain.as_str().to_owned()),
            min_quality: (choice.min_quality > 0.0).then_some(choice.min_quality),
            kept: choice.kept.cloned(),
            ..Learning::default()
        };
        if let [best, next] = rivals.as_slice() {
            let margin_usd = margin_usd(best, next, &choice.policy.weights);
            learning.margin_usd = Some(rounded(margin_usd));
            learning.would_change = would_change(best, next, &choice.policy.weights);
        }
        learning
    }
}

fn refrain(request: &Request<'_>, ranked: &[Eligible<'_>], snapshot: &Snapshot<'_>) -> Option<Refrain> {
    let (label, critical) = PRIORITY_LABEL;
    let is_sensitive = request.admission.class >= DataClass::Confidential || !request.admission.findings.is_empty();
    let is_critical = request.task.metadata.get(label).and_then(|value| value.as_str()) == Some(critical);
    let is_heard = ranked.iter().any(|option| option.observations.iter().any(|count| *count > 0.0));
    if is_sensitive {
        Some(Refrain::Sensitive)
    } else if is_critical {
        Some(Refrain::Critical)
    } else if !is_heard {
        Some(Refrain::NoFeedback)
    } else {
        (!snapshot.may_explore).then_some(Refrain::Spent)
    }
}

fn margin_usd(best: &Eligible<'_>, next: &Eligible<'_>, weights: &Weights) -> f64 {
    let worth = |option: &Eligible<'_>| utility(&option.estimate, option.estimate.success, weights);
    worth(best) - worth(next)
}

/// What would make `next` worth as much as `best`, one change each, from equal utilities.
fn would_change(best: &Eligible<'_>, next: &Eligible<'_>, weights: &Weights) -> Vec<String> {
    let margin = margin_usd(best, next, weights);
    let right = |option: &Eligible<'_>| option.estimate.success * option.estimate.quality;
    let (gained, other) = (right(next) - right(best), next.name);
    let mut changes = Vec::new();
    // Everything but the value of a right answer, per right answer that the other one gives more.
    let value_usd = weights.value_usd + margin / gained;
    if gained > 0.0 && value_usd.is_finite() {
        changes.push(format!("a right answer worth more than ${value_usd:.4} -> {other}"));
    } else if gained < 0.0 && value_usd > 0.0 {
        changes.push(format!("a right answer worth less than ${value_usd:.4} -> {other}"));
    }
    let (name, success) = (best.name, best.estimate.success);
    let quality = best.estimate.quality - margin / (weights.value_usd * success);
    if quality > 0.0 {
        changes.push(format!("quality of {name} below {quality:.3} -> {other}"));
    }
    let cost_usd = best.estimate.cost.as_usd_f64() + margin * success;
    changes.push(format!("cost of {name} above ${cost_usd:.6} -> {other}"));
    changes
}

/// To a millionth: more digits would only make records longer.
fn rounded(value: f64) -> f64 {
    (value * 1e6).round() / 1e6
}
