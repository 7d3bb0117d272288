//! One supervised process.

use super::Board;
use crate::{
    domain::{backoff, environment::Variables, run_state::ServiceStatus},
    error::Error,
    output, process,
};
use neptune_runtime::Shutdown;
use std::{
    fs,
    path::PathBuf,
    process::{ExitStatus, Stdio},
    time::Duration,
};
use tokio::{
    process::{Child, Command},
    time::Instant,
};

/// A service's exit code for a configuration it cannot use (`EX_USAGE`).
const EXIT_CONFIG: i32 = 64;

/// How a process is started.
#[derive(Clone, Debug)]
pub struct Launch {
    /// Its name in the record.
    pub name: String,
    /// The binary.
    pub program: PathBuf,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// Its whole environment.
    pub environment: Variables,
    /// Where its output is appended.
    pub log: PathBuf,
}

impl Launch {
    /// Starts it in a process group of its own, so that a Ctrl-C on the terminal reaches only the
    /// supervisor, which then ends it in order.
    fn spawn(&self) -> std::io::Result<Child> {
        let log = fs::File::options().create(true).append(true).open(&self.log)?;
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).env_clear().envs(&self.environment);
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        command.process_group(0).kill_on_drop(true).spawn()
    }
}

/// Runs a process until `shutdown`, starting it again whenever it ends.
///
/// # Errors
/// It refused its configuration.
pub async fn keep_running(launch: &Launch, board: &Board, grace: Duration, shutdown: &Shutdown) -> Result<(), Error> {
    let (mut failures, mut is_again) = (0, false);
    while !shutdown.is_cancelled() {
        let started = Instant::now();
        match launch.spawn() {
            Ok(mut child) => {
                let running = child.id().and_then(process::current);
                board.running(&launch.name, running, is_again);
                tokio::select! {
                    status = child.wait() => refuse_bad_configuration(launch, board, status.ok())?,
                    () = shutdown.cancelled() => stop(launch, &mut child, grace).await,
                }
            }
            Err(error) => {
                output::note(&format!("neptune: cannot start {} ({}): {error}", launch.name, launch.program.display()))
            }
        }
        if shutdown.is_cancelled() {
            break;
        }
        is_again = true;
        failures = backoff::failures_after(failures, started.elapsed());
        board.ended(&launch.name, ServiceStatus::Restarting);
        let wait = backoff::delay(failures, rand::random());
        output::note(&format!("neptune: {} starts again in {} ms", launch.name, wait.as_millis()));
        shutdown.run_until_cancelled(tokio::time::sleep(wait)).await;
    }
    board.ended(&launch.name, ServiceStatus::Stopped);
    Ok(())
}

fn refuse_bad_configuration(launch: &Launch, board: &Board, status: Option<ExitStatus>) -> Result<(), Error> {
    let ended = status.map_or_else(|| "in an unknown way".to_owned(), |status| status.to_string());
    if status.and_then(|status| status.code()) != Some(EXIT_CONFIG) {
        output::note(&format!("neptune: {} ended ({ended}); its log is {}", launch.name, launch.log.display()));
        return Ok(());
    }
    board.ended(&launch.name, ServiceStatus::Failed);
    let said = tail(&launch.log, 3);
    Err(Error::Input(format!("{} refuses its configuration:\n{said}", launch.name)))
}

async fn stop(launch: &Launch, child: &mut Child, grace: Duration) {
    if let Some(running) = child.id().and_then(process::current) {
        process::signal(running, nix::sys::signal::Signal::SIGTERM);
    }
    if tokio::time::timeout(grace, child.wait()).await.is_err() {
        output::note(&format!("neptune: {} does not stop within {} s, so it is killed", launch.name, grace.as_secs()));
        child.kill().await.ok();
    }
}

/// The last lines of a log.
#[must_use]
pub fn tail(path: &std::path::Path, lines: usize) -> String {
    let text = fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
    let all: Vec<&str> = text.lines().collect();
    all.get(all.len().saturating_sub(lines)..)
        .unwrap_or_default()
        .iter()
        .map(|line| format!("    {line}"))
        .collect::<Vec<_>>()
        .join("\n")
}
