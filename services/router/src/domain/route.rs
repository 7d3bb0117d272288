//! Which routing policy a task follows.

use super::{session::lot, split::part};
use neptune_contracts::{
    admission::Task,
    names::Lane,
    resource::{Objective, Resources, RouteSpec, ShadowSpec, StrategySpec},
};

/// Attempts of a plan when no route says otherwise.
const DEFAULT_ATTEMPTS: usize = 3;
/// Prefix that clients put before a route where a provider is expected.
const OWN_PREFIX: &str = "neptune/";

/// What quality, money and time are worth to each other, in US dollars.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Weights {
    /// What a right answer is worth.
    pub value_usd: f64,
    /// What a second of waiting costs.
    pub usd_per_second: f64,
}

/// What a task's models are chosen by.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy<'a> {
    /// Name of the route, or of the model that was asked for.
    pub name: &'a str,
    /// The caller asked for a model: these are the deployments of that name, and no others are tried.
    pub pinned: Vec<&'a str>,
    /// The part of the route's traffic that the task belongs to.
    pub part: Option<&'a str>,
    /// Models to choose from, names or prefixes ending in `*`; all when empty.
    pub candidates: &'a [String],
    /// The order to fall back in; by utility when empty.
    pub fallback: &'a [String],
    /// The currency.
    pub weights: Weights,
    /// Expected quality a model must have, by the route.
    pub min_quality: Option<f64>,
    /// Most attempts.
    pub max_attempts: usize,
    /// The route as declared, for how its models are combined.
    pub spec: Option<&'a RouteSpec>,
    /// Which models do copies of the route's tasks.
    pub shadow: Option<&'a ShadowSpec>,
}

impl Policy<'_> {
    /// How the models are to be combined.
    #[must_use]
    pub fn strategy(&self) -> StrategySpec {
        self.spec.map(|spec| spec.strategy).unwrap_or_default()
    }
}

/// Why there is no policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unknown {
    /// `constraints.route` names no route.
    Route(String),
    /// `input.model` names neither a route nor a model.
    Model(String),
}

/// The policy of `task`: `constraints.route`, else what `input.model` names, else `auto`.
///
/// # Errors
/// The name that is not known.
pub fn resolve<'a>(task: &'a Task, resources: &'a Resources) -> Result<Policy<'a>, Unknown> {
    let lane = task.constraints.lane;
    if let Some(name) = &task.constraints.route {
        return route(name, resources, task).ok_or_else(|| Unknown::Route(name.clone()));
    }
    let Some(name) = task.input.model.as_deref().filter(|name| !name.is_empty()) else {
        return Ok(route("auto", resources, task).unwrap_or_else(|| built_in("auto", Objective::Balanced, lane)));
    };
    if let Some(policy) = route(name, resources, task) {
        return Ok(policy);
    }
    let pinned = deployments(name, resources);
    if pinned.is_empty() {
        return Err(Unknown::Model(name.to_owned()));
    }
    Ok(Policy { pinned, ..built_in(name, Objective::Balanced, lane) })
}

fn route<'a>(name: &'a str, resources: &'a Resources, task: &Task) -> Option<Policy<'a>> {
    let name = name.strip_prefix(OWN_PREFIX).unwrap_or(name);
    // A declared route wins, so that an operator can give `auto` another meaning.
    if let Some(spec) = resources.routes.get(name) {
        return Some(declared(name, spec, task));
    }
    let objective = match name {
        "auto" => Objective::Balanced,
        "auto:cheap" => Objective::Cheap,
        "auto:fast" => Objective::Fast,
        "auto:best" => Objective::Best,
        _ => return None,
    };
    Some(built_in(name, objective, task.constraints.lane))
}

fn built_in(name: &str, objective: Objective, lane: Lane) -> Policy<'_> {
    Policy {
        name,
        pinned: Vec::new(),
        part: None,
        candidates: &[],
        fallback: &[],
        weights: weights(objective, lane),
        min_quality: None,
        max_attempts: DEFAULT_ATTEMPTS,
        spec: None,
        shadow: None,
    }
}

fn declared<'a>(name: &'a str, spec: &'a RouteSpec, task: &Task) -> Policy<'a> {
    let lane = task.constraints.lane;
    let weights = weights(spec.objective, lane);
    let value_usd = spec.value_usd.map_or(weights.value_usd, |value| value.as_usd_f64());
    let part = part(&spec.split, lot(task));
    // The other parts' models are there when those of the task's own are not.
    let is_split = part.is_some() && spec.fallback.is_empty();
    Policy {
        part: part.map(|part| part.name.as_str()),
        candidates: part.map_or(&spec.candidates, |part| &part.models),
        fallback: if is_split { &spec.candidates } else { &spec.fallback },
        weights: Weights { value_usd, ..weights },
        min_quality: spec.min_quality,
        max_attempts: spec.max_attempts.clamp(1, 8) as usize,
        spec: Some(spec),
        shadow: spec.shadow.as_ref(),
        ..built_in(name, spec.objective, lane)
    }
}

/// The exact model, or every deployment of a model named without its provider.
fn deployments<'a>(name: &str, resources: &'a Resources) -> Vec<&'a str> {
    if let Some((exact, _)) = resources.models.get_key_value(name) {
        return vec![exact];
    }
    resources.models.keys().map(String::as_str).filter(|known| is_bare_name(name, known)).collect()
}

/// Whether `wanted` is `name` without its provider.
#[must_use]
pub fn is_bare_name(wanted: &str, name: &str) -> bool {
    name.split_once('/').is_some_and(|(_, bare)| bare == wanted)
}

/// Nobody waits for batch work, so its waiting costs nothing.
fn weights(objective: Objective, lane: Lane) -> Weights {
    let (value_usd, usd_per_second) = match objective {
        Objective::Balanced => (0.02, 0.0005),
        Objective::Cheap => (0.002, 0.000_02),
        Objective::Fast => (0.02, 0.01),
        Objective::Best => (1.0, 0.0005),
    };
    Weights { value_usd, usd_per_second: if lane == Lane::Batch { 0.0 } else { usd_per_second } }
}
