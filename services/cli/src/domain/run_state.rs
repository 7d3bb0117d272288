//! What `up` records about the processes it runs, and what `status` says about it.

use serde::{Deserialize, Serialize};

/// A process, by its id and start time: an id alone may be another process by now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessRef {
    /// Process id.
    pub pid: u32,
    /// Start time in clock ticks since boot; 0 where the system does not tell.
    pub started: u64,
}

/// How a supervised process stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ServiceStatus {
    /// Not started yet.
    Waiting,
    /// Runs.
    Running,
    /// Ended, and is about to be started again.
    Restarting,
    /// Refused its configuration, and is not started again.
    Failed,
    /// Was stopped.
    Stopped,
}

impl ServiceStatus {
    /// As it stands in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Running => "running",
            Self::Restarting => "restarting",
            Self::Failed => "failed",
            Self::Stopped => "stopped",
        }
    }
}

/// A supervised process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceRecord {
    /// `executor`, `executor-2`, …
    pub name: String,
    /// The process, while there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub process: Option<ProcessRef>,
    /// How it stands.
    pub state: ServiceStatus,
    /// How often it was started again.
    pub restarts: u64,
}

/// A server the stack uses and does not run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerRecord {
    /// `nats`, `redis` or `postgres`.
    pub name: String,
    /// Its address without credentials.
    pub url: String,
}

/// The content of `run/state.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunState {
    /// The process that supervises.
    pub supervisor: ProcessRef,
    /// Whether every service has answered.
    pub ready: bool,
    /// Where tasks are submitted.
    pub url: String,
    /// What is supervised.
    pub services: Vec<ServiceRecord>,
    /// What is used.
    pub servers: Vec<ServerRecord>,
}

/// What `status --json` prints.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Whether every service has answered since the start and runs now.
    pub ready: bool,
    /// The supervisor's process id, while it runs.
    pub supervisor: Option<u32>,
    /// What is supervised.
    pub services: Vec<ServiceReport>,
    /// What is used.
    pub servers: Vec<ServerReport>,
}

/// A supervised process, for people and tests.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ServiceReport {
    /// `executor`, `executor-2`, …
    pub name: String,
    /// Its process id, while it runs.
    pub pid: Option<u32>,
    /// How it stands.
    pub state: ServiceStatus,
    /// How often it was started again.
    pub restarts: u64,
}

/// A server, for people and tests.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ServerReport {
    /// `nats`, `redis` or `postgres`.
    pub name: String,
    /// Its address without credentials.
    pub url: String,
    /// `running` when it takes connections, else `unreachable`.
    pub state: String,
}

/// What holds now, given the record and which processes are alive. A dead process is on its way
/// back while there is a supervisor, and stopped when there is none.
#[must_use]
pub fn report(state: &RunState, is_alive: &dyn Fn(ProcessRef) -> bool, servers: Vec<ServerReport>) -> Report {
    let supervised = is_alive(state.supervisor);
    let service = |record: &ServiceRecord| {
        let pid = record.process.filter(|process| is_alive(*process)).map(|process| process.pid);
        let state = match record.state {
            ServiceStatus::Running if pid.is_some() => ServiceStatus::Running,
            ServiceStatus::Running | ServiceStatus::Restarting if supervised => ServiceStatus::Restarting,
            ServiceStatus::Waiting if supervised => ServiceStatus::Waiting,
            ServiceStatus::Failed => ServiceStatus::Failed,
            _ => ServiceStatus::Stopped,
        };
        ServiceReport { name: record.name.clone(), pid, state, restarts: record.restarts }
    };
    let services: Vec<ServiceReport> = state.services.iter().map(service).collect();
    let all_run = services.iter().all(|service| service.state == ServiceStatus::Running);
    Report {
        ready: state.ready && supervised && all_run,
        supervisor: supervised.then_some(state.supervisor.pid),
        services,
        servers,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(status: ServiceStatus, pid: Option<u32>) -> RunState {
        let process = |pid| ProcessRef { pid, started: 5 };
        let service = ServiceRecord { name: "router".into(), process: pid.map(process), state: status, restarts: 2 };
        let url = String::new();
        RunState { supervisor: process(1), ready: true, url, services: vec![service], servers: Vec::new() }
    }

    fn check(state: &RunState, alive: &[u32], expected: (ServiceStatus, Option<u32>, bool)) {
        let report = report(state, &|process| alive.contains(&process.pid), Vec::new());
        let seen: Vec<_> = report.services.iter().map(|service| (service.state, service.pid, report.ready)).collect();
        assert_eq!(seen, [expected], "{alive:?}");
    }

    #[test]
    fn a_process_counts_only_while_it_is_alive() {
        let running = state(ServiceStatus::Running, Some(9));
        check(&running, &[1, 9], (ServiceStatus::Running, Some(9), true));
        check(&running, &[1], (ServiceStatus::Restarting, None, false));
        check(&running, &[], (ServiceStatus::Stopped, None, false));
        check(&running, &[9], (ServiceStatus::Running, Some(9), false));
        check(&state(ServiceStatus::Failed, None), &[1], (ServiceStatus::Failed, None, false));
        check(&state(ServiceStatus::Waiting, None), &[], (ServiceStatus::Stopped, None, false));
    }

    #[test]
    fn the_shape_of_the_report_is_fixed() {
        let servers = vec![ServerReport { name: "nats".into(), url: "nats://h:1".into(), state: "running".into() }];
        let report = report(&state(ServiceStatus::Running, Some(9)), &|_| true, servers);
        let expected = serde_json::json!({
            "ready": true, "supervisor": 1,
            "services": [{"name": "router", "pid": 9, "state": "running", "restarts": 2}],
            "servers": [{"name": "nats", "url": "nats://h:1", "state": "running"}],
        });
        assert_eq!(serde_json::to_value(report).ok(), Some(expected));
    }
}
