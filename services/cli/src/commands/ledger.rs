//! `task show`, `explain`, `cost`, `budget`: questions to the services, over the bus.

use crate::{
    Context,
    args::CostArgs,
    connection,
    domain::{account, since},
    error::Error,
    output,
};
use neptune_bus::{Bus, RequestError};
use neptune_contracts::{
    Timestamp,
    finished::TaskFinished,
    ids::TaskId,
    names::Team,
    query::{BudgetQuery, Query, SpendQuery, TaskQuery, TaskView},
};

/// Shows what became of a task.
///
/// # Errors
/// Nobody knows the task.
pub async fn show(context: &Context, id: TaskId) -> Result<(), Error> {
    let bus = connection::operator(&context.stack).await?;
    match ask(&bus, &TaskQuery { id, team: None }).await {
        Ok(view) => {
            let answer = fresh(&bus, &view.finished.team, id).await;
            let view = TaskView {
                finished: TaskFinished { output: answer.and_then(|finished| finished.output), ..view.finished },
                ..view
            };
            output::say_either(context.json, &view, |view| with_answer(&view.finished, account::view(view)));
            Ok(())
        }
        Err(error) => {
            let finished = search(&bus, id).await.ok_or(error)?;
            output::note("from the results of the last day; the ledger does not have it yet");
            output::say_either(context.json, &finished, |finished| with_answer(finished, account::summary(finished)));
            Ok(())
        }
    }
}

/// Says why a task went the way it did.
///
/// # Errors
/// Nobody knows the task.
pub async fn explain(context: &Context, id: TaskId) -> Result<(), Error> {
    let bus = connection::operator(&context.stack).await?;
    let finished = match ask(&bus, &TaskQuery { id, team: None }).await {
        Ok(view) => view.finished,
        Err(error) => search(&bus, id).await.ok_or(error)?,
    };
    output::say_either(context.json, &finished, account::explanation);
    Ok(())
}

/// Shows what was spent.
///
/// # Errors
/// The period is malformed, or metering does not answer.
pub async fn cost(context: &Context, args: CostArgs) -> Result<(), Error> {
    let since = args
        .since
        .map(|text| since::parse(&text, Timestamp::now()))
        .transpose()
        .map_err(|error| Error::Input(format!("--since: {error}")))?;
    let (group_by, title) = args.by.query();
    let bus = connection::operator(&context.stack).await?;
    let report = ask(&bus, &SpendQuery { team: args.team, since, until: None, group_by }).await?;
    output::say_either(context.json, &report, |report| account::spend(report, title));
    Ok(())
}

/// Shows how a team's budgets stand.
///
/// # Errors
/// Governance does not answer.
pub async fn budget(context: &Context, team: Team) -> Result<(), Error> {
    let bus = connection::operator(&context.stack).await?;
    let report = ask(&bus, &BudgetQuery { team }).await?;
    output::say_either(context.json, &report, account::budgets);
    Ok(())
}

pub(super) async fn ask<Q: Query>(bus: &Bus, query: &Q) -> Result<Q::Reply, Error> {
    bus.request(query).await.map_err(|error| match error {
        RequestError::Unavailable { service } => Error::Unreachable {
            what: format!("the {service} service"),
            remedy: "`neptune status` shows whether it runs".into(),
        },
        RequestError::Refused(refusal) if refusal.code == "not_found" => Error::NotFound(refusal.message),
        other => Error::step("get an answer", other),
    })
}

/// The stored fact of a task, while it is in the hot window.
async fn fresh(bus: &Bus, team: &Team, id: TaskId) -> Option<TaskFinished> {
    bus.result(team, id).await.ok().flatten()
}

/// The stored fact of a task of an unknown team.
async fn search(bus: &Bus, id: TaskId) -> Option<TaskFinished> {
    let stored = bus.stored_resources().await.ok()?;
    for team in stored.keys().filter_map(|key| key.strip_prefix("team/")?.parse().ok()) {
        if let Some(finished) = fresh(bus, &team, id).await {
            return Some(finished);
        }
    }
    None
}

fn with_answer(finished: &TaskFinished, account: String) -> String {
    finished.text().map_or(account.clone(), |text| format!("{account}\n\n{text}"))
}
