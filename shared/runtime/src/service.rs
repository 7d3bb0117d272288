//! The frame of a service's `main`: help, configuration, telemetry, signals, exit code.

use crate::{
    Shutdown,
    config::{self, ConfigError, Values, Variable},
    telemetry,
};
use std::{error::Error, process::ExitCode};

/// Exit code for a configuration that cannot be used (`EX_USAGE`).
pub const EXIT_CONFIG: u8 = 64;

/// Runs a service: prints `--help`, or reads the configuration, starts telemetry, and calls `run`
/// with a [`Shutdown`] that SIGTERM and SIGINT cancel. A second signal ends the process at once.
pub fn main<C, F, Fut, E>(
    name: &'static str,
    about: &str,
    variables: &[&[Variable]],
    read: fn(&Values) -> Result<C, ConfigError>,
    run: F,
) -> ExitCode
where
    F: FnOnce(C, Shutdown) -> Fut,
    Fut: Future<Output = Result<(), E>>,
    E: Error + 'static,
{
    let mut tables: Vec<&[Variable]> = variables.to_vec();
    tables.push(telemetry::VARIABLES);
    let program = format!("neptune-{name}");
    if std::env::args().any(|argument| argument == "--help" || argument == "-h") {
        say(&config::help(&program, about, &tables));
        return ExitCode::SUCCESS;
    }
    match prepare(name, &tables, read) {
        Ok((config, telemetry)) => {
            let code = start(name, config, run);
            drop(telemetry);
            code
        }
        Err(error) => {
            complain(&format!("{program}: {error}"));
            ExitCode::from(EXIT_CONFIG)
        }
    }
}

fn prepare<C>(
    name: &'static str,
    tables: &[&[Variable]],
    read: fn(&Values) -> Result<C, ConfigError>,
) -> Result<(C, telemetry::Telemetry), String> {
    let prefix = format!("NEPTUNE_{}_", name.to_ascii_uppercase());
    let names = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    config::refuse_unknown(&prefix, tables, names).map_err(|error| error.to_string())?;
    let lookup = |name: &str| std::env::var(name).ok();
    let values = Values::load(tables, &lookup).map_err(|error| error.to_string())?;
    let config = read(&values).map_err(|error| error.to_string())?;
    let filter: String = values.get("NEPTUNE_LOG").map_err(|error| error.to_string())?;
    let endpoint: Option<String> = values.optional("NEPTUNE_OTLP_ENDPOINT").map_err(|error| error.to_string())?;
    let endpoint = endpoint.or_else(|| lookup("OTEL_EXPORTER_OTLP_ENDPOINT"));
    use_one_crypto_provider();
    let telemetry = telemetry::start(name, &filter, endpoint.as_deref()).map_err(|error| error.to_string())?;
    Ok((config, telemetry))
}

/// Makes ring the crypto provider of every TLS connection of the process. Calling it again is fine.
pub fn use_one_crypto_provider() {
    rustls::crypto::ring::default_provider().install_default().ok();
}

fn start<C, F, Fut, E>(name: &'static str, config: C, run: F) -> ExitCode
where
    F: FnOnce(C, Shutdown) -> Fut,
    Fut: Future<Output = Result<(), E>>,
    E: Error + 'static,
{
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            complain(&format!("neptune-{name}: cannot start the runtime: {error}"));
            return ExitCode::FAILURE;
        }
    };
    runtime.block_on(async {
        let shutdown = Shutdown::new();
        tokio::spawn(stop_on_signals(shutdown.clone()));
        tracing::info!(service = name, version = env!("CARGO_PKG_VERSION"), "starting");
        match run(config, shutdown).await {
            Ok(()) => {
                tracing::info!(service = name, "stopped");
                ExitCode::SUCCESS
            }
            Err(error) => {
                tracing::error!(service = name, error = &error as &dyn Error, "failed");
                complain(&format!("neptune-{name}: {}", chain(&error)));
                ExitCode::FAILURE
            }
        }
    })
}

async fn stop_on_signals(shutdown: Shutdown) {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut terminate), Ok(mut interrupt)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        return;
    };
    for first in [true, false] {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        if first {
            shutdown.cancel();
        } else {
            std::process::exit(130);
        }
    }
}

/// An error with its causes, in one line.
#[must_use]
pub fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

#[expect(clippy::print_stdout, reason = "--help is asked for on standard output")]
fn say(text: &str) {
    println!("{text}");
}

#[expect(clippy::print_stderr, reason = "without telemetry there is no log yet")]
fn complain(text: &str) {
    eprintln!("{text}");
}
