//! `up`: prepares the servers and supervises the services.

mod detach;
mod prepare;
mod ready;

use crate::{
    args::UpArgs,
    domain::{
        environment,
        program::{Program, replica_names},
        run_state::{ProcessRef, RunState, ServiceRecord, ServiceStatus},
    },
    error::Error,
    output, process,
    stack::Stack,
    supervisor::{self, Board, GRACE, Launch, Lock, stale},
};
use neptune_runtime::Shutdown;
use nix::sys::signal::Signal;
use std::{fs, sync::Arc, time::Duration};

/// How long `up` waits for a service to stop before it kills it at a second signal.
const HURRY: Duration = Duration::from_millis(500);

/// Runs the stack until it is told to stop; with `--detach`, starts that in the background.
///
/// # Errors
/// A server does not answer, a program is missing or refuses its configuration, or (detached) not
/// every service answered in time.
pub async fn run(stack: Stack, args: UpArgs) -> Result<(), Error> {
    for folder in ["run", "log"] {
        let path = stack.file(folder);
        fs::create_dir_all(&path).map_err(|source| Error::File { action: "create", path, source })?;
    }
    if args.detach {
        return detach::run(&stack, &args).await;
    }
    if args.session {
        nix::unistd::setsid().map_err(|error| Error::step("become a session of its own", error))?;
    }
    let Some(_lock) = Lock::take(&stack.file("run/supervisor.lock"))? else {
        output::note(&format!("already running from {}; `neptune status` shows what", stack.folder.display()));
        return Ok(());
    };
    let shutdown = Shutdown::new();
    let work = supervise(stack, args, &shutdown);
    tokio::pin!(work);
    let mut signals = Signals::open()?;
    tokio::select! {
        ended = &mut work => return ended,
        () = signals.next() => shutdown.cancel(),
    }
    output::note("stopping; a second signal kills");
    work.await
}

async fn supervise(mut stack: Stack, args: UpArgs, shutdown: &Shutdown) -> Result<(), Error> {
    stale::end_left_behind(&stack.file("run/state.json"), GRACE).await?;
    stack.make_missing_secrets()?;
    let launches = launches(&stack, &args)?;
    let board = Arc::new(Board::open(stack.file("run/state.json"), record(&stack, &launches)?)?);
    let Some(referenced) = shutdown.run_until_cancelled(prepare::run(&stack, &args)).await.transpose()? else {
        return Ok(());
    };
    let launches = with_references(launches, &stack, &args, referenced)?;
    output::step(&format!("starting {} processes; logs are in {}", launches.len(), stack.file("log").display()));
    let expected = ready::Expected::of(&launches, &stack, &args);
    let waiting =
        shutdown.run_until_cancelled(ready::wait(&stack, expected, &board, Duration::from_secs(args.timeout)));
    let killing = kill_at_second_signal(board.clone(), shutdown.clone());
    let running =
        supervisor::run(launches.into_iter().map(|(_, launch)| launch).collect(), board.clone(), GRACE, shutdown);
    tokio::pin!(running);
    tokio::select! {
        ended = &mut running => return ended,
        ready = waiting => if let Some(Err(error)) = ready {
            output::note(&format!("warning: {}", neptune_runtime::service::chain(&error)));
        },
    }
    tokio::select! {
        ended = &mut running => ended,
        () = killing => running.await,
    }
}

/// Every process of the stack, with its program.
fn launches(stack: &Stack, args: &UpArgs) -> Result<Vec<(Program, Launch)>, Error> {
    let sources = stack.sources(args.with_simulator);
    let stand_ins = if args.with_simulator { Program::STAND_INS } else { &[] };
    let mut launches = Vec::new();
    // Stand-ins first: the services find them when they start.
    for program in stand_ins.iter().chain(Program::SERVICES).copied() {
        let (binary, variables) = (super::migrate::binary(program)?, environment::of(program, &sources)?);
        for name in replica_names(program, &args.replicas) {
            let log = stack.file(&format!("log/{name}.log"));
            let launch =
                Launch { name, program: binary.clone(), arguments: Vec::new(), environment: variables.clone(), log };
            launches.push((program, launch));
        }
    }
    Ok(launches)
}

/// The environments once the resources are known, which name further variables.
fn with_references(
    launches: Vec<(Program, Launch)>,
    stack: &Stack,
    args: &UpArgs,
    referenced: environment::Referenced,
) -> Result<Vec<(Program, Launch)>, Error> {
    let sources = environment::Sources { referenced, ..stack.sources(args.with_simulator) };
    let complete = |(program, launch): (Program, Launch)| {
        Ok((program, Launch { environment: environment::of(program, &sources)?, ..launch }))
    };
    launches.into_iter().map(complete).collect()
}

fn record(stack: &Stack, launches: &[(Program, Launch)]) -> Result<RunState, Error> {
    let own: ProcessRef = process::current(std::process::id())
        .ok_or_else(|| Error::step("find this process", "the system does not tell"))?;
    let service = |(_, launch): &(Program, Launch)| ServiceRecord {
        name: launch.name.clone(),
        process: None,
        state: ServiceStatus::Waiting,
        restarts: 0,
    };
    Ok(RunState {
        supervisor: own,
        ready: false,
        url: stack.ingress_url(),
        services: launches.iter().map(service).collect(),
        servers: super::status::servers(stack),
    })
}

/// Once stopping, a second signal is taken as "now": what still runs is killed.
async fn kill_at_second_signal(board: Arc<Board>, shutdown: Shutdown) {
    shutdown.cancelled().await;
    let Ok(mut signals) = Signals::open() else { return };
    signals.next().await;
    let left: Vec<ProcessRef> = board.state().services.iter().filter_map(|service| service.process).collect();
    left.iter().for_each(|process| process::signal(*process, Signal::SIGKILL));
    process::gone(&left, HURRY).await;
}

struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

impl Signals {
    fn open() -> Result<Self, Error> {
        use tokio::signal::unix::{SignalKind, signal};
        let open = |kind| signal(kind).map_err(|error| Error::step("listen to signals", error));
        Ok(Self { terminate: open(SignalKind::terminate())?, interrupt: open(SignalKind::interrupt())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
