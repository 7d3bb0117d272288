//! Connections of a command: it waits a bounded time, unlike a service.

use crate::{error::Error, stack::Stack};
use neptune_bus::{Bus, BusConfig};
use neptune_contracts::names::Service;
use std::time::Duration;
use tokio::net::TcpStream;

const PATIENCE: Duration = Duration::from_secs(10);
const PROBE: Duration = Duration::from_secs(1);

/// The bus as the operator sees it.
///
/// # Errors
/// The broker does not answer, refuses, or is too old.
pub async fn operator(stack: &Stack) -> Result<Bus, Error> {
    connect(stack.bus_as_operator()?, Service::Operator).await
}

/// The bus as a team's own program sees it.
///
/// # Errors
/// The broker does not answer, refuses, or is too old.
pub async fn client(stack: &Stack, team: &str) -> Result<Bus, Error> {
    let mut config = stack.bus_as(&format!("client-{team}"))?;
    config.inbox_prefix = Some(format!("_INBOX.{team}"));
    connect(config, Service::Client).await
}

async fn connect(config: BusConfig, service: Service) -> Result<Bus, Error> {
    let url = crate::stack::without_credentials(&config.url);
    match tokio::time::timeout(PATIENCE, Bus::connect(&config, service)).await {
        Ok(connected) => connected.map_err(|error| Error::step("use the broker", error)),
        Err(_) => Err(Error::Unreachable {
            what: format!("the broker at {url}"),
            remedy: "start it with deploy/local/servers.sh up; if it runs, its passwords are not those of secrets.env in the state directory".into(),
        }),
    }
}

/// Whether something takes connections at `place` (`host:port`).
pub async fn takes_connections(place: &str) -> bool {
    matches!(tokio::time::timeout(PROBE, TcpStream::connect(place)).await, Ok(Ok(_)))
}
