//! What is a value without its sensitive data?

use crate::{Office, domain::redact};
use neptune_contracts::query::{
    QueryError,
    redact::{RedactQuery, RedactReply},
};
use std::sync::Arc;

/// Answers with the value, what was found, and how sensitive it is now. Nothing of it is kept or logged.
///
/// # Errors
/// The team or the policy is unknown, or the value is too large.
pub async fn handle(office: Arc<Office>, query: RedactQuery) -> Result<RedactReply, QueryError> {
    let policy = office.policy.load_full();
    let Some(team) = policy.team(&query.team) else {
        return Err(QueryError { code: "not_found".into(), message: format!("there is no team {}", query.team) });
    };
    let floor = team.class;
    // A large value takes its time, beside the thread that serves the others.
    let done = tokio::task::spawn_blocking(move || redact::answer(&query, floor)).await;
    done.unwrap_or_else(|_| {
        Err(QueryError { code: "unavailable".into(), message: "looking for sensitive data crashed".into() })
    })
}
