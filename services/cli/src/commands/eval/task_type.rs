//! `neptune eval task-type`: the kind of work of recorded prompts, as the router tells it.

use crate::{args::EvalTaskTypeArgs, error::Error, output};
use neptune_contracts::{chat::ChatRequest, names::TaskType};
use neptune_router::domain::task_type::recognise;
use neptune_trainer::{corpus, report::Report};
use serde::Serialize;

/// What is said of a prompt.
#[derive(Debug, Serialize)]
struct Line {
    /// As in the input.
    id: String,
    task_type: TaskType,
    /// 0 to 1.
    confidence: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    second_task_type: Option<TaskType>,
    #[serde(skip_serializing_if = "Option::is_none")]
    second_confidence: Option<f64>,
}

/// Prints a line a prompt, and the comparison with the labels when asked for.
///
/// # Errors
/// The input cannot be read, or a line of it is no prompt.
pub fn run(args: &EvalTaskTypeArgs) -> Result<(), Error> {
    let mut report = Report::default();
    for row in corpus::read(&args.input).map_err(unusable)? {
        let row = row.map_err(unusable)?;
        let kind = recognise(&ChatRequest::user(row.prompt));
        if let Some(truth) = row.task_type {
            report.add(truth, kind.task_type, kind.confidence);
        }
        let line = Line {
            id: row.id,
            task_type: kind.task_type,
            confidence: kind.confidence,
            second_task_type: kind.second.map(|second| second.task_type),
            second_confidence: kind.second.map(|second| second.confidence),
        };
        output::say(&serde_json::to_string(&line).map_err(|error| Error::step("print a line", error))?);
    }
    if args.report && report.total() == 0 {
        output::note("no prompt has a `task_type` to compare with");
    } else if args.report {
        output::note(&report.text());
    }
    Ok(())
}

fn unusable(error: corpus::Error) -> Error {
    match error {
        corpus::Error::Read { path, source } => Error::File { action: "read", path, source },
        error @ corpus::Error::Line { .. } => Error::Input(neptune_runtime::service::chain(&error)),
    }
}
