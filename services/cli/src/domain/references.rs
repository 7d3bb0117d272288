//! References between resources that lead nowhere, and names that mean something else already. Most
//! are warnings: the other end may be applied later, and another meaning may be meant. A model that a
//! route has work done by unseen must exist, because nobody would see that it does not.

use super::diff::Specs;
use neptune_contracts::names::BUILT_IN_ROUTES;
use serde_json::Value;

/// Everything that names a team or a model that does not exist among `specs`.
#[must_use]
pub fn dangling(specs: &Specs) -> Vec<String> {
    let mut warnings = Vec::new();
    for (key, spec) in specs {
        let kind = key.split('/').next().unwrap_or_default();
        let fields: &[(&str, &str)] = match kind {
            "team" => &[("models", "model")],
            "route" => &[("candidates", "model"), ("fallback", "model")],
            "budget" | "key" => &[("team", "team")],
            _ => &[],
        };
        for (field, wanted) in fields {
            let missing = texts(spec.get(*field)).filter(|name| !exists(specs, wanted, name));
            warnings.extend(
                missing.map(|name| format!("{key}: {field} names the {wanted} {name:?}, which exists nowhere")),
            );
        }
    }
    warnings
}

/// The models by which a route in `specs` has copies made or answers judged and that do not exist there:
/// the route's key, the model and the fault. They are refused.
#[must_use]
pub fn missing_helpers(specs: &Specs) -> Vec<(String, String, String)> {
    let mut missing = Vec::new();
    for (key, spec) in specs.iter().filter(|(key, _)| key.starts_with("route/")) {
        for (field, pointer) in [
            ("shadow.models", "/shadow/models"),
            ("judge.model", "/judge/model"),
            ("ensemble.judge", "/ensemble/judge"),
        ] {
            for model in texts(spec.pointer(pointer)).filter(|name| !exists(specs, "model", name)) {
                let remedy = "correct the name, or apply the model before or together with the route";
                let text = format!("{key}: {field} names the model {model:?}, which does not exist; {remedy}");
                missing.push((key.clone(), model.to_owned(), text));
            }
        }
    }
    missing
}

/// Workflows in `specs` that start by themselves and say no team, or one that does not exist there: the key and the
/// fault. They are refused, because nobody's budgets would pay.
#[must_use]
pub fn unpaid_schedules(specs: &Specs) -> Vec<(String, String)> {
    let mut faults = Vec::new();
    for (key, spec) in specs.iter().filter(|(key, _)| key.starts_with("workflow/")) {
        if spec.pointer("/document/schedule").is_none() {
            continue;
        }
        let place = "document.metadata.neptune.team";
        match spec.pointer("/document/document/metadata/neptune/team").and_then(Value::as_str) {
            None => {
                let remedy = "say whose budgets pay for the runs that it starts";
                faults.push((key.clone(), format!("{key}: it has a schedule and no {place}; {remedy}")));
            }
            Some(team) if !specs.contains_key(&format!("team/{team}")) => {
                let remedy = "correct the name, or apply the team before or together with it";
                faults.push((key.clone(), format!("{key}: {place} names {team:?}, which does not exist; {remedy}")));
            }
            Some(_) => {}
        }
    }
    faults
}

/// The routes among `declared` whose name means something else already, with `specs` in force.
#[must_use]
pub fn renamed(declared: &Specs, specs: &Specs) -> Vec<String> {
    let routes = declared.keys().filter_map(|key| key.strip_prefix("route/"));
    let note = |name: &str| {
        if BUILT_IN_ROUTES.contains(&name) {
            Some(format!("route/{name}: gives the built-in route {name} another meaning, for every team"))
        } else if specs.contains_key(&format!("model/{name}")) {
            Some(format!("route/{name}: hides the model {name}, because a route's name goes before a model's"))
        } else {
            None
        }
    };
    routes.filter_map(note).collect()
}

fn texts(value: Option<&Value>) -> impl Iterator<Item = &str> {
    let (one, many) = match value {
        Some(Value::String(text)) => (Some(text.as_str()), [].as_slice()),
        Some(Value::Array(items)) => (None, items.as_slice()),
        _ => (None, [].as_slice()),
    };
    one.into_iter().chain(many.iter().filter_map(Value::as_str))
}

