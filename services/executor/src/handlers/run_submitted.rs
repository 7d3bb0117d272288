//! A run was submitted: it begins, by the definition that is in force now.

use crate::{
    domain::run::{course::Heard, finish},
    runs::{Runs, carry, mailbox::Item, settled},
};
use neptune_bus::{Incoming, Outcome};
use neptune_contracts::{
    Timestamp,
    ids::RunId,
    resource::workflow::meant,
    run::{RunSubmitted, log::RunMadeOf, tags},
};
use neptune_workflow::run::{Problem, Standard};
use serde_json::Value;
use std::sync::Arc;

/// Begins the run. One that cannot begin ends as rejected.
pub async fn handle(runs: Arc<Runs>, incoming: Incoming<RunSubmitted>) -> Outcome {
    let Some(team) = incoming.message.team.clone() else {
        return Outcome::Reject { reason: "the subject names no valid team".into() };
    };
    let stored_id = RunId::of_stored(&incoming.meta.stream, incoming.meta.sequence);
    let id = incoming.message.id.unwrap_or(stored_id);
    let reply_to = incoming.caller_inbox(&runs.bus, &team);
    let (delivered, stored_at) = (incoming.meta.delivered, incoming.meta.stored_at);
    let submitted = incoming.message;
    let key = (team, id);
    match begin(&runs, &submitted, stored_at) {
        Ok(made_of) => {
            let made_of = Arc::new(RunMadeOf { reply_to, ..made_of });
            let heard = Heard::Start { input: submitted.input };
            runs.hear(key, Item { heard, delivered, made_of: Some(made_of) }).await
        }
        // It may have begun before what it needs was taken away.
        Err(_) if delivered > 1 && matches!(runs.read(&key).await, Ok(Some(_))) => Outcome::Done,
        Err(problem) => {
            let fact = finish::rejected(id, &key.0, &submitted, &problem, (stored_at, Timestamp::now()));
            settled(runs.end(&fact, reply_to.as_deref()).await)
        }
    }
}

/// What the run is made of.
fn begin(runs: &Runs, submitted: &RunSubmitted, stored_at: Timestamp) -> Result<RunMadeOf, Problem> {
    let resources = runs.resources.borrow().clone();
    let name = meant(&submitted.workflow, resources.workflows.keys().map(String::as_str));
    let found = name.and_then(|name| resources.workflows.get(name).map(|workflow| (name, workflow)));
    let (name, workflow) = found.ok_or_else(|| {
        let remedy = "apply its definition, or name one that is";
        Problem::new(Standard::Configuration, format!("there is no workflow {}; {remedy}", submitted.workflow))
    })?;
    let made_of = carry::made_of(name, &workflow.document, |made_of| {
        made_of.submitted_at = stored_at;
        made_of.origin = submitted.origin;
        made_of.key.clone_from(&submitted.key);
        made_of.metadata.clone_from(&submitted.metadata);
        made_of.tags = tags(&workflow.document, &submitted.tags);
        made_of.parent.clone_from(&submitted.parent);
    });
    let read = runs.definitions.of(&made_of);
    read.map(|_| made_of).map_err(|detail| Problem::new(Standard::Configuration, detail))
}

/// The workflow's tags and the caller's.
fn tags(document: &Value, submitted: &[String]) -> Vec<String> {
    let own = document.pointer("/document/metadata/neptune/tags").and_then(Value::as_array);
    let own = own.into_iter().flatten().filter_map(Value::as_str);
    tags::together(own.chain(submitted.iter().map(String::as_str)))
}
