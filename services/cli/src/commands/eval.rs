//! `neptune eval`: the router's own decisions over labelled tasks, line by line as JSON, and over
//! recorded ones.

pub mod bandit;
pub mod policy;
pub mod routing;
pub mod task_type;

use crate::{args::EvalTaskTypeArgs, domain::labelled::Row, error::Error, output};
use clap::Subcommand;
use neptune_router::domain::{lessons::Example, quality::Context, residual::Wording};
use std::collections::BTreeSet;

/// What is evaluated.
#[derive(Subcommand, Debug)]
pub enum Eval {
    /// Tell the kind of work of prompts: one line of JSON a prompt, in the order of the input.
    TaskType(EvalTaskTypeArgs),
    /// Print what quality and cost are expected of each model: `{id, candidates}` a line.
    Routing(routing::RoutingArgs),
    /// Choose a model for each task of a stream and learn from it: `{id, model}` a line.
    Bandit(bandit::BanditArgs),
    /// Decide recorded tasks again under other resources, and show what would change. Needs a stack.
    Policy(policy::PolicyArgs),
}

/// Runs an evaluation; `context` is asked for by one that needs a stack.
///
/// # Errors
/// A file cannot be read, or is not what it should be; or the stack does not answer.
pub async fn run(eval: &Eval, context: impl FnOnce() -> Result<crate::Context, Error>) -> Result<(), Error> {
    match eval {
        Eval::TaskType(args) => task_type::run(args),
        Eval::Routing(args) => routing::run(args),
        Eval::Bandit(args) => bandit::run(args),
        Eval::Policy(args) => policy::run(&context()?, args).await,
    }
}

/// Where a labelled task stands: its data set is its step, as a workflow's step would be.
fn context(row: &Row) -> Context {
    Context::new(row.task_type, row.input_tokens, row.step.as_deref())
}

/// Every model that any of the tasks has a score of, by name.
fn models(rows: &[Row]) -> Vec<String> {
    let names: BTreeSet<&String> = rows.iter().flat_map(|row| row.scores.keys()).collect();
    names.into_iter().cloned().collect()
}

/// The tasks as examples about `models`.
fn examples(rows: &[Row], models: &[String]) -> Vec<Example> {
    let example = |row: &Row| Example {
        context: context(row),
        wording: Wording::read(&row.text),
        length_bytes: row.text.len(),
        weight: 1.0,
        scores: models.iter().map(|model| row.scores.get(model).copied()).collect(),
        costs_usd: models.iter().map(|model| row.costs_usd.get(model).copied()).collect(),
    };
    rows.iter().map(example).collect()
}

/// Says which models have no cost.
fn note_without_cost(models: &BTreeSet<&str>) {
    if !models.is_empty() {
        let names: Vec<&str> = models.iter().copied().collect();
        let names = names.join(", ");
        output::note(&format!("warning: neither a cost nor a price is known of {names}; give prices with --prices"));
    }
}
