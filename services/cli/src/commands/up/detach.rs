//! `up --detach`: the same in a session of its own, and waiting until it is ready.

use crate::{
    args::UpArgs,
    commands::status,
    error::Error,
    output, process,
    stack::Stack,
    supervisor::{GRACE, Lock, board, process::tail},
};
use std::{
    fs::{self, File},
    io::{Read as _, Seek as _, SeekFrom},
    path::Path,
    process::Stdio,
    time::Duration,
};
use tokio::{
    process::{Child, Command},
    time::{Instant, sleep},
};

const POLL: Duration = Duration::from_millis(50);
/// For what comes before the services start: servers, migrations.
const PREPARATION: Duration = Duration::from_secs(60);

/// Starts the supervisor in the background and waits until every service has answered.
///
/// # Errors
/// It does not come that far; it is stopped then.
pub(super) async fn run(stack: &Stack, args: &UpArgs) -> Result<(), Error> {
    let patience = PREPARATION + Duration::from_secs(args.timeout);
    if Lock::take(&stack.file("run/supervisor.lock"))?.is_none() {
        wait_for_other(stack, patience).await?;
        output::note(&format!("already running from {}", stack.folder.display()));
        return Ok(());
    }
    let log = stack.file("log/neptune.log");
    let mut child = spawn(stack, args, &log)?;
    let ended = follow(stack, &mut child, &log, patience).await;
    let left = child.id().and_then(process::current).filter(|_| ended.is_err());
    if let Some(supervisor) = left {
        process::signal(supervisor, nix::sys::signal::Signal::SIGTERM);
        tokio::time::timeout(GRACE + POLL, child.wait()).await.ok();
    }
    ended
}

fn spawn(stack: &Stack, args: &UpArgs, log: &Path) -> Result<Child, Error> {
    let action = "start the supervisor";
    let failed = |error: std::io::Error| Error::step(action, error);
    let own = std::env::current_exe().map_err(failed)?;
    if log.exists() {
        fs::rename(log, log.with_extension("log.1")).map_err(failed)?;
    }
    let output = File::options().create(true).append(true).open(log).map_err(failed)?;
    let mut command = Command::new(own);
    command.arg("--state-dir").arg(&stack.folder).args(["up", "--session", "--team", args.team.as_str()]);
    command.arg("--resources").arg(&args.resources).args(["--timeout", &args.timeout.to_string()]);
    if args.with_simulator {
        command.arg("--with-simulator");
    }
    for replicas in &args.replicas {
        command.args(["--replicas", &format!("{}={}", replicas.program.name(), replicas.count)]);
    }
    command.stdin(Stdio::null()).stdout(output.try_clone().map_err(failed)?).stderr(output);
    command.spawn().map_err(failed)
}

/// Shows what the supervisor says until it is ready.
async fn follow(stack: &Stack, child: &mut Child, log: &Path, patience: Duration) -> Result<(), Error> {
    let deadline = Instant::now() + patience;
    let mut shown = 0;
    loop {
        let ended = child.try_wait().map_err(|error| Error::step("watch the supervisor", error))?;
        shown = show_news(log, shown);
        if let Some(status) = ended {
            // Somebody else was faster: theirs is the stack now.
            if status.success() {
                return Ok(());
            }
            return Err(Error::NotReady(format!("the stack did not start ({status}); its log is {}", log.display())));
        }
        let ready = board::recorded(&stack.file("run/state.json"))?
            .is_some_and(|state| state.ready && Some(state.supervisor.pid) == child.id());
        if ready {
            return Ok(());
        }
        if Instant::now() >= deadline || said_warning(log) {
            return Err(not_ready(stack));
        }
        sleep(POLL).await;
    }
}

/// The supervisor itself goes on when somebody does not answer in time, and says so.
fn said_warning(log: &Path) -> bool {
    fs::read_to_string(log).is_ok_and(|text| text.lines().any(|line| line.starts_with("warning: no answer after")))
}

fn not_ready(stack: &Stack) -> Error {
    let services = status::processes(stack).ok().flatten().map(|report| report.services).unwrap_or_default();
    let logs = services.iter().map(|service| {
        let log = stack.file(&format!("log/{}.log", service.name));
        format!("  {} ({}, {} restarts):\n{}", service.name, service.state.as_str(), service.restarts, tail(&log, 4))
    });
    Error::NotReady(format!(
        "not every service answered in time, so the stack is stopped again\n{}",
        logs.collect::<Vec<_>>().join("\n")
    ))
}

fn show_news(log: &Path, shown: u64) -> u64 {
    let mut news = String::new();
    let read = File::open(log).and_then(|mut file| {
        file.seek(SeekFrom::Start(shown))?;
        file.read_to_string(&mut news)
    });
    // Whole lines only; the rest is shown when it is complete.
    let whole = news.rfind('\n').map_or(0, |end| end + 1);
    match (read, news.get(..whole)) {
        (Ok(_), Some(lines)) if !lines.is_empty() => {
            output::note(lines.trim_end());
            shown + lines.len() as u64
        }
        _ => shown,
    }
}

async fn wait_for_other(stack: &Stack, patience: Duration) -> Result<(), Error> {
    let deadline = Instant::now() + patience;
    while !status::processes(stack)?.is_some_and(|report| report.ready) {
        if Instant::now() >= deadline {
            return Err(Error::NotReady(
                "it runs already, and not every service is up; `neptune status` shows which".into(),
            ));
        }
        sleep(POLL).await;
    }
    Ok(())
}
