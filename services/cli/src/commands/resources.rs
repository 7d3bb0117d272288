//! `plan` and `apply`.

use crate::{
    Context,
    args::ResourceArgs,
    connection,
    domain::{
        diff::{self, Action, Change, Specs},
        environment::placeholders,
        references,
    },
    error::Error,
    files, output,
};
use neptune_bus::Bus;
use neptune_contracts::resource::Manifest;
use serde_json::Value;
use std::{collections::BTreeMap, path::PathBuf};

/// Shows what `apply` would do.
///
/// # Errors
/// Files have faults, or the broker does not answer.
pub async fn plan(context: &Context, args: &ResourceArgs) -> Result<(), Error> {
    let manifests = files::manifests(&args.files)?;
    let bus = connection::operator(&context.stack).await?;
    show(context, &compare(&bus, &manifests, args.prune).await?);
    Ok(())
}

/// Does it.
///
/// # Errors
/// Files have faults, or the broker does not store a resource.
pub async fn apply(context: &Context, args: &ResourceArgs) -> Result<(), Error> {
    let manifests = files::manifests(&args.files)?;
    let bus = connection::operator(&context.stack).await?;
    let changes = compare(&bus, &manifests, args.prune).await?;
    show(context, &changes);
    write(&bus, &manifests, &changes).await
}

/// Removes resources, after all of them were found and nothing that stays needs one of them.
///
/// # Errors
/// There is no such resource, it is a key, another one needs it, or the broker does not remove it.
pub async fn delete(context: &Context, keys: &[String]) -> Result<(), Error> {
    let bus = connection::operator(&context.stack).await?;
    let mut after = stored(&bus).await?;
    for key in keys {
        if key.starts_with("key/") {
            return Err(Error::Input(format!("{key} is an API key; use `neptune key disable`")));
        }
        if after.remove(key).is_none() {
            return Err(Error::NotFound(format!(
                "there is no {key}; give kind and name, as in route/replies (nothing was removed)"
            )));
        }
    }
    let missing = references::missing_helpers(&after).into_iter();
    let is_removed = |model: &str| keys.iter().any(|key| key.strip_prefix("model/") == Some(model));
    let refused: Vec<String> = missing.filter(|(_, model, _)| is_removed(model)).map(|(_, _, fault)| fault).collect();
    if !refused.is_empty() {
        return Err(Error::Resources(refused));
    }
    for warning in references::dangling(&after) {
        output::note(&format!("warning: {warning}"));
    }
    let changes: Vec<Change> = keys.iter().map(|key| Change { key: key.clone(), action: Action::Remove }).collect();
    write(&bus, &[], &changes).await?;
    show(context, &changes);
    Ok(())
}

/// Applies the default resources when none but keys are stored yet; a later layer overrides an
/// earlier one. Models whose credential or endpoint is not in this environment are left out: they
/// would only be tried in vain. Returns how many were applied.
///
/// # Errors
/// Files have faults, or the broker does not store a resource.
pub async fn apply_defaults(bus: &Bus, layers: &[PathBuf]) -> Result<Option<usize>, Error> {
    let stored = stored(bus).await?;
    if stored.keys().any(|key| !key.starts_with("key/")) {
        return Ok(None);
    }
    let mut declared: BTreeMap<String, Manifest> = BTreeMap::new();
    for layer in layers {
        if !layer.exists() {
            let path = layer.display();
            return Err(Error::Input(format!(
                "there are no resources at {path}; run from the project's folder, or give --resources"
            )));
        }
        let manifests = files::manifests(std::slice::from_ref(layer))?;
        declared.extend(manifests.into_iter().map(|manifest| (manifest.key(), manifest)));
    }
    let is_set = |variable: &str| std::env::var_os(variable).is_some_and(|value| !value.is_empty());
    let manifests: Vec<Manifest> =
        declared.into_values().filter(|manifest| is_usable(&manifest.spec, &is_set)).collect();
    let changes = diff::changes(&files::specs(&manifests), &stored, false);
    write(bus, &manifests, &changes).await?;
    Ok(Some(manifests.len()))
}

