//! The labelled tasks of the shared data.

use flate2::read::GzDecoder;
use serde_json::Value;
use std::{
    collections::{BTreeMap, HashMap},
    fs::{self, File},
    io::Read as _,
    path::PathBuf,
};

/// A task with everything that is known of it.
#[derive(Clone, Debug)]
pub struct Task {
    /// Its id.
    pub id: String,
    /// Its data set.
    pub dataset: String,
    /// Score by model.
    pub scores: BTreeMap<String, f64>,
    /// Cost by model, in US dollars; list prices and 300 output tokens where the set says nothing.
    pub costs_usd: BTreeMap<String, f64>,
    /// As it stands in the file.
    pub line: Value,
}

/// Folds of equal size by the hash of the id, so that copies of a prompt stay together.
#[derive(Clone, Copy, Debug)]
pub struct Folds {
    /// How many.
    pub count: u64,
}

impl Folds {
    /// The fold of a task.
    #[must_use]
    pub fn of(&self, task: &Task) -> u64 {
        // A second copy of a prompt is named `id#2`.
        let id = task.id.split('#').next().unwrap_or_default();
        (hash(id) >> 32) % self.count
    }
}

/// FNV-1a, mixed once more.
#[must_use]
pub fn hash(text: &str) -> u64 {
    let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    text.bytes().fold(0xcbf2_9ce4_8422_2325, step).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// The folder of the routing data, when there is one.
#[must_use]
pub fn folder() -> Option<PathBuf> {
    let shared = std::env::var_os("NEPTUNE_SHARED").map_or_else(|| PathBuf::from("../shared"), PathBuf::from);
    Some(shared.join("data/routing")).filter(|folder| folder.is_dir())
}

/// The tasks of a set, for example `mmlu_pro`. Models that under 99 % of them have are left out.
#[must_use]
pub fn load(set: &str) -> Vec<Task> {
    let folder = folder().expect("the data is there");
    let prices = prices(&folder.join("prices.csv"), &format!("(routing_{set})"));
    let mut text = String::new();
    let file = File::open(folder.join(format!("routing_{set}.jsonl.gz"))).unwrap();
    GzDecoder::new(file).read_to_string(&mut text).unwrap();
    let tasks: Vec<Task> = text.lines().map(|line| task(serde_json::from_str(line).unwrap(), &prices)).collect();
    let mut counts: BTreeMap<&String, usize> = BTreeMap::new();
    for task in &tasks {
        task.scores.keys().for_each(|model| *counts.entry(model).or_default() += 1);
    }
    let models: Vec<String> = counts
        .into_iter()
        .filter(|(_, count)| count * 100 >= tasks.len() * 99)
        .map(|(model, _)| model.clone())
        .collect();
    tasks.into_iter().map(|task| task.with_models(&models)).collect()
}

impl Task {
    /// The task as if there were only these models.
    #[must_use]
    pub fn with_models(mut self, models: &[String]) -> Self {
        self.scores.retain(|model, _| models.contains(model));
        self.costs_usd.retain(|model, _| models.contains(model));
        self.written()
    }

    /// The task with its scores and costs in its line.
    #[must_use]
    pub fn written(mut self) -> Self {
        self.line["score"] = serde_json::to_value(&self.scores).unwrap();
        if self.line.get("cost").is_some() {
            self.line["cost"] = serde_json::to_value(&self.costs_usd).unwrap();
        }
        self
    }

    /// Whether every one of `models` has a score and a cost.
    #[must_use]
    pub fn is_complete(&self, models: &[String]) -> bool {
        models.iter().all(|model| self.scores.contains_key(model) && self.costs_usd.contains_key(model))
    }
}

/// Every model of the tasks.
#[must_use]
pub fn models(tasks: &[Task]) -> Vec<String> {
    let names: std::collections::BTreeSet<&String> = tasks.iter().flat_map(|task| task.scores.keys()).collect();
    names.into_iter().cloned().collect()
}

fn task(line: Value, prices: &HashMap<String, (f64, f64)>) -> Task {
    let numbers = |name: &str| -> BTreeMap<String, f64> {
        let fields = line[name].as_object().into_iter().flatten();
        fields.filter_map(|(model, number)| Some((model.clone(), number.as_f64()?))).collect()
    };
    let scores = numbers("score");
    let mut costs_usd = numbers("cost");
    if costs_usd.is_empty() {
        let characters = line["prompt"].as_str().map_or(0, |prompt| prompt.chars().count());
        for (model, (input, output)) in prices.iter().filter(|(model, _)| scores.contains_key(*model)) {
            #[expect(clippy::cast_precision_loss, reason = "the length of a prompt fits")]
            let tokens = characters as f64 / 4.0;
            costs_usd.insert(model.clone(), (tokens * input + 300.0 * output) / 1e6);
        }
    }
    let text = |name: &str| line[name].as_str().unwrap_or_default().to_owned();
    Task { id: text("id"), dataset: text("dataset"), scores, costs_usd, line }
}

/// Dollars per million tokens in and out, from the lines of the table whose source names `set`.
fn prices(file: &std::path::Path, set: &str) -> HashMap<String, (f64, f64)> {
    let text = fs::read_to_string(file).unwrap_or_default();
    let of_set = text.lines().filter(|line| line.contains(set));
    of_set
        .filter_map(|line| {
            let columns: Vec<&str> = line.split(',').collect();
            Some(((*columns.first()?).to_owned(), (columns.get(1)?.parse().ok()?, columns.get(2)?.parse().ok()?)))
        })
        .collect()
}
