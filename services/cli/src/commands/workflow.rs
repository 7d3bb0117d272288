//! `neptune workflow`: definitions are looked at and tried while they are written, without a stack; and those that are
//! applied are listed with what starts them ([`list`]).

pub mod list;
pub mod rehearse;

use crate::{Context, error::Error, output};
use clap::{Args, Subcommand};
use neptune_workflow::{
    compiler::{self, VARIABLES},
    definition::Definition,
    expression::Expression,
    fault::Fault,
    outline::outline,
};
use serde::Serialize;
use serde_json::Value;
use std::{
    fs,
    path::{Path, PathBuf},
};

/// What to do with definitions.
#[derive(Subcommand, Debug)]
pub enum Workflow {
    /// Name every fault of definitions in YAML or JSON, with line, column and what was meant.
    Lint {
        /// The definitions.
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
    /// Say in words what a definition does in which order.
    Explain {
        /// The definition.
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// Carry a run to its end in this process, and show what was done.
    Run(Box<rehearse::RunArgs>),
    /// List the workflows that are applied: versions, what starts them, and when next.
    List,
    /// Show one: what starts it, its last runs, and who waits for a place.
    Show {
        /// The workflow, namespace/name.
        #[arg(value_name = "WORKFLOW")]
        name: String,
    },
    /// Evaluate a jq expression as a workflow would, in bounded time and memory.
    Evaluate(EvaluateArgs),
}

/// An expression and what it looks at.
#[derive(Args, Debug)]
pub struct EvaluateArgs {
    /// The expression; `${` and `}` around it may be left out.
    #[arg(value_name = "EXPRESSION", allow_hyphen_values = true)]
    pub expression: String,
    /// The input, which is `.`.
    #[arg(long, default_value = "null", value_name = "JSON")]
    pub input: String,
    /// A variable of the expression; may be repeated. Those of workflows are null unless given.
    #[arg(long = "variable", value_name = "NAME=JSON")]
    pub variables: Vec<String>,
}

/// What is wrong with a file.
#[derive(Serialize)]
struct Report<'a> {
    file: &'a Path,
    faults: Vec<Fault>,
}

/// Does what needs a stack, and else what needs none.
///
/// # Errors
/// Nobody answers, or what [`run`] says.
pub async fn run_with(context: &Context, workflow: &Workflow) -> Result<(), Error> {
    match workflow {
        Workflow::List => list::all(context).await,
        Workflow::Show { name } => list::one(context, name).await,
        other => run(other, context.json).await,
    }
}

/// Does it.
///
/// # Errors
/// A file cannot be read or has faults, the expression has no value, or the run did not complete.
pub async fn run(workflow: &Workflow, json: bool) -> Result<(), Error> {
    match workflow {
        Workflow::Lint { files } => lint(files, json),
        Workflow::Explain { file } => {
            let definition = read(file)?.map_err(|faults| Error::Resources(lines(file, &faults)))?;
            output::say_either(json, &definition, outline);
            Ok(())
        }
        Workflow::Run(args) => Box::pin(rehearse::run(args, json)).await,
        Workflow::List | Workflow::Show { .. } => Err(Error::Input("this asks a stack; none is given".into())),
        Workflow::Evaluate(args) => evaluate(args),
    }
}

fn read(file: &Path) -> Result<Result<Definition, Vec<Fault>>, Error> {
    Ok(compiler::read(&text_of(file)?))
}

fn text_of(file: &Path) -> Result<String, Error> {
    fs::read_to_string(file).map_err(|source| Error::File { action: "read", path: file.to_owned(), source })
}

fn lint(files: &[PathBuf], json: bool) -> Result<(), Error> {
    let (mut reports, mut told) = (Vec::new(), Vec::new());
    for file in files {
        let faults = match compiler::lint(&text_of(file)?) {
            Ok(definition) => {
                let (tasks, expressions) = (definition.steps.len(), definition.expressions);
                output::note(&format!("{}: fine, {tasks} tasks and {expressions} expressions", file.display()));
                Vec::new()
            }
            Err(faults) => faults,
        };
        told.extend(lines(file, &faults));
        reports.push(Report { file, faults });
    }
    if json {
        output::say_json(&reports);
    }
    if told.is_empty() { Ok(()) } else { Err(Error::Resources(told)) }
}

fn lines(file: &Path, faults: &[Fault]) -> Vec<String> {
    faults.iter().map(|fault| format!("{}:{fault}", file.display())).collect()
}

fn evaluate(args: &EvaluateArgs) -> Result<(), Error> {
    let input = json(&args.input, "--input")?;
    let mut given: Vec<(String, Value)> = Vec::new();
    for variable in &args.variables {
        let (name, value) = variable
            .split_once('=')
            .ok_or_else(|| Error::Input(format!("--variable {variable} has no `=`; write NAME=JSON")))?;
        given.push((format!("${}", name.trim_start_matches('$')), json(value, "--variable")?));
    }
    let own = given.iter().map(|(name, _)| name.as_str()).filter(|name| !VARIABLES.contains(name));
    let names: Vec<&str> = VARIABLES.into_iter().chain(own).collect();
    let text = neptune_workflow::grammar::expression(&args.expression).unwrap_or(&args.expression);
    let expression = Expression::compile(text, &names).map_err(|unreadable| Error::Input(unreadable.to_string()))?;
    let values: Vec<(&str, &Value)> = given.iter().map(|(name, value)| (name.as_str(), value)).collect();
    let value = expression.evaluate(&input, &values).map_err(|failure| Error::Input(failure.to_string()))?;
    output::say_json(&value);
    Ok(())
}

fn json(text: &str, option: &str) -> Result<Value, Error> {
    serde_json::from_str(text).map_err(|fault| Error::Input(format!("{option} is not JSON: {fault}")))
}
