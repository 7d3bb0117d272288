//! `key create`, and the first keys of a stack.

use crate::{
    Context,
    args::KeyCommand,
    connection,
    domain::api_key::{ApiKey, KeyEnvironment},
    error::Error,
    output,
    stack::Stack,
};
use neptune_bus::Bus;
use neptune_contracts::{
    names::Team,
    resource::{API_VERSION, KeyRole, KeySpec, Manifest, Metadata},
};
use serde_json::json;

/// Makes a key and shows it, once.
///
/// # Errors
/// The team does not exist, or the broker does not store the key.
pub async fn run(context: &Context, command: KeyCommand) -> Result<(), Error> {
    let KeyCommand::Create { team, role, environment } = command;
    let pepper = context.stack.secret("NEPTUNE_KEY_PEPPER")?;
    let bus = connection::operator(&context.stack).await?;
    let stored = bus.stored_resources().await.map_err(|error| Error::step("read the stored resources", error))?;
    if !stored.contains_key(&format!("team/{team}")) {
        return Err(Error::NotFound(format!("there is no team {team}; declare it and run `neptune apply` first")));
    }
    let key = new_key(environment);
    store(&bus, &key, &spec(&key, pepper, team, role)).await?;
    output::say_either(context.json, &json!({"id": key.id(), "key": key.expose()}), |_| key.expose().to_owned());
    output::note("this is the only time the key is shown; only its HMAC is stored");
    Ok(())
}

/// The key that `up` handed out before, or a new one; stored under `team` and `role` if it is not.
///
/// # Errors
/// The kept key is malformed, or the broker does not store it.
pub async fn ensure(
    bus: &Bus,
    stack: &Stack,
    kept: (&'static str, Option<&str>),
    owner: (Team, KeyRole),
) -> Result<ApiKey, Error> {
    let (variable, text) = kept;
    let key = match text {
        Some(text) => ApiKey::parse(text).map_err(|source| Error::Key { variable, source })?,
        None => new_key(KeyEnvironment::Live),
    };
    let wanted = spec(&key, stack.secret("NEPTUNE_KEY_PEPPER")?, owner.0, owner.1);
    let stored = bus.stored_resources().await.map_err(|error| Error::step("read the stored resources", error))?;
    let found =
        stored.get(&format!("key/{}", key.id())).and_then(|spec| serde_json::from_value::<KeySpec>(spec.clone()).ok());
    // An operator who disabled the key or let it expire keeps that decision.
    let is_same =
        found.is_some_and(|found| found.hash == wanted.hash && found.team == wanted.team && found.role == wanted.role);
    if !is_same {
        store(bus, &key, &wanted).await?;
    }
    Ok(key)
}

fn new_key(environment: KeyEnvironment) -> ApiKey {
    ApiKey::compose(environment, &mut |below| rand::random_range(0..below))
}

fn spec(key: &ApiKey, pepper: &str, team: Team, role: KeyRole) -> KeySpec {
    KeySpec { team, role, hash: key.hash(pepper), expires_at: None, disabled: false }
}

async fn store(bus: &Bus, key: &ApiKey, spec: &KeySpec) -> Result<(), Error> {
    let action = "store the key";
    let spec = serde_json::to_value(spec).map_err(|error| Error::step(action, error))?;
    let metadata = Metadata { name: key.id().to_owned() };
    let manifest = Manifest { api_version: API_VERSION.into(), kind: "Key".into(), metadata, spec };
    manifest.check().map_err(|error| Error::step(action, error))?;
    bus.put_resource(&manifest).await.map_err(|error| Error::step(action, error)).map(drop)
}
