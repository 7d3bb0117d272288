//! The supervisor with tiny real children.

use neptune_cli::{
    domain::{
        environment::Variables,
        run_state::{ProcessRef, RunState, ServiceRecord, ServiceStatus},
    },
    error::Error,
    process,
    supervisor::{self, Board, Launch, board, stale},
};
use neptune_runtime::Shutdown;
use neptune_testkit::wait_until;
use nix::sys::signal::Signal;
use std::{fs, path::Path, sync::Arc, time::Duration};
use tempfile::TempDir;

const PATIENCE: Duration = Duration::from_secs(20);
const GRACE: Duration = Duration::from_millis(300);

struct Stand {
    folder: TempDir,
    board: Arc<Board>,
    launches: Vec<Launch>,
}

fn stand(scripts: &[(&str, &str)]) -> Stand {
    let folder = tempfile::tempdir().unwrap();
    let launch = |(name, script): &(&str, &str)| Launch {
        name: (*name).to_owned(),
        program: "/bin/sh".into(),
        arguments: vec!["-c".into(), (*script).to_owned()],
        environment: Variables::from([("PATH".into(), "/usr/bin:/bin".into()), ("GREETING".into(), "hello".into())]),
        log: folder.path().join(format!("{name}.log")),
    };
    let launches: Vec<Launch> = scripts.iter().map(launch).collect();
    let service = |launch: &Launch| ServiceRecord {
        name: launch.name.clone(),
        process: None,
        state: ServiceStatus::Waiting,
        restarts: 0,
    };
    let state = RunState {
        supervisor: process::current(std::process::id()).unwrap(),
        ready: false,
        url: String::new(),
        services: launches.iter().map(service).collect(),
        servers: Vec::new(),
    };
    let board = Arc::new(Board::open(folder.path().join("state.json"), state).unwrap());
    Stand { folder, board, launches }
}

impl Stand {
    fn start(&self, shutdown: &Shutdown) -> tokio::task::JoinHandle<Result<(), Error>> {
        let (launches, board, shutdown) = (self.launches.clone(), self.board.clone(), shutdown.clone());
        tokio::spawn(async move { supervisor::run(launches, board, GRACE, &shutdown).await })
    }

    /// As a test that drives the binary reads it: from the file.
    fn record(&self) -> RunState {
        board::recorded(&self.folder.path().join("state.json")).unwrap().unwrap()
    }

    async fn running(&self, name: &str, restarts: u64) -> ProcessRef {
        let find = || self.record().services.into_iter().find(|service| service.name == name).unwrap();
        let is_up = || async { find().restarts == restarts && find().process.is_some_and(process::is_alive) };
        wait_until("the process runs", PATIENCE, is_up).await;
        find().process.unwrap()
    }

    fn log(&self, name: &str) -> String {
        read(&self.folder.path().join(format!("{name}.log")))
    }
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

#[tokio::test]
async fn a_killed_process_is_started_again() {
    let stand = stand(&[("router", "echo $GREETING $HOME; exec sleep 1000"), ("executor", "exec sleep 1000")]);
    let shutdown = Shutdown::new();
    let ended = stand.start(&shutdown);
    let (first, other) = (stand.running("router", 0).await, stand.running("executor", 0).await);
    let greeted = |times: usize| {
        let log = &stand;
        wait_until("it has greeted", PATIENCE, move || async move { log.log("router").lines().count() == times })
    };
    for restarts in 1..=2 {
        // A shell killed before its first word would never say it.
        greeted(restarts).await;
        process::signal(stand.running("router", restarts as u64 - 1).await, Signal::SIGKILL);
        let next = stand.running("router", restarts as u64).await;
        assert_ne!(next.pid, first.pid);
    }
    assert_eq!(stand.running("executor", 0).await, other, "the other one is left alone");
    greeted(3).await;
    assert!(
        stand.log("router").lines().all(|line| line == "hello"),
        "only the given environment: {}",
        stand.log("router")
    );
    let last = stand.running("router", 2).await;
    shutdown.cancel();
    ended.await.unwrap().unwrap();
    assert!(![last, other].into_iter().any(process::is_alive));
    let states: Vec<_> = stand.record().services.iter().map(|service| (service.state, service.process)).collect();
    assert_eq!(states, [(ServiceStatus::Stopped, None); 2]);
}

#[tokio::test]
async fn a_process_that_ignores_the_request_to_stop_is_killed() {
    let stand = stand(&[("router", "trap '' TERM; echo ready; while :; do sleep 0.05; done")]);
    let shutdown = Shutdown::new();
    let ended = stand.start(&shutdown);
    let stubborn = stand.running("router", 0).await;
    wait_until("the trap is set", PATIENCE, || async { stand.log("router").contains("ready") }).await;
    shutdown.cancel();
    ended.await.unwrap().unwrap();
    assert!(!process::is_alive(stubborn));
}

#[tokio::test]
async fn a_refused_configuration_stops_the_whole_stack() {
    let stand = stand(&[("router", "echo NEPTUNE_X is not set; exit 64"), ("executor", "exec sleep 1000")]);
    let error = stand.start(&Shutdown::new()).await.unwrap().unwrap_err();
    assert_eq!(error.exit_code(), 64);
    assert!(error.to_string().contains("router refuses its configuration:\n    NEPTUNE_X is not set"), "{error}");
    let states: Vec<_> = stand.record().services.iter().map(|service| service.state).collect();
    assert_eq!(states, [ServiceStatus::Failed, ServiceStatus::Stopped]);
}

#[tokio::test]
async fn processes_left_behind_are_ended_and_others_are_not() {
    let stand = stand(&[("router", ""), ("executor", "")]);
    // A program under the name of one of ours, and one that is not ours, both in the record.
    let ours = stand.folder.path().join("neptune-router");
    fs::copy("/bin/sleep", &ours).unwrap();
    let mut left = std::process::Command::new(&ours).arg("1000").spawn().unwrap();
    let mut stranger = std::process::Command::new("/bin/sleep").arg("1000").spawn().unwrap();
    let exec_done = || async { process::current(left.id()).is_some_and(process::is_ours) };
    wait_until("the program runs", PATIENCE, exec_done).await;
    stand.board.running("router", process::current(left.id()), false);
    stand.board.running("executor", process::current(stranger.id()), false);
    let count = stale::end_left_behind(&stand.folder.path().join("state.json"), PATIENCE).await.unwrap();
    assert_eq!(count, 1);
    assert!(!left.wait().unwrap().success());
    assert!(stranger.try_wait().unwrap().is_none(), "a process that is not ours is left alone");
    stranger.kill().unwrap();
    stranger.wait().unwrap();
}
