//! `key`, and the first keys of a stack.

use super::resources;
use crate::{
    Context,
    args::KeyCommand,
    connection,
    domain::{
        api_key::{ApiKey, KeyEnvironment},
        table::Table,
    },
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

/// Makes, lists or disables keys.
///
/// # Errors
/// The team or key does not exist, or the broker does not answer.
pub async fn run(context: &Context, command: KeyCommand) -> Result<(), Error> {
    match command {
        KeyCommand::Create { team, role, environment } => create(context, team, role, environment).await,
        KeyCommand::List { team } => list(context, team.as_ref()).await,
        KeyCommand::Disable { id } => disable(context, &id).await,
    }
}

/// Shows the key, once.
async fn create(context: &Context, team: Team, role: KeyRole, environment: KeyEnvironment) -> Result<(), Error> {
    let pepper = context.stack.secret("NEPTUNE_KEY_PEPPER")?;
    let bus = connection::operator(&context.stack).await?;
    let stored = bus.stored_resources().await.map_err(|error| Error::step("read the stored resources", error))?;
    if !stored.contains_key(&format!("team/{team}")) {
        return Err(Error::NotFound(format!("there is no team {team}; declare it and run `neptune apply` first")));
    }
    let key = new_key(environment);
    store(&bus, key.id(), &spec(&key, pepper, team, role)).await?;
    output::say_either(context.json, &json!({"id": key.id(), "key": key.expose()}), |_| key.expose().to_owned());
    output::note("this is the only time the key is shown; only its HMAC is stored");
    Ok(())
}

async fn list(context: &Context, team: Option<&Team>) -> Result<(), Error> {
    let bus = connection::operator(&context.stack).await?;
    let mut keys = stored(&bus).await?;
    keys.retain(|(_, spec)| team.is_none_or(|team| spec.team == *team));
    let rows: Vec<_> = keys.iter().map(|(id, spec)| json!({"id": id, "team": spec.team, "role": spec.role, "expires_at": spec.expires_at, "disabled": spec.disabled})).collect();
    output::say_either(context.json, &rows, |_| {
        let mut table = Table::new(&["id", "team", "role", "state"]);
        for (id, spec) in &keys {
            let state = match (spec.disabled, spec.expires_at) {
                (true, _) => "disabled".to_owned(),
                (false, Some(at)) => format!("until {at}"),
                (false, None) => "valid".to_owned(),
            };
            let role = if spec.role == KeyRole::Admin { "admin" } else { "caller" };
            table.row([id.clone(), spec.team.to_string(), role.to_owned(), state]);
        }
        table.render()
    });
    Ok(())
}

async fn disable(context: &Context, id: &str) -> Result<(), Error> {
    let bus = connection::operator(&context.stack).await?;
    let found = stored(&bus).await?.into_iter().find(|(known, _)| known == id);
    let Some((_, spec)) = found else {
        return Err(Error::NotFound(format!("there is no key {id}; `neptune key list` shows the ids")));
    };
    store(&bus, id, &KeySpec { disabled: true, ..spec }).await?;
    output::say_either(context.json, &json!({"id": id, "disabled": true}), |_| format!("key {id} is void from now on"));
    Ok(())
}

/// All keys, by id.
async fn stored(bus: &Bus) -> Result<Vec<(String, KeySpec)>, Error> {
    let stored = resources::stored(bus).await?;
    let keys = stored
        .into_iter()
        .filter_map(|(key, spec)| Some((key.strip_prefix("key/")?.to_owned(), serde_json::from_value(spec).ok()?)));
    Ok(keys.collect())
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
        store(bus, key.id(), &wanted).await?;
    }
    Ok(key)
}

fn new_key(environment: KeyEnvironment) -> ApiKey {
    ApiKey::compose(environment, &mut |below| rand::random_range(0..below))
}

fn spec(key: &ApiKey, pepper: &str, team: Team, role: KeyRole) -> KeySpec {
    KeySpec { team, role, hash: key.hash(pepper), expires_at: None, disabled: false }
}

async fn store(bus: &Bus, id: &str, spec: &KeySpec) -> Result<(), Error> {
    let action = "store the key";
    let spec = serde_json::to_value(spec).map_err(|error| Error::step(action, error))?;
    let metadata = Metadata { name: id.to_owned() };
    let manifest = Manifest { api_version: API_VERSION.into(), kind: "Key".into(), metadata, spec };
    manifest.check().map_err(|error| Error::step(action, error))?;
    bus.put_resource(&manifest).await.map_err(|error| Error::step(action, error)).map(drop)
}