/// Whether every variable that a model's spec names is set; other resources always are.
fn is_usable(spec: &Value, is_set: &dyn Fn(&str) -> bool) -> bool {
    let text = |field: &str| spec.get(field).and_then(Value::as_str);
    // The simulator's address is given by `up` itself.
    let known = |variable: &str| variable == "NEPTUNE_SIMULATOR_URL" || is_set(variable);
    let headers = spec.get("headers").and_then(Value::as_object);
    let headers = headers.into_iter().flat_map(serde_json::Map::values).filter_map(Value::as_str);
    text("credentialEnv").is_none_or(known) && headers.chain(text("endpoint")).flat_map(placeholders).all(known)
}

pub(super) async fn stored(bus: &Bus) -> Result<Specs, Error> {
    bus.stored_resources()
        .await
        .map_err(|error| Error::step("read the stored resources; did `neptune migrate` run?", error))
}

async fn compare(bus: &Bus, manifests: &[Manifest], prune: bool) -> Result<Vec<Change>, Error> {
    let (declared, stored) = (files::specs(manifests), stored(bus).await?);
    let changes = diff::changes(&declared, &stored, prune);
    let rewritten = diff::rewritten_versions(&changes);
    if !rewritten.is_empty() {
        return Err(Error::Resources(rewritten));
    }
    let mut after = stored;
    after.extend(declared.clone());
    let is_removed = |key: &str| changes.iter().any(|change| change.key == key && change.action == Action::Remove);
    after.retain(|key, _| !is_removed(key));
    let missing = references::missing_helpers(&after).into_iter();
    // What was stored before and stays as it is does not hinder other changes.
    let missing = missing.filter(|(key, model, _)| declared.contains_key(key) || is_removed(&format!("model/{model}")));
    let unpaid = references::unpaid_schedules(&after).into_iter().filter(|(key, _)| declared.contains_key(key));
    let refused: Vec<String> = missing.map(|(_, _, fault)| fault).chain(unpaid.map(|(_, fault)| fault)).collect();
    if !refused.is_empty() {
        return Err(Error::Resources(refused));
    }
    for warning in references::dangling(&after) {
        output::note(&format!("warning: {warning}"));
    }
    for note in references::renamed(&declared, &after) {
        output::note(&format!("note: {note}"));
    }
    Ok(changes)
}

fn show(context: &Context, changes: &[Change]) {
    output::say_either(context.json, &changes, |changes| diff::render(changes));
}

/// Removals last: nothing is without its replacement in between.
async fn write(bus: &Bus, manifests: &[Manifest], changes: &[Change]) -> Result<(), Error> {
    let failed = |key: &str, error| Error::step(format!("apply {key}"), error);
    for change in changes.iter().filter(|change| matches!(change.action, Action::Create | Action::Change { .. })) {
        for manifest in manifests.iter().filter(|manifest| manifest.key() == change.key) {
            bus.put_resource(manifest).await.map_err(|error| failed(&change.key, error))?;
        }
    }
    for change in changes.iter().filter(|change| change.action == Action::Remove) {
        bus.delete_resource(&change.key).await.map_err(|error| failed(&change.key, error))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_models_that_can_be_called_are_defaults() {
        let is_set = |variable: &str| variable == "OPENAI_API_KEY";
        for (spec, usable) in [
            (json!({"endpoint": "https://api.openai.com/v1", "credentialEnv": "OPENAI_API_KEY"}), true),
            (json!({"endpoint": "https://x/v1", "credentialEnv": "OTHER_API_KEY"}), false),
            (json!({"endpoint": "${VLLM_BASE_URL}/v1"}), false),
            (json!({"endpoint": "${NEPTUNE_SIMULATOR_URL}/v1"}), true),
            (json!({"models": ["*"]}), true),
        ] {
            assert_eq!(is_usable(&spec, &is_set), usable, "{spec}");
        }
    }
}
