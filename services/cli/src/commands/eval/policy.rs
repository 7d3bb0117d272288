//! `neptune eval policy`: what other resources would have decided, before they are applied.

use crate::{
    Context,
    commands::{ledger::ask, resources},
    connection,
    domain::{policy_change::Change, since},
    error::Error,
    files, output,
};
use clap::Args;
use neptune_contracts::{Timestamp, names::Team, query::decisions::DecisionsQuery, resource::Resources};
use std::path::PathBuf;

/// Which resources, and over which decisions.
#[derive(Args, Debug)]
pub struct PolicyArgs {
    /// Resources that would be applied on top of the stored ones: files or folders. Repeatable.
    #[arg(long = "routes", value_name = "PATH", required = true)]
    pub files: Vec<PathBuf>,
    /// Decisions from when on: a time (RFC 3339) or how long ago (90m, 24h, 7d).
    #[arg(long, value_name = "WHEN", default_value = "7d", allow_hyphen_values = true)]
    pub since: String,
    /// Only this team's tasks.
    #[arg(long)]
    pub team: Option<Team>,
    /// At most so many decisions, oldest first.
    #[arg(long, default_value_t = 20_000, value_name = "NUMBER")]
    pub limit: usize,
}

/// Decides recorded tasks again and shows what would change.
///
/// # Errors
/// Files have faults, the time is malformed, or metering does not answer.
pub async fn run(context: &Context, args: &PolicyArgs) -> Result<(), Error> {
    let since =
        since::parse(&args.since, Timestamp::now()).map_err(|error| Error::Input(format!("--since: {error}")))?;
    let manifests = files::manifests(&args.files)?;
    let bus = connection::operator(&context.stack).await?;
    let stored = resources::stored(&bus).await?;
    let before = read(stored.iter())?;
    let declared = files::specs(&manifests);
    let after = read(stored.iter().chain(declared.iter()))?;
    let mut change = Change::default();
    let mut query = DecisionsQuery { team: args.team.clone(), since: Some(since), ..DecisionsQuery::default() };
    loop {
        let page = ask(&bus, &query).await?;
        for fact in page.decisions.iter().take(args.limit - change.decisions()) {
            change.take_in(fact, &before, &after);
        }
        if page.next.is_none() {
            break;
        }
        if change.decisions() >= args.limit {
            output::note(&format!("only the first {} decisions were read; give --limit for more", args.limit));
            break;
        }
        query.after = page.next;
    }
    output::say_either(context.json, &change.summary(), |summary| summary.render());
    Ok(())
}

fn read<'a>(specs: impl Iterator<Item = (&'a String, &'a serde_json::Value)>) -> Result<Resources, Error> {
    let mut resources = Resources::default();
    for (key, spec) in specs {
        let Some((kind, name)) = key.split_once('/') else { continue };
        resources
            .insert(kind, name, spec.clone())
            .map_err(|error| Error::step(format!("read the stored resource {key}"), error))?;
    }
    Ok(resources)
}
