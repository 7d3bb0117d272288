//! `plan` and `apply`.

use crate::{
    Context,
    args::ResourceArgs,
    connection,
    domain::{
        diff::{self, Action, Change, Specs},
        references,
    },
    error::Error,
    files, output,
};
use neptune_bus::Bus;
use neptune_contracts::resource::Manifest;

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

/// Applies the default resources when none but keys are stored yet. Returns how many there are.
///
/// # Errors
/// Files have faults, or the broker does not store a resource.
pub async fn apply_defaults(bus: &Bus, args: &ResourceArgs) -> Result<Option<usize>, Error> {
    let stored = stored(bus).await?;
    if stored.keys().any(|key| !key.starts_with("key/")) {
        return Ok(None);
    }
    let missing: Vec<String> =
        args.files.iter().filter(|path| !path.exists()).map(|path| path.display().to_string()).collect();
    if !missing.is_empty() {
        return Err(Error::Input(format!(
            "there are no resources at {}; run from the project's folder, or give --resources",
            missing.join(", ")
        )));
    }
    let manifests = files::manifests(&args.files)?;
    let changes = diff::changes(&files::specs(&manifests), &stored, false);
    write(bus, &manifests, &changes).await?;
    Ok(Some(manifests.len()))
}

async fn stored(bus: &Bus) -> Result<Specs, Error> {
    bus.stored_resources()
        .await
        .map_err(|error| Error::step("read the stored resources; did `neptune migrate` run?", error))
}

async fn compare(bus: &Bus, manifests: &[Manifest], prune: bool) -> Result<Vec<Change>, Error> {
    let (declared, stored) = (files::specs(manifests), stored(bus).await?);
    let changes = diff::changes(&declared, &stored, prune);
    let mut after = stored;
    after.extend(declared);
    after.retain(|key, _| !changes.iter().any(|change| change.key == *key && change.action == Action::Remove));
    for warning in references::dangling(&after) {
        output::note(&format!("warning: {warning}"));
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
