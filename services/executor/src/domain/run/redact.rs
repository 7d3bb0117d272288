//! Redactions that runs ask for: what governance is asked, and what its reply answers.

use super::class;
use neptune_contracts::{
    names::Team,
    query::redact::{RedactQuery, RedactReply},
};
use neptune_workflow::{
    call::redact,
    run::{Answer, Problem, Request},
};
use serde_json::{Map, Value, json};

/// The question to governance.
///
/// # Errors
/// The arguments name nothing to redact.
pub fn query(team: &Team, request: &Request) -> Result<RedactQuery, Problem> {
    let (_, value) = redact::subject(&request.arguments)?;
    let policy = request.arguments.get("policy").and_then(Value::as_str).map(str::to_owned);
    Ok(RedactQuery { team: team.clone(), value: value.clone(), policy })
}

/// What the reply answers a step: the value under the name it was given by, `findings` and `class`. The answer is as
/// sensitive as what is left; its note says how sensitive the data was, and so is the run, which still has it.
#[must_use]
pub fn answer(request: &Request, reply: RedactReply) -> Answer {
    let note = json!({"class": reply.found_class, "lowered_to": reply.class, "findings": reply.findings});
    let name = redact::subject(&request.arguments).map_or("value", |(name, _)| name);
    let output = Map::from_iter([
        (name.to_owned(), reply.value),
        ("findings".to_owned(), json!(reply.findings)),
        ("class".to_owned(), json!(reply.class)),
    ]);
    Answer {
        sensitivity: class::rank(reply.class),
        seen: class::rank(reply.found_class),
        note: Some(note),
        ..Answer::output(Value::Object(output))
    }
}
