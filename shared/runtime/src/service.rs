//! The whole of a service's `main`.

use std::error::Error;
use std::io::Write;
use std::num::NonZeroUsize;
use std::process::ExitCode;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};

use crate::config::{self, ConfigError, Values, Variable};
use crate::telemetry::{self, Telemetry};
use crate::{Shutdown, help, signals};

/// The configuration cannot be used (`EX_USAGE` of sysexits): restarting would not help.
const EXIT_CONFIG: u8 = 64;

/// How long tasks that ignore the shutdown may keep the process alive after `run` has returned.
const LINGER_LIMIT: Duration = Duration::from_secs(2);

/// What every process reads about its own running.
pub const VARIABLES: &[Variable] = &[Variable {
    name: "NEPTUNE_THREADS",
    default: Some("1"),
    help: "Threads that run the service's work. One saves the hand-over between threads, which costs more than most \
           messages; more replicas scale further than more threads.",
}];

/// Runs a service: answers `--help` and `--version`, reads the configuration, starts telemetry, turns signals into the
/// [`Shutdown`] that `run` gets, and returns 0 when it ends well, 1 when it fails and 64 when the configuration cannot
/// be used. `name` is the service's short name, such as `router`.
pub fn main<C, F, Fut, E>(
    name: &'static str,
    about: &'static str,
    variables: &[&'static [Variable]],
    read: fn(&Values) -> Result<C, ConfigError>,
    run: F,
) -> ExitCode
where
    F: FnOnce(C, Shutdown) -> Fut,
    Fut: Future<Output = Result<(), E>>,
    E: Error,
{
    let tables: Vec<&[Variable]> = variables.iter().copied().chain([VARIABLES, telemetry::VARIABLES]).collect();
    if let Some(code) = answer_arguments(name, about, &tables) {
        return code;
    }
    // Before telemetry, whose HTTP client needs it.
    install_crypto_provider();
    let (config, telemetry, threads) = match prepare(name, &tables, read) {
        Ok(ready) => ready,
        Err(error) => {
            say(&mut std::io::stderr(), &format!("neptune-{name}: {error}\n"));
            return ExitCode::from(EXIT_CONFIG);
        }
    };
    let code = block_on(name, threads, config, run);
    telemetry.flush();
    code
}

/// Makes ring the process-wide provider of TLS cryptography; calling it again changes nothing. [`main`] does it;
/// tests that use TLS clients without it call it themselves.
pub fn install_crypto_provider() {
    // It fails only when a provider is installed already, and there is only this one.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

fn answer_arguments(name: &str, about: &str, tables: &[&[Variable]]) -> Option<ExitCode> {
    let program = format!("neptune-{name}");
    let argument = std::env::args().nth(1)?;
    match argument.as_str() {
        "--help" | "-h" => say(&mut std::io::stdout(), &help::render(&program, about, tables)),
        "--version" | "-V" => say(&mut std::io::stdout(), &format!("{program} {}\n", env!("CARGO_PKG_VERSION"))),
        _ => {
            let text = format!("{program}: it takes no arguments but --help; see there for its variables\n");
            say(&mut std::io::stderr(), &text);
            return Some(ExitCode::from(EXIT_CONFIG));
        }
    }
    Some(ExitCode::SUCCESS)
}

fn prepare<C>(
    name: &str,
    tables: &[&[Variable]],
    read: fn(&Values) -> Result<C, ConfigError>,
) -> Result<(C, Telemetry, NonZeroUsize), ConfigError> {
    let names = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    config::refuse_unknown(name, tables, names)?;
    let lookup = |name: &str| std::env::var_os(name).map(|value| value.to_string_lossy().into_owned());
    let values = Values::load(tables, &lookup);
    let config = read(&values)?;
    let threads = values.get("NEPTUNE_THREADS")?;
    Ok((config, Telemetry::start(name, &values)?, threads))
}

fn block_on<C, F, Fut, E>(name: &str, threads: NonZeroUsize, config: C, run: F) -> ExitCode
where
    F: FnOnce(C, Shutdown) -> Fut,
    Fut: Future<Output = Result<(), E>>,
    E: Error,
{
    let runtime = match runtime(threads) {
        Ok(runtime) => runtime,
        Err(error) => return failed(name, &error),
    };
    let shutdown = Shutdown::new();
    let result = runtime.block_on(async {
        if let Err(error) = signals::watch(shutdown.clone()) {
            return failed(name, &error);
        }
        tracing::info!(service = name, version = env!("CARGO_PKG_VERSION"), "starting");
        match Box::pin(run(config, shutdown)).await {
            Ok(()) => {
                tracing::info!(service = name, "stopped");
                ExitCode::SUCCESS
            }
            Err(error) => failed(name, &error),
        }
    });
    runtime.shutdown_timeout(LINGER_LIMIT);
    result
}

/// With one thread it is the one that blocks, so that nothing is handed over at all.
fn runtime(threads: NonZeroUsize) -> std::io::Result<Runtime> {
    if threads == NonZeroUsize::MIN {
        return Builder::new_current_thread().enable_all().build();
    }
    Builder::new_multi_thread().worker_threads(threads.get()).enable_all().build()
}

fn failed(name: &str, error: &dyn Error) -> ExitCode {
    tracing::error!(service = name, error = chain(error), "the service failed");
    ExitCode::FAILURE
}

/// An error and all its sources in one line.
pub fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

fn say(to: &mut dyn Write, text: &str) {
    // A reader that closed its end early (`--help | head`) is no failure of ours.
    let _ = to.write_all(text.as_bytes());
}
