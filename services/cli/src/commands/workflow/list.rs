//! `neptune workflow list` and `show`: what is applied, as the executors see it.

use crate::{Context, commands::ledger::ask, connection, domain::workflow_list, error::Error, output};
use neptune_contracts::query::workflow::WorkflowsQuery;

/// Lists every workflow.
///
/// # Errors
/// Nobody answers.
pub async fn all(context: &Context) -> Result<(), Error> {
    let bus = connection::operator(&context.stack).await?;
    let report = ask(&bus, &WorkflowsQuery::default()).await?;
    output::say_either(context.json, &report, |report| workflow_list::table(&report.workflows));
    Ok(())
}

/// Shows one.
///
/// # Errors
/// There is none of the name, or nobody answers.
pub async fn one(context: &Context, name: &str) -> Result<(), Error> {
    let bus = connection::operator(&context.stack).await?;
    let bare = name.split(':').next().unwrap_or(name).to_owned();
    let report = ask(&bus, &WorkflowsQuery { name: Some(bare) }).await?;
    output::say_either(context.json, &report.workflows, |workflows| {
        workflows.iter().map(workflow_list::whole).collect::<Vec<_>>().join("\n\n")
    });
    Ok(())
}
