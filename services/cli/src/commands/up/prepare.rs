//! What has to hold before services start: servers that answer, streams and tables, resources,
//! keys, and the file that tells a shell how to use the stack. Every step can be repeated.

use crate::{
    args::UpArgs,
    commands::{key, migrate, resources, status},
    connection,
    domain::environment::{Referenced, Variables, placeholders},
    env_file,
    error::Error,
    output,
    stack::{Stack, host_and_port},
};
use neptune_bus::Bus;
use neptune_contracts::resource::KeyRole;
use serde_json::Value;
use std::{collections::BTreeMap, path::PathBuf, time::Duration};
use tokio::time::{Instant, sleep};

const SERVER_PATIENCE: Duration = Duration::from_secs(30);
/// Models that the simulator answers for.
const SIMULATED: &str = "deploy/local/demo/simulated.yaml";
const POLL: Duration = Duration::from_millis(100);

/// Prepares everything. Returns the variables that the stored resources name.
///
/// # Errors
/// A server does not answer or refuses.
pub(super) async fn run(stack: &Stack, args: &UpArgs) -> Result<Referenced, Error> {
    output::step("waiting for the servers");
    for server in status::servers(stack) {
        wait_for(&server.name, &server.url).await?;
    }
    output::step("preparing the broker and the database");
    migrate::run(stack).await?;
    let bus = connection::operator(stack).await?;
    let mut layers = vec![args.resources.clone()];
    // The simulated models stand in for the real ones of the same names.
    layers.extend(Some(PathBuf::from(SIMULATED)).filter(|path| args.with_simulator && path.exists()));
    match resources::apply_defaults(&bus, &layers).await? {
        Some(count) => output::note(&format!("    {count} resources were applied from {}", args.resources.display())),
        None => output::note("    resources are there already; `neptune plan` compares them with the files"),
    }
    write_env(stack, args, &bus).await?;
    let stored = bus.stored_resources().await.map_err(|error| Error::step("read the stored resources", error))?;
    Ok(references(&stored))
}

async fn wait_for(name: &str, url: &str) -> Result<(), Error> {
    let deadline = Instant::now() + SERVER_PATIENCE;
    while !connection::takes_connections(&host_and_port(url)).await {
        if Instant::now() >= deadline {
            let remedy = "start the servers with deploy/local/servers.sh up (or `make up`)".into();
            return Err(Error::Unreachable { what: format!("{name} at {url}"), remedy });
        }
        sleep(POLL).await;
    }
    Ok(())
}

/// The keys, and the file with all that a program of the team or an operator's shell needs. Keys
/// handed out before stay the same.
async fn write_env(stack: &Stack, args: &UpArgs, bus: &Bus) -> Result<(), Error> {
    let path = stack.file("env");
    let before = env_file::read(&path)?;
    let mut variables = Variables::new();
    for (variable, role) in [("NEPTUNE_API_KEY", KeyRole::Caller), ("NEPTUNE_ADMIN_KEY", KeyRole::Admin)] {
        let kept = before.get(variable).map(String::as_str);
        let key = key::ensure(bus, stack, (variable, kept), (args.team.clone(), role)).await?;
        variables.insert(variable.into(), key.expose().to_owned());
    }
    let sources = stack.sources(args.with_simulator);
    let mut set = |name: &str, value: String| drop(variables.insert(name.to_owned(), value));
    set("NEPTUNE_URL", stack.ingress_url());
    set("NEPTUNE_NATS_URL", stack.nats_url_of(&format!("client-{}", args.team)));
    set("NEPTUNE_REDIS_URL", sources.redis_url);
    set("NEPTUNE_DATABASE_URL", sources.database_url);
    if let Some(url) = sources.simulator_url {
        set("NEPTUNE_SIMULATOR_URL", url);
    }
    if let Some(sink) = sources.sink {
        set("NEPTUNE_SINK_URL", format!("http://{}", sink.http));
    }
    if stack.namespace() != "neptune" {
        set("NEPTUNE_NAMESPACE", stack.namespace().to_owned());
    }
    env_file::replace(&path, &env_file::render(&variables))?;
    output::note(&format!("    addresses and keys are in {}", path.display()));
    Ok(())
}

/// A credential's variable, with those that belong to it: a secret of AWS has an id, and a session if it is temporary.
fn credentials(variable: &str) -> Vec<String> {
    let mut variables = vec![variable.to_owned()];
    if let Some(prefix) = variable.strip_suffix("SECRET_ACCESS_KEY") {
        variables.extend(["ACCESS_KEY_ID", "SESSION_TOKEN"].map(|ending| format!("{prefix}{ending}")));
    }
    variables
}

/// The variables that models and channels name.
fn references(stored: &BTreeMap<String, Value>) -> Referenced {
    let mut referenced = Referenced::default();
    for (key, spec) in stored {
        let text = |field: &str| spec.get(field).and_then(Value::as_str);
        if key.starts_with("model/") {
            let in_endpoint = text("endpoint").into_iter().flat_map(placeholders);
            let headers = spec.get("headers").and_then(Value::as_object);
            let in_headers = headers.into_iter().flat_map(serde_json::Map::values).filter_map(Value::as_str);
            let named = in_headers.flat_map(placeholders).chain(in_endpoint).map(str::to_owned);
            referenced.by_models.extend(named.chain(text("credentialEnv").into_iter().flat_map(credentials)));
        } else if key.starts_with("channel/") {
            referenced
                .by_channels
                .extend(["secretEnv", "smtpEnv"].iter().filter_map(|field| text(field)).map(str::to_owned));
        }
    }
    referenced
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::json;

    #[test]
    fn the_variables_that_resources_name_are_found() {
        let stored = [
            ("model/a", json!({"endpoint": "${A_URL}/v1", "credentialEnv": "A_KEY"})),
            ("model/b", json!({"endpoint": "https://b", "credentialEnv": "AWS_SECRET_ACCESS_KEY", "headers": {"x-org": "${ORG}"}})),
            ("channel/email", json!({"type": "email", "smtpEnv": "SMTP", "from": "x"})),
            ("channel/webhook", json!({"type": "webhook", "secretEnv": "SECRET"})),
            ("team/a", json!({"credentialEnv": "NO"})),
        ]
        .map(|(key, spec)| (key.to_owned(), spec));
        let found = references(&stored.into());
        assert_eq!(
            found.by_models,
            ["A_KEY", "A_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "ORG"]
                .map(str::to_owned)
                .into()
        );
        assert_eq!(found.by_channels, ["SECRET", "SMTP"].map(str::to_owned).into());
    }

    #[test]
    fn the_shape_of_stored_channels_is_the_contracts() {
        use neptune_contracts::resource::ChannelSpec;
        let email = ChannelSpec::Email { smtp_env: "SMTP".into(), from: "x".into() };
        let webhook = ChannelSpec::Webhook { secret_env: "SECRET".into(), allow_private: Vec::new() };
        let stored = [("channel/email", email), ("channel/webhook", webhook)]
            .map(|(key, spec)| (key.to_owned(), serde_json::to_value(spec).unwrap()));
        assert_eq!(references(&stored.into()).by_channels, ["SECRET", "SMTP"].map(str::to_owned).into());
    }
}
