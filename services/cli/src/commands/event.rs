//! `neptune event`: events for whoever of a team listens, over HTTP with the caller's key, or on the bus for a team.

use super::{run, submit};
use crate::{Context, connection, error::Error, output};
use clap::{Args, Subcommand, builder::NonEmptyStringValueParser};
use neptune_bus::Cause;
use neptune_contracts::{
    Timestamp,
    event::{EventPublished, SPEC_VERSION},
    names::{DataClass, Team},
};
use serde_json::{Map, Value, json};
use std::{path::Path, time::Duration};
use uuid::Uuid;

/// What to do with events.
#[derive(Subcommand, Debug)]
pub enum Event {
    /// Send an event to the runs that listen now and the schedules that wait for it.
    Send(SendArgs),
}

/// An event to send.
#[derive(Args, Debug)]
pub struct SendArgs {
    /// What happened, such as ticket.closed; listening steps and schedules choose by it.
    #[arg(value_name = "TYPE", value_parser = NonEmptyStringValueParser::new())]
    pub kind: String,
    /// What it says: JSON, or a file with some as @FILE; @- reads standard input.
    #[arg(long, value_name = "JSON|@FILE", default_value = "null")]
    pub data: String,
    /// Its id: a second one of the same source with it is a repeat.
    #[arg(long, value_name = "ID", value_parser = NonEmptyStringValueParser::new())]
    pub id: Option<String>,
    /// Where it is from, a URI or a path.
    #[arg(long, value_name = "URI", value_parser = NonEmptyStringValueParser::new())]
    pub source: Option<String>,
    /// What of its source it is about.
    #[arg(long, value_name = "TEXT", value_parser = NonEmptyStringValueParser::new())]
    pub subject: Option<String>,
    /// How sensitive it is at least: public, internal, confidential or restricted.
    #[arg(long)]
    pub class: Option<DataClass>,
    /// Publish it on the bus for this team, as the operator; over HTTP the key says the team.
    #[arg(long)]
    pub team: Option<Team>,
}

/// Does it.
///
/// # Errors
/// The data is not JSON, the ingress refuses, or the broker does not store it.
pub async fn run(context: &Context, event: Event) -> Result<(), Error> {
    let Event::Send(args) = event;
    let data = data(&args.data)?;
    let answer = match args.team.clone() {
        Some(team) => on_bus(context, args, (team, data)).await?,
        None => {
            let (_, answer) = run::post(context, "/v1/events", &body(&args, data), (Duration::ZERO, None)).await?;
            answer
        }
    };
    output::say_either(context.json, &answer, told);
    Ok(())
}

fn data(text: &str) -> Result<Value, Error> {
    match text.strip_prefix('@') {
        Some(file) => submit::read_json(Path::new(file)),
        None => serde_json::from_str(text).map_err(|fault| {
            Error::Input(format!("--data is not JSON: {fault}; write a text as '\"text\"', and a file as @FILE"))
        }),
    }
}

/// What is posted: only what is given, because the ingress fills in the rest.
fn body(args: &SendArgs, data: Value) -> Value {
    let given = [
        ("type", Some(json!(args.kind))),
        ("data", Some(data)),
        ("id", args.id.as_ref().map(|id| json!(id))),
        ("source", args.source.as_ref().map(|source| json!(source))),
        ("subject", args.subject.as_ref().map(|subject| json!(subject))),
        ("class", args.class.map(|class| json!(class))),
    ];
    Value::Object(given.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect())
}

async fn on_bus(context: &Context, args: SendArgs, (team, data): (Team, Value)) -> Result<Value, Error> {
    let event = EventPublished {
        team: Some(team),
        specversion: SPEC_VERSION.to_owned(),
        id: args.id.unwrap_or_else(|| Uuid::now_v7().to_string()),
        source: args.source.unwrap_or_else(|| "/operator".to_owned()),
        kind: args.kind,
        subject: args.subject,
        time: Some(Timestamp::now().to_string()),
        data,
        run: None,
        step: None,
        class: args.class,
        hops: 0,
        attributes: Map::new(),
    };
    let bus = connection::operator(&context.stack).await?;
    let stored = bus.publish(&event, &Cause::root()).await.map_err(|error| Error::step("publish the event", error))?;
    Ok(json!({"id": event.id, "source": event.source, "is_new": !stored.duplicate}))
}

fn told(answer: &Value) -> String {
    let id = answer.get("id").and_then(Value::as_str).unwrap_or_default();
    let is_new = answer.get("is_new") != Some(&Value::Bool(false));
    if is_new { id.to_owned() } else { format!("{id}, which was sent before and is heard once") }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn data_is_json_or_a_file_with_some() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "{\"n\": 1}").unwrap();
        assert_eq!(data(&format!("@{}", file.path().display())).unwrap(), json!({"n": 1}));
        assert_eq!(data("[7]").unwrap(), json!([7]));
        assert!(data("closed").unwrap_err().to_string().contains("write a text as"));
        assert!(data("@/nowhere/at/all").unwrap_err().to_string().contains("cannot read /nowhere/at/all"));
    }
}
