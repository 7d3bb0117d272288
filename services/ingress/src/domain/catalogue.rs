//! What a team may name as a model.

use neptune_contracts::{
    names::BUILT_IN_ROUTES,
    resource::{ModelSpec, Resources, TeamSpec},
};
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeSet;

/// A list in OpenAI's shape.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ModelList {
    /// `list`.
    pub object: &'static str,
    /// The models and routes.
    pub data: Vec<ModelEntry>,
}

/// A model or route.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ModelEntry {
    /// What to send as `model`.
    pub id: String,
    /// `model`.
    pub object: &'static str,
    /// 0: Neptune does not know when a provider made its model.
    pub created: u64,
    /// The provider prefix of the name, or `neptune` for routes.
    pub owned_by: String,
}

/// The routes, and the models that are granted to the team, switched on, and in a zone its work may
/// reach. A team that is not declared has neither.
#[must_use]
pub fn list(resources: &Resources, team: &str) -> ModelList {
    let data = resources.teams.get(team).map(|team| entries(resources, team)).unwrap_or_default();
    ModelList { object: "list", data }
}

/// The entry of one model or route; nothing when the team may not name it.
#[must_use]
pub fn find(resources: &Resources, team: &str, id: &str) -> Option<ModelEntry> {
    list(resources, team).data.into_iter().find(|entry| entry.id == id)
}

/// Each name once: a name that a route and a model share means the route.
fn entries(resources: &Resources, team: &TeamSpec) -> Vec<ModelEntry> {
    let entry =
        |id: &str, owner: &str| ModelEntry { id: id.into(), object: "model", created: 0, owned_by: owner.into() };
    let named = resources.routes.keys().map(String::as_str).filter(|name| !BUILT_IN_ROUTES.contains(name));
    let routes = BUILT_IN_ROUTES.into_iter().chain(named).map(|name| entry(name, "neptune"));
    let models = resources.models.iter().filter(|(name, model)| may_use(team, name, model));
    let models = models.map(|(name, _)| entry(name, name.split_once('/').map_or("neptune", |(owner, _)| owner)));
    let mut seen = BTreeSet::new();
    routes.chain(models).filter(|entry| seen.insert(entry.id.clone())).collect()
}

fn may_use(team: &TeamSpec, name: &str, model: &ModelSpec) -> bool {
    let covers = |grant: &String| grant.strip_suffix('*').map_or(grant == name, |prefix| name.starts_with(prefix));
    !model.disabled && team.zones.contains(&model.zone) && team.models.iter().any(covers)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::json;

    fn names(team: serde_json::Value) -> Vec<String> {
        let mut resources = Resources::default();
        let price = json!({"inputUsdPerMtok": "1", "outputUsdPerMtok": "2"});
        let model = |zone: &str, disabled: bool| json!({"provider": "openai", "endpoint": "http://x", "price": price, "zone": zone, "disabled": disabled});
        for (name, spec) in [
            ("openai/gpt-4.1", model("external", false)),
            ("openai/old", model("external", true)),
            ("meta/llama", model("onprem", false)),
        ] {
            resources.insert("Model", name, spec).unwrap();
        }
        resources.insert("Route", "triage", json!({})).unwrap();
        resources.insert("Route", "auto", json!({})).unwrap();
        resources.insert("Team", "support", team).unwrap();
        let models =
            list(&resources, "support").data.into_iter().map(|entry| format!("{} of {}", entry.id, entry.owned_by));
        assert!(list(&resources, "sales").data.is_empty(), "an undeclared team has nothing");
        models.filter(|name| !name.starts_with("auto")).collect()
    }

    #[test]
    fn a_team_sees_what_it_may_use() {
        assert_eq!(names(json!({})), ["triage of neptune"]);
        assert_eq!(names(json!({"models": ["openai/*"]})), ["triage of neptune", "openai/gpt-4.1 of openai"]);
        assert_eq!(names(json!({"models": ["*"], "zones": ["onprem"]})), ["triage of neptune", "meta/llama of meta"]);
        let both = ["triage of neptune", "meta/llama of meta", "openai/gpt-4.1 of openai"];
        assert_eq!(names(json!({"models": ["meta/llama", "openai/gpt-4.1"]})), both);
    }

    #[test]
    fn a_name_that_a_route_and_a_model_share_is_there_once() {
        let mut resources = Resources::default();
        let price = json!({"inputUsdPerMtok": "1", "outputUsdPerMtok": "2"});
        let model = json!({"provider": "openai", "endpoint": "http://x", "price": price});
        resources.insert("Model", "llama", model).unwrap();
        resources.insert("Route", "llama", json!({})).unwrap();
        resources.insert("Team", "support", json!({"models": ["*"]})).unwrap();
        let names = list(&resources, "support").data.into_iter().map(|entry| entry.id);
        assert_eq!(names.filter(|name| name == "llama").count(), 1);
        assert_eq!(find(&resources, "support", "llama").unwrap().owned_by, "neptune");
        assert!(find(&resources, "sales", "llama").is_none(), "an undeclared team has nothing");
    }
}
