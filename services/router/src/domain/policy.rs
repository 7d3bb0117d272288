//! Which policy a task follows: a route, or a model it names itself.

use neptune_contracts::{
    PicoUsd,
    admission::Task,
    resource::{Objective, Resources, RouteSpec},
};

/// The routing policy of a task.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    /// Its name, for the explanation.
    pub name: String,
    /// Models to choose from; all when empty.
    pub candidates: Vec<String>,
    /// What a right answer is worth, in dollars.
    pub value_usd: f64,
    /// What a second of waiting costs, in dollars.
    pub second_usd: f64,
    /// Expected quality a model must have.
    pub min_quality: Option<f64>,
    /// The order to fall back in; by utility when empty.
    pub fallback: Vec<String>,
    /// Most attempts.
    pub max_attempts: usize,
}

/// There is no such route and no such model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unknown(pub String);

/// Attempts of built-in routes.
const MAX_ATTEMPTS: usize = 3;

/// The policy for a task: `constraints.route`, else `input.model` as a route or a model, else `auto`.
///
/// # Errors
/// The name is neither a route nor a model.
pub fn resolve(task: &Task, resources: &Resources) -> Result<Policy, Unknown> {
    let named = task.constraints.route.as_deref().or(task.input.model.as_deref()).unwrap_or("auto");
    let name = named.strip_prefix("neptune/").unwrap_or(named);
    if let Some(route) = resources.routes.get(name) {
        return Ok(of_route(name, route));
    }
    if let Some(objective) = built_in(name) {
        return Ok(of_objective(name, objective));
    }
    let model = pinned(named, resources).ok_or_else(|| Unknown(named.chars().take(128).collect()))?;
    Ok(Policy { candidates: vec![model.to_owned()], ..of_objective(&format!("model {model}"), Objective::Balanced) })
}

fn built_in(name: &str) -> Option<Objective> {
    match name {
        "auto" => Some(Objective::Balanced),
        "auto:cheap" => Some(Objective::Cheap),
        "auto:fast" => Some(Objective::Fast),
        "auto:best" => Some(Objective::Best),
        _ => None,
    }
}

/// A full model name, or one without its provider when only one model has it.
fn pinned<'r>(named: &str, resources: &'r Resources) -> Option<&'r str> {
    if let Some((name, _)) = resources.models.get_key_value(named) {
        return Some(name);
    }
    let mut bare = resources.models.keys().filter(|name| name.split_once('/').is_some_and(|(_, bare)| bare == named));
    let only = bare.next()?;
    bare.next().is_none().then_some(only)
}

fn of_objective(name: &str, objective: Objective) -> Policy {
    // What a right answer is worth and what a second of waiting costs put quality, price and time
    // into one currency. At a worth of 2 cents a model that is right 5 % more often may cost a
    // tenth of a cent more.
    let (value_usd, second_usd) = match objective {
        Objective::Balanced => (0.02, 0.000_2),
        Objective::Cheap => (0.001, 0.000_01),
        Objective::Fast => (0.01, 0.005),
        Objective::Best => (1.0, 0.000_1),
    };
    Policy { name: name.into(), candidates: Vec::new(), value_usd, second_usd, min_quality: None, fallback: Vec::new(), max_attempts: MAX_ATTEMPTS }
}

fn of_route(name: &str, route: &RouteSpec) -> Policy {
    let base = of_objective(name, route.objective);
    Policy {
        candidates: route.candidates.clone(),
        value_usd: route.value_usd.map_or(base.value_usd, PicoUsd::as_usd_f64),
        min_quality: route.min_quality,
        fallback: route.fallback.clone(),
        max_attempts: route.max_attempts as usize,
        ..base
    }
}
