//! Waiting until every service has answered.

use crate::{
    args::UpArgs,
    connection,
    domain::program::Program,
    error::Error,
    output,
    stack::Stack,
    supervisor::{Board, Launch},
};
use neptune_bus::Bus;
use std::{collections::BTreeMap, time::Duration};
use tokio::time::{Instant, sleep};

const PING: Duration = Duration::from_millis(300);
const POLL: Duration = Duration::from_millis(100);

/// Who has to answer.
pub(super) struct Expected {
    ready_url: String,
    /// Replicas on the bus, by service.
    replicas: BTreeMap<&'static str, usize>,
    /// What listens on a port of its own.
    places: Vec<(&'static str, String)>,
}

impl Expected {
    pub(super) fn of(launches: &[(Program, Launch)], stack: &Stack, args: &UpArgs) -> Self {
        let mut replicas = BTreeMap::new();
        for (program, _) in launches.iter().filter(|(program, _)| program.is_on_bus() && *program != Program::Ingress) {
            *replicas.entry(program.name()).or_default() += 1;
        }
        let sources = stack.sources(args.with_simulator);
        let simulator = args.with_simulator.then_some(("simulator", sources.simulator_listen));
        let sink = sources.sink.map(|sink| ("sink", sink.http));
        Self {
            ready_url: format!("{}/readyz", stack.ingress_url()),
            replicas,
            places: simulator.into_iter().chain(sink).collect(),
        }
    }

    /// Those that do not answer now.
    async fn missing(&self, bus: &Bus, http: &reqwest::Client) -> Vec<&'static str> {
        let mut missing = Vec::new();
        let answered = bus.ping_services(PING).await.unwrap_or_default();
        for (name, count) in &self.replicas {
            if answered.iter().filter(|answer| answer == name).count() < *count {
                missing.push(*name);
            }
        }
        for (name, place) in &self.places {
            if !connection::takes_connections(place).await {
                missing.push(name);
            }
        }
        let ready = http.get(&self.ready_url).send().await;
        if !ready.is_ok_and(|answer| answer.status().is_success()) {
            missing.push("ingress");
        }
        missing
    }
}

/// Waits until everybody has answered, and records it.
///
/// # Errors
/// Somebody did not within `timeout`.
pub(super) async fn wait(stack: &Stack, expected: Expected, board: &Board, timeout: Duration) -> Result<(), Error> {
    let bus = connection::operator(stack).await?;
    let http = reqwest::Client::builder().timeout(Duration::from_secs(2)).build();
    let http = http.map_err(|error| Error::step("prepare the HTTP client", error))?;
    let deadline = Instant::now() + timeout;
    loop {
        let missing = expected.missing(&bus, &http).await;
        if missing.is_empty() {
            break;
        }
        if Instant::now() >= deadline {
            let seconds = timeout.as_secs();
            return Err(Error::NotReady(format!(
                "no answer after {seconds} s from: {}; their logs are in {}",
                missing.join(", "),
                stack.file("log").display()
            )));
        }
        sleep(POLL).await;
    }
    board.ready();
    output::step(&format!("ready at {}", stack.ingress_url()));
    Ok(())
}
