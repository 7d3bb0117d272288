//! The numbers side by side with what they must reach.
#![allow(clippy::print_stdout, reason = "this is what the bench is for")]

use serde_json::{Value, json};
use std::{fs, path::Path};

/// A number, and what it must reach.
#[derive(Clone, Debug)]
pub struct Line {
    name: String,
    least: Option<f64>,
    most: Option<f64>,
    reached: f64,
    tasks: usize,
}

impl Line {
    /// A number that must be at least `least`, measured over so many tasks.
    #[must_use]
    pub fn at_least(name: &str, least: f64, reached: f64, tasks: usize) -> Self {
        Self { name: name.to_owned(), least: Some(least), most: None, reached, tasks }
    }

    /// A number that must be at most `most`.
    #[must_use]
    pub fn at_most(name: &str, most: f64, reached: f64, tasks: usize) -> Self {
        Self { name: name.to_owned(), least: None, most: Some(most), reached, tasks }
    }

    /// A number that must be within bounds.
    #[must_use]
    pub fn between(name: &str, (least, most): (f64, f64), reached: f64, tasks: usize) -> Self {
        Self { name: name.to_owned(), least: Some(least), most: Some(most), reached, tasks }
    }

    fn target(&self) -> String {
        match (self.least, self.most) {
            (Some(least), Some(most)) => format!("{least} to {most}"),
            (Some(least), None) => format!("at least {least}"),
            (None, most) => format!("at most {}", most.unwrap_or(f64::INFINITY)),
        }
    }

    fn is_reached(&self) -> bool {
        self.least.is_none_or(|least| self.reached >= least) && self.most.is_none_or(|most| self.reached <= most)
    }
}

/// Prints the table and stores it under `target/bench/`.
pub fn print(lines: &[Line]) {
    println!("| measured | tasks | target | reached | |\n|---|--:|--:|--:|---|");
    for line in lines {
        let verdict = if line.is_reached() { "" } else { "missed" };
        println!("| {} | {} | {} | {:.4} | {verdict} |", line.name, line.tasks, line.target(), line.reached);
    }
    let rows: Vec<Value> = lines
        .iter()
        .map(|line| {
            json!({"measured": line.name, "tasks": line.tasks, "least": line.least, "most": line.most,
                "reached": line.reached, "is_reached": line.is_reached()})
        })
        .collect();
    let folder = Path::new("target/bench");
    fs::create_dir_all(folder).unwrap();
    let file = folder.join("routing.json");
    fs::write(&file, serde_json::to_string_pretty(&rows).unwrap()).unwrap();
    println!("\nstored in {}", file.display());
}
