//! `dead list`, `dead show`, `dead replay`.

use crate::{Context, args::DeadCommand, connection, domain::table::Table, error::Error, output};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use neptune_bus::{
    Bus,
    dead::{self, ReplayError, Stored},
};
use serde_json::{Value, json};

/// Looks at messages that were given up, or publishes one again.
///
/// # Errors
/// There is no such message, or the broker does not answer.
pub async fn run(context: &Context, command: DeadCommand) -> Result<(), Error> {
    let bus = connection::operator(&context.stack).await?;
    match command {
        DeadCommand::List { limit } => list(context, &bus, limit).await,
        DeadCommand::Show { sequence } => show(context, &bus, sequence).await,
        DeadCommand::Replay { sequence } => replay(context, &bus, sequence).await,
    }
}

async fn list(context: &Context, bus: &Bus, limit: usize) -> Result<(), Error> {
    let letters = dead::list(bus, limit).await.map_err(|error| Error::step("list the dead letters", error))?;
    let rows: Vec<Value> = letters.iter().map(json_of).collect();
    output::say_either(context.json, &rows, |_| table(&letters));
    Ok(())
}

fn table(letters: &[Stored]) -> String {
    let mut table = Table::new(&[">number", "at", "service", "team", "subject", ">deliveries", "reason"]);
    for Stored { sequence, letter } in letters {
        table.row([
            sequence.to_string(),
            letter.at.to_string(),
            letter.service.to_string(),
            letter.team.clone(),
            letter.subject.clone(),
            letter.deliveries.to_string(),
            letter.reason.clone(),
        ]);
    }
    table.render()
}

async fn show(context: &Context, bus: &Bus, sequence: u64) -> Result<(), Error> {
    let stored = dead::get(bus, sequence).await.map_err(|error| Error::step("read the dead letter", error))?;
    let stored = stored.ok_or_else(|| Error::NotFound(ReplayError::Unknown(sequence).to_string()))?;
    output::say_either(context.json, &json_of(&stored), |_| {
        let headers = stored.letter.headers.iter().map(|(name, values)| format!("{name}: {}", values.join(", ")));
        let body = BASE64_STANDARD.decode(&stored.letter.body).unwrap_or_default();
        let head = table(std::slice::from_ref(&stored));
        format!("{head}\n\n{}\n\n{}", headers.collect::<Vec<_>>().join("\n"), String::from_utf8_lossy(&body))
    });
    Ok(())
}

async fn replay(context: &Context, bus: &Bus, sequence: u64) -> Result<(), Error> {
    let task = dead::replay(bus, sequence).await.map_err(|error| match error {
        ReplayError::Unknown(_) => Error::NotFound(error.to_string()),
        other => Error::step("replay the dead letter", other),
    })?;
    let task = task.map(|task| task.to_string());
    output::say_either(context.json, &json!({"sequence": sequence, "task": task}), |_| match &task {
        Some(task) => format!("published again as task {task}"),
        None => "published again".to_owned(),
    });
    Ok(())
}

fn json_of(stored: &Stored) -> Value {
    json!({"sequence": stored.sequence, "letter": stored.letter})
}
