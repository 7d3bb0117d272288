//! Connections of a command: it waits a bounded time, unlike a service.

use crate::{domain::broker_user, error::Error, stack::Stack};
use neptune_bus::{Bus, BusConfig};
use neptune_contracts::names::Service;
use std::time::Duration;
use tokio::net::TcpStream;

const PATIENCE: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(100);
const PROBE: Duration = Duration::from_secs(1);

/// The bus as the operator sees it.
///
/// # Errors
/// The broker does not answer, refuses, or is too old.
pub async fn operator(stack: &Stack) -> Result<Bus, Error> {
    let remedy =
        "its passwords are not those of secrets.env in the state directory; give the --state-dir it was started with";
    connect(stack.bus_as_operator()?, Service::Operator, remedy).await
}

/// The bus as a team's own program sees it.
///
/// # Errors
/// The team has no user on the broker; or the broker does not answer, refuses, or is too old.
pub async fn client(stack: &Stack, team: &str) -> Result<Bus, Error> {
    let remedy = stack.broker_user_remedy(team);
    let mut config = stack.bus_as(&broker_user::of_team(team))?;
    // What another team's program may say would be asked of the broker in vain.
    if let Some(user) = user(&config).filter(|user| broker_user::is_another_teams(user, team)) {
        return Err(Error::Input(format!("team {team} has no broker user here, only {user} is given; {remedy}")));
    }
    config.inbox_prefix = Some(format!("_INBOX.{team}"));
    connect(config, Service::Client, &remedy).await
}

fn user(config: &BusConfig) -> Option<&str> {
    let own = config.credentials.as_ref().map(|(user, _)| user.as_str());
    own.or_else(|| config.url.split(',').find_map(broker_user::of_url))
}

/// A refusal is said at once; a broker that does not answer is waited for, because it may just start.
async fn connect(config: BusConfig, service: Service, remedy: &str) -> Result<Bus, Error> {
    let url = crate::stack::without_credentials(&config.url);
    let connecting = async {
        loop {
            match Bus::connect_at_once(&config, service).await {
                Err(error) if error.is_unreachable() => tokio::time::sleep(PAUSE).await,
                ended => break ended,
            }
        }
    };
    match tokio::time::timeout(PATIENCE, connecting).await {
        Ok(Err(error)) if error.is_refusal() => {
            let user = user(&config).map_or("a program without a user".into(), |user| format!("the user {user}"));
            Err(Error::Input(format!("the broker at {url} does not let {user} in; {remedy}")))
        }
        Ok(connected) => connected.map_err(|error| Error::step("use the broker", error)),
        Err(_) => Err(Error::Unreachable {
            what: format!("the broker at {url}"),
            remedy: "start it with deploy/local/servers.sh up".into(),
        }),
    }
}

/// Whether something takes connections at `place` (`host:port`).
pub async fn takes_connections(place: &str) -> bool {
    matches!(tokio::time::timeout(PROBE, TcpStream::connect(place)).await, Ok(Ok(_)))
}
