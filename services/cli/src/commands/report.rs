//! `report`: what metering's ledger adds up to.

use super::ledger::ask;
use crate::{
    Context, connection,
    domain::{routing_report, since},
    error::Error,
    output,
};
use clap::{Args, Subcommand};
use neptune_contracts::{Timestamp, names::Team, query::routing::RoutingQuery};

/// What is reported.
#[derive(Subcommand, Debug)]
pub enum Report {
    /// How routing went: who did what, at what cost and quality, and what other policies would have
    /// cost. Each number says how it is known.
    Routing(RoutingArgs),
}

/// Over which time.
#[derive(Args, Debug)]
pub struct RoutingArgs {
    /// From when on: a time (RFC 3339) or how long ago (90m, 24h, 7d).
    #[arg(long, value_name = "WHEN", default_value = "7d", allow_hyphen_values = true)]
    pub since: String,
    /// Only this team's tasks.
    #[arg(long)]
    pub team: Option<Team>,
}

/// Shows a report.
///
/// # Errors
/// The time is malformed, or metering does not answer.
pub async fn run(context: &Context, report: Report) -> Result<(), Error> {
    let Report::Routing(args) = report;
    let since =
        since::parse(&args.since, Timestamp::now()).map_err(|error| Error::Input(format!("--since: {error}")))?;
    let bus = connection::operator(&context.stack).await?;
    let report = ask(&bus, &RoutingQuery { team: args.team, since: Some(since), until: None }).await?;
    output::say_either(context.json, &report, routing_report::render);
    Ok(())
}
