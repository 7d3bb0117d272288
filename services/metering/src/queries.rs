//! What metering answers. One file per query.

mod attempts;
mod decisions;
mod quality;
mod routing;
mod runs;
mod shadows;
mod spend;
mod task;

use crate::{Parts, ledger::Ledger};
use neptune_contracts::query::{
    AttemptsQuery, Query, QueryError, SpendQuery, TaskQuery, decisions::DecisionsQuery, quality::QualityQuery,
    routing::RoutingQuery, runs::RunsQuery,
};
use sea_orm::DbErr;
use std::{error::Error as StdError, time::Duration};

/// A caller waits five seconds; after that an answer helps nobody.
const TIMEOUT: Duration = Duration::from_millis(4_500);

pub(crate) fn serve_all(parts: &mut Parts, ledger: &Ledger) {
    parts.serve::<TaskQuery, _, _, _>(ledger, |ledger, query| answer(ledger, query, task::answer));
    parts.serve::<SpendQuery, _, _, _>(ledger, |ledger, query| answer(ledger, query, spend::answer));
    parts.serve::<AttemptsQuery, _, _, _>(ledger, |ledger, query| answer(ledger, query, attempts::answer));
    parts.serve::<QualityQuery, _, _, _>(ledger, |ledger, query| answer(ledger, query, quality::answer));
    parts.serve::<RoutingQuery, _, _, _>(ledger, |ledger, query| answer(ledger, query, routing::answer));
    parts.serve::<DecisionsQuery, _, _, _>(ledger, |ledger, query| answer(ledger, query, decisions::answer));
    parts.serve::<RunsQuery, _, _, _>(ledger, |ledger, query| answer(ledger, query, runs::answer));
}

/// Why a query has no answer.
#[derive(Debug, thiserror::Error)]
enum Unanswered {
    #[error("{0}")]
    NotFound(String),
    #[error("{0}")]
    Invalid(String),
    #[error("the ledger cannot be read right now")]
    Read(#[from] DbErr),
    #[error("a stored row is not readable")]
    Decode(#[from] serde_json::Error),
}

async fn answer<Q: Query, F>(
    ledger: Ledger,
    query: Q,
    answer: impl FnOnce(Ledger, Q) -> F,
) -> Result<Q::Reply, QueryError>
where
    F: Future<Output = Result<Q::Reply, Unanswered>>,
{
    let unavailable = |message: &str| QueryError { code: "unavailable".into(), message: message.into() };
    let Ok(answer) = tokio::time::timeout(TIMEOUT, answer(ledger, query)).await else {
        return Err(unavailable("the ledger did not answer in time"));
    };
    answer.map_err(|error| match error {
        Unanswered::NotFound(message) => QueryError { code: "not_found".into(), message },
        Unanswered::Invalid(message) => QueryError { code: "invalid_request".into(), message },
        Unanswered::Read(_) | Unanswered::Decode(_) => {
            tracing::warn!(error = &error as &dyn StdError, query = Q::SUBJECT, "a query has no answer");
            unavailable(&error.to_string())
        }
    })
}
