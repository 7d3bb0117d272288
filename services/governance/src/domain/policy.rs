//! The resources in force, sorted by team once a change instead of once a task.

use super::budget::Budget;
use neptune_contracts::{
    PicoUsd,
    admission::{Exclusion, NO_GRANT, Task},
    names::{Channel, DataClass, Team, Zone},
    resource::{KeySpec, ModelSpec, PriceSpec, Resources, TeamSpec},
};
use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

/// What is allowed, by team.
#[derive(Debug, Default)]
pub struct Policy {
    /// Which resources it follows from.
    pub version: String,
    resources: Arc<Resources>,
    teams: HashMap<String, TeamPolicy>,
}

/// What is allowed to one team.
#[derive(Debug)]
pub struct TeamPolicy {
    /// How sensitive its data is at least.
    pub class: DataClass,
    /// The most one task may cost.
    pub max_cost_usd: Option<PicoUsd>,
    /// Zones its work may reach.
    pub zones: Vec<Zone>,
    /// Channels it may deliver over.
    pub channels: Vec<Channel>,
    /// Models that may see its tasks, by name.
    pub models: Vec<AllowedModel>,
    /// Models that may not, and why, by name.
    pub excluded: Vec<Exclusion>,
    /// Budgets its tasks are counted against.
    pub budgets: Vec<Budget>,
}

/// A model that may see a team's tasks.
#[derive(Clone, Debug)]
pub struct AllowedModel {
    /// Its name.
    pub name: String,
    /// Where it runs.
    pub zone: Zone,
    /// What it costs.
    pub price: PriceSpec,
    /// Most output tokens of one answer.
    pub max_output_tokens: u64,
    /// Gives vectors of texts, and answers nothing.
    pub embeddings: bool,
}

impl Policy {
    /// The policy that follows from `resources`.
    #[must_use]
    pub fn of(resources: Arc<Resources>) -> Self {
        let teams = resources.teams.iter().map(|(name, team)| (name.clone(), TeamPolicy::of(name, team, &resources)));
        Self { version: format!("r{}", resources.revision), teams: teams.collect(), resources }
    }

    /// What is allowed to `team`; nothing when there is no such team.
    #[must_use]
    pub fn team(&self, team: &Team) -> Option<&TeamPolicy> {
        self.teams.get(team.as_str())
    }

    /// The resources it follows from.
    #[must_use]
    pub fn resources(&self) -> &Resources {
        &self.resources
    }

    /// The key with the given id.
    #[must_use]
    pub fn key(&self, id: &str) -> Option<&KeySpec> {
        self.resources.keys.get(id)
    }

    /// The models a task names itself, by `constraints.models` and by a model in place of a route;
    /// nothing when it leaves the choice open. A name without its provider means every model that
    /// has it.
    #[must_use]
    pub fn requested(&self, task: &Task) -> Option<HashSet<&str>> {
        let listed = &task.constraints.models;
        let listed = (!listed.is_empty()).then(|| self.named(listed.iter().map(String::as_str)));
        match (listed, self.pinned(task)) {
            (Some(listed), Some(pinned)) => Some(listed.intersection(&pinned).copied().collect()),
            (listed, pinned) => listed.or(pinned),
        }
    }

    /// The model a task asks for where a route may stand. What is neither route nor model is left
    /// to the router, which knows all routes.
    fn pinned(&self, task: &Task) -> Option<HashSet<&str>> {
        let name = task.constraints.route.as_deref().or(task.input.model.as_deref())?;
        let is_route = self.resources.routes.contains_key(name.strip_prefix("neptune/").unwrap_or(name));
        let named = self.named(std::iter::once(name));
        (!is_route && !named.is_empty()).then_some(named)
    }

    fn named<'t>(&self, wanted: impl Iterator<Item = &'t str>) -> HashSet<&str> {
        let wanted: HashSet<&str> = wanted.collect();
        let bare = |name: &str| name.split_once('/').is_some_and(|(_, bare)| wanted.contains(bare));
        let names = self.resources.models.keys().map(String::as_str);
        names.filter(|name| wanted.contains(name) || bare(name)).collect()
    }
}

impl TeamPolicy {
    fn of(name: &str, team: &TeamSpec, resources: &Resources) -> Self {
        let (mut models, mut excluded) = (Vec::new(), Vec::new());
        for (model, spec) in &resources.models {
            match why_not(model, spec, name, team) {
                None => models.push(AllowedModel {
                    name: model.clone(),
                    zone: spec.zone,
                    price: spec.price,
                    max_output_tokens: spec.capabilities.max_output_tokens,
                    embeddings: spec.capabilities.embeddings,
                }),
                Some((code, reason)) => excluded.push(Exclusion { model: model.clone(), code: code.into(), reason }),
            }
        }
        let counted = resources
            .budgets
            .iter()
            .filter(|(_, budget)| budget.team.as_ref().is_none_or(|owner| owner.as_str() == name));
        Self {
            class: team.class,
            max_cost_usd: team.max_cost_usd,
            zones: team.zones.clone(),
            channels: team.channels.clone(),
            models,
            excluded,
            budgets: counted.map(|(name, spec)| Budget::of(name, spec)).collect(),
        }
    }
}

fn why_not(model: &str, spec: &ModelSpec, name: &str, team: &TeamSpec) -> Option<(&'static str, String)> {
    if !team.models.iter().any(|grant| covers(grant, model)) {
        Some((NO_GRANT, format!("team {name} is not granted it")))
    } else if !team.zones.contains(&spec.zone) {
        Some(("zone", format!("team {name} may not reach zone {}", spec.zone)))
    } else if spec.disabled {
        Some(("disabled", "it is disabled".into()))
    } else {
        None
    }
}

/// A grant is a name, or a prefix that ends in `*`.
fn covers(grant: &str, model: &str) -> bool {
    grant.strip_suffix('*').map_or(grant == model, |prefix| model.starts_with(prefix))
}
