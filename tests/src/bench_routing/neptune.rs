//! `neptune eval` as an operator calls it.

use super::tasks::{Task, folder};
use serde::{Deserialize, de::DeserializeOwned};
use std::{
    collections::BTreeMap,
    fs::File,
    io::{BufWriter, Write as _},
    path::{Path, PathBuf},
    process::Command,
};

/// What the router expects of each model for a task.
#[derive(Clone, Debug, Deserialize)]
pub struct Expected {
    /// The task.
    pub id: String,
    /// By model.
    pub candidates: BTreeMap<String, Candidate>,
}

/// What the router expects of a model.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct Candidate {
    /// Quality, 0 to 1.
    pub quality: f64,
    /// US dollars.
    pub cost_usd: Option<f64>,
}

/// What the router chose.
#[derive(Clone, Debug, Deserialize)]
pub struct Choice {
    /// The task.
    pub id: String,
    /// The model.
    pub model: String,
}

/// What money is worth on a stream.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    /// Right answers for a dollar.
    pub lambda: f64,
    /// Dollars a task, when there is a budget.
    pub budget_usd: Option<f64>,
    /// Which draws.
    pub seed: u64,
}

/// `neptune eval routing`.
#[must_use]
pub fn routing(train: &[Task], test: &[Task]) -> Vec<Expected> {
    run(&["routing".into()], [("--train", train), ("--test", test)])
}

/// `neptune eval bandit`.
#[must_use]
pub fn bandit(prior: &[Task], stream: &[Task], terms: Terms) -> Vec<Choice> {
    let mut words: Vec<String> =
        vec!["bandit".into(), "--lambda".into(), terms.lambda.to_string(), "--seed".into(), terms.seed.to_string()];
    if let Some(budget_usd) = terms.budget_usd {
        words.extend(["--budget-usd-per-task".into(), budget_usd.to_string()]);
    }
    run(&words, [("--prior", prior), ("--stream", stream)])
}

fn run<T: DeserializeOwned>(words: &[String], files: [(&str, &[Task]); 2]) -> Vec<T> {
    let place = tempfile::tempdir().unwrap();
    let mut command = Command::new(program());
    command.arg("eval").args(words).arg("--prices").arg(folder().unwrap().join("prices.csv"));
    for (option, tasks) in files {
        let file = place.path().join(format!("{}.jsonl", option.trim_start_matches('-')));
        write(&file, tasks);
        command.arg(option).arg(file);
    }
    let ran = command.output().unwrap_or_else(|error| panic!("cannot run {}: {error}", program().display()));
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    String::from_utf8(ran.stdout).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The command beside this program, or the one that `NEPTUNE_BIN` names.
fn program() -> PathBuf {
    std::env::var_os("NEPTUNE_BIN")
        .map_or_else(|| std::env::current_exe().unwrap().with_file_name("neptune"), PathBuf::from)
}

fn write(file: &Path, tasks: &[Task]) {
    let mut file = BufWriter::new(File::create(file).unwrap());
    for task in tasks {
        writeln!(file, "{}", task.line).unwrap();
    }
    file.flush().unwrap();
}
