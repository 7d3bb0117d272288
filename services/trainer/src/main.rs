//! Trains and measures the models of the router.

use clap::{Parser, Subcommand};
use neptune_trainer::{
    material::{self, LABELLED_FILE, labelled, samples},
    measure::{cross_validate, measure},
    priors,
    train::train,
};
use std::{error::Error, fs, io::Write as _, path::PathBuf, process::ExitCode};

/// Trains and measures the models of the router.
#[derive(Parser)]
#[command(name = "neptune-trainer", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Learn to tell the kind of work of a task, write the weights, and measure them.
    TaskType(TaskTypeArgs),
    /// Print what public benchmarks say about the models of the catalogue, by kind of work.
    Priors {
        /// Folder with the published scores.
        #[arg(long, value_name = "DIR")]
        data: PathBuf,
    },
}

#[derive(clap::Args)]
struct TaskTypeArgs {
    /// Folder with the labelled prompts of public sets.
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Folder with the prompts of ours.
    #[arg(long, value_name = "DIR", default_value = "services/trainer/prompts")]
    prompts: PathBuf,
    /// The file to write.
    #[arg(long, value_name = "FILE", default_value = "services/router/src/domain/task_type/weights.bin")]
    out: PathBuf,
    /// Also measure on the sets learned from, each fifth by a model that did not see it.
    #[arg(long)]
    cross_validate: bool,
}

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::TaskType(args) => task_type(&args),
        Command::Priors { data } => priors::read(&data).map(|table| priors::text(&table)).map_err(Into::into),
    };
    match done {
        Ok(report) => {
            let _closed = writeln!(std::io::stdout().lock(), "{report}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            let mut line = error.to_string();
            let mut cause = error.source();
            while let Some(error) = cause {
                line = format!("{line}: {error}");
                cause = error.source();
            }
            let _closed = writeln!(std::io::stderr().lock(), "error: {line}");
            ExitCode::FAILURE
        }
    }
}

fn task_type(args: &TaskTypeArgs) -> Result<String, Box<dyn Error>> {
    let rows = labelled(&args.data)?;
    let samples = samples(&rows, &args.prompts)?;
    let packed = train(&samples);
    let scratch = args.out.with_extension("new");
    fs::write(&scratch, packed.as_slice()).map_err(|error| format!("cannot write {}: {error}", scratch.display()))?;
    fs::rename(&scratch, &args.out).map_err(|error| format!("cannot write {}: {error}", args.out.display()))?;
    let own = samples.iter().filter(|sample| sample.source == material::OWN).count();
    let mut report = format!(
        "learned from {own} prompts of ours and {} of {LABELLED_FILE}; wrote {} bytes to {}\n",
        samples.len() - own,
        packed.len(),
        args.out.display()
    );
    for (name, measured) in measure(&packed, &rows) {
        report.push_str(&format!("\n== {name}: {}", measured.text()));
    }
    if args.cross_validate {
        for (name, measured) in cross_validate(&samples) {
            report.push_str(&format!("\n== {name}, cross-validated: {}", measured.text()));
        }
    }
    Ok(report)
}