/// A name ending in `*` stands for every name with that beginning; `*` alone needs none.
fn exists(specs: &Specs, kind: &str, name: &str) -> bool {
    match name.strip_suffix('*') {
        Some("") => true,
        Some(prefix) => specs.keys().any(|key| key.starts_with(&format!("{kind}/{prefix}"))),
        None => specs.contains_key(&format!("{kind}/{name}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_schedule_says_who_pays() {
        let workflow = |neptune: Value, schedule: Value| json!({"document": {"document": {"metadata": {"neptune": neptune}}, "schedule": schedule}});
        let every = json!({"every": "PT1H"});
        let specs: Specs = [
            ("team/support".to_owned(), json!({})),
            ("workflow/a/paid:1.0.0".to_owned(), workflow(json!({"team": "support"}), every.clone())),
            ("workflow/a/unpaid:1.0.0".to_owned(), workflow(json!({}), every.clone())),
            ("workflow/a/unknown:1.0.0".to_owned(), workflow(json!({"team": "sales"}), every)),
            ("workflow/a/asked:1.0.0".to_owned(), json!({"document": {"document": {}}})),
        ]
        .into();
        let faults: Vec<String> = unpaid_schedules(&specs).into_iter().map(|(key, _)| key).collect();
        assert_eq!(faults, ["workflow/a/unknown:1.0.0", "workflow/a/unpaid:1.0.0"]);
    }

    #[test]
    fn references_that_lead_nowhere_are_named() {
        let specs: Specs = [
            ("model/openai/gpt-4.1", json!({})),
            ("team/support", json!({"models": ["openai/*", "mistral/*", "openai/gpt-5", "*"]})),
            ("route/x", json!({"candidates": ["openai/gpt-4.1"], "fallback": ["gone"]})),
            ("budget/month", json!({"team": "sales"})),
            ("budget/all", json!({"limitUsd": "1"})),
        ]
        .map(|(key, spec)| (key.to_owned(), spec))
        .into();
        let expected = [
            "budget/month: team names the team \"sales\", which exists nowhere",
            "route/x: fallback names the model \"gone\", which exists nowhere",
            "team/support: models names the model \"mistral/*\", which exists nowhere",
            "team/support: models names the model \"openai/gpt-5\", which exists nowhere",
        ];
        assert_eq!(dangling(&specs), expected);
    }

    #[test]
    fn models_that_work_unseen_must_exist() {
        let specs: Specs = [
            ("model/a/b", json!({})),
            ("route/good", json!({"shadow": {"models": ["a/b"]}, "judge": {"model": "a/b"}})),
            ("route/x", json!({"shadow": {"models": ["a/b", "a/gone"]}, "judge": {"model": "a/judge"}})),
            ("route/y", json!({"ensemble": {"combine": "judge", "judge": "a/other"}})),
        ]
        .map(|(key, spec)| (key.to_owned(), spec))
        .into();
        let found = missing_helpers(&specs);
        let found: Vec<(&str, &str)> = found.iter().map(|(key, model, _)| (key.as_str(), model.as_str())).collect();
        assert_eq!(found, [("route/x", "a/gone"), ("route/x", "a/judge"), ("route/y", "a/other")]);
        assert!(missing_helpers(&specs)[1].2.contains("judge.model names the model \"a/judge\""));
    }

    #[test]
    fn routes_with_a_name_that_is_taken_are_named() {
        let specs = |keys: &[&str]| -> Specs { keys.iter().map(|key| ((*key).to_owned(), json!({}))).collect() };
        let declared = specs(&["route/auto", "route/llama", "route/triage", "team/auto"]);
        let stored = specs(&["model/llama", "route/auto:cheap"]);
        let expected = [
            "route/auto: gives the built-in route auto another meaning, for every team",
            "route/llama: hides the model llama, because a route's name goes before a model's",
        ];
        assert_eq!(renamed(&declared, &stored), expected);
    }
}
