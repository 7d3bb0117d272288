//! `status` and `wait`.

use crate::{
    Context,
    connection::takes_connections,
    domain::{
        run_state::{Report, RunState, ServerRecord, ServerReport, report},
        table::Table,
    },
    error::Error,
    output, process,
    stack::{Stack, host_and_port, without_credentials},
    supervisor::board,
};
use std::time::Duration;
use tokio::time::{Instant, sleep};

const POLL: Duration = Duration::from_millis(50);

/// Shows what runs.
///
/// # Errors
/// Not everything runs.
pub async fn run(context: &Context) -> Result<(), Error> {
    let report = now(&context.stack).await?;
    output::say_either(context.json, &report, render);
    let servers_run = report.servers.iter().all(|server| server.state == "running");
    if report.ready && servers_run {
        Ok(())
    } else if report.supervisor.is_none() && report.services.is_empty() {
        // Most often somebody asks from another folder than the one it was started in.
        let folder = context.stack.folder.display();
        let remedy = "go to the folder it was started in, name its state directory by --state-dir or NEPTUNE_STATE_DIR, or start one by `neptune up`";
        Err(Error::NotReady(format!("no stack was ever started with the state directory {folder}; {remedy}")))
    } else {
        Err(Error::NotReady("not everything runs; `neptune up` starts it".into()))
    }
}

/// Waits until everything runs and has answered.
///
/// # Errors
/// It does not within `timeout` seconds.
pub async fn wait(context: &Context, timeout: u64) -> Result<(), Error> {
    let deadline = Instant::now() + Duration::from_secs(timeout);
    while !processes(&context.stack)?.is_some_and(|report| report.ready) {
        if Instant::now() >= deadline {
            return Err(Error::NotReady(format!(
                "not everything runs after {timeout} s; `neptune status` shows what does"
            )));
        }
        sleep(POLL).await;
    }
    Ok(())
}

/// What holds of the processes, without asking the servers; nothing when nothing was ever started.
///
/// # Errors
/// The record cannot be read.
pub fn processes(stack: &Stack) -> Result<Option<Report>, Error> {
    let state = board::recorded(&stack.file("run/state.json"))?;
    Ok(state.map(|state| report(&state, &process::is_alive, Vec::new())))
}

/// The servers that a stack uses.
#[must_use]
pub fn servers(stack: &Stack) -> Vec<ServerRecord> {
    let record = |name: &str, url: &str| ServerRecord {
        name: name.into(),
        url: url.split(',').map(without_credentials).collect::<Vec<_>>().join(","),
    };
    vec![
        record("nats", &stack.nats_url()),
        record("redis", &stack.redis_url()),
        record("postgres", &stack.database_url()),
    ]
}

async fn now(stack: &Stack) -> Result<Report, Error> {
    let state = board::recorded(&stack.file("run/state.json"))?;
    let used = state.as_ref().map_or_else(|| servers(stack), |state| state.servers.clone());
    let mut servers = Vec::new();
    for server in used {
        let state = if takes_connections(&host_and_port(&server.url)).await { "running" } else { "unreachable" };
        servers.push(ServerReport { name: server.name, url: server.url, state: state.into() });
    }
    let of_state = |state: &RunState, servers| report(state, &process::is_alive, servers);
    let empty = |servers| Report { ready: false, supervisor: None, services: Vec::new(), servers };
    Ok(match &state {
        Some(state) => of_state(state, servers),
        None => empty(servers),
    })
}

fn render(report: &Report) -> String {
    let mut services = Table::new(&["service", ">pid", "state", ">restarts"]);
    for service in &report.services {
        let pid = service.pid.map_or_else(|| "-".to_owned(), |pid| pid.to_string());
        services.row([service.name.clone(), pid, service.state.as_str().into(), service.restarts.to_string()]);
    }
    let mut servers = Table::new(&["server", "url", "state"]);
    for server in &report.servers {
        servers.row([server.name.clone(), server.url.clone(), server.state.clone()]);
    }
    format!("{}\n\n{}", services.render(), servers.render())
}
