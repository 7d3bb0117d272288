//! `GET /v1/runs`: which runs are looked for.

use super::keys::Caller;
use neptune_contracts::{
    Timestamp,
    problem::Problem,
    query::runs::{Cursor, MAX_RUNS, RunsQuery, STATES},
    resource::KeyRole,
    run::tags::{TAG_FORM, is_tag},
};
use serde_json::Value;

/// Runs of a page when nothing is said.
const LIMIT: u32 = 50;
const KNOWN: &str = "workflow, state, team, since, until, tag, limit, cursor and totals are read";

/// The search of a query string. A caller's key sees its own team's runs alone, an admin's those of all.
///
/// # Errors
/// Every parameter that is unknown or malformed.
pub fn search(pairs: &[(String, String)], caller: &Caller) -> Result<RunsQuery, Vec<Problem>> {
    let mut query = RunsQuery { limit: LIMIT, ..RunsQuery::default() };
    let mut faults = Vec::new();
    for (name, value) in pairs {
        if let Err(fault) = take(&mut query, name, value) {
            faults.push(fault);
        }
    }
    if caller.role == KeyRole::Caller {
        if query.team.as_ref().is_some_and(|team| *team != caller.team) {
            let text = format!("another team's runs; this key sees those of {}", caller.team);
            faults.push(Problem::new("team", text, "leave it out, or use an admin key"));
        }
        query.team = Some(caller.team.clone());
    }
    if faults.is_empty() { Ok(query) } else { Err(faults) }
}

fn take(query: &mut RunsQuery, name: &str, value: &str) -> Result<(), Problem> {
    let fault = |text: &str, remedy: &str| Err(Problem::new(name.chars().take(64).collect::<String>(), text, remedy));
    match name {
        "workflow" => query.workflow = Some(value.to_owned()),
        "state" => {
            for state in value.split(',') {
                if !STATES.contains(&state) {
                    return fault("no state of a run", &format!("use {}", STATES.join(", ")));
                }
                query.states.push(state.to_owned());
            }
        }
        "team" => match value.parse() {
            Ok(team) => query.team = Some(team),
            Err(_) => return fault("no name of a team", "use one that `GET /v1/runs` answers"),
        },
        "since" => query.since = Some(time(name, value)?),
        "until" => query.until = Some(time(name, value)?),
        "tag" => {
            for tag in value.split(',') {
                if !is_tag(tag) {
                    return fault("no tag", &format!("use {TAG_FORM}"));
                }
                query.tags.push(tag.to_owned());
            }
        }
        "limit" => match value.parse() {
            Ok(limit) if (1..=MAX_RUNS).contains(&limit) => query.limit = limit,
            _ => return fault("out of range, the limit is 1 to 500", "give a whole number in it"),
        },
        "cursor" if Cursor::read(value).is_some() => query.cursor = Some(value.to_owned()),
        "cursor" => return fault("no cursor", "give the `next` of the page before, with the same filters"),
        "totals" => match value.parse() {
            Ok(totals) => query.totals = totals,
            Err(_) => return fault("neither true nor false", "give totals=true, or leave it out"),
        },
        _ => return fault("no such query parameter", KNOWN),
    }
    Ok(())
}

fn time(name: &str, value: &str) -> Result<Timestamp, Problem> {
    serde_json::from_value(Value::String(value.to_owned()))
        .map_err(|_| Problem::new(name, "no time", "write RFC 3339, as 2026-11-26T10:00:00Z"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn read(query: &[(&str, &str)], role: KeyRole) -> Result<RunsQuery, Vec<Problem>> {
        let caller = Caller { key: "k1".into(), team: "support".parse().unwrap(), role };
        let pairs: Vec<_> = query.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        search(&pairs, &caller)
    }

    fn check(query: &[(&str, &str)], fields: &[&str]) {
        let faults = read(query, KeyRole::Caller).err().unwrap_or_default();
        assert_eq!(faults.iter().map(|fault| fault.field.as_str()).collect::<Vec<_>>(), fields, "{query:?}");
    }

    #[test]
    fn every_fault_of_a_search_is_named() {
        check(&[("workflow", "a/b"), ("state", "running,paused"), ("tag", "x"), ("tag", "y"), ("limit", "500")], &[]);
        check(&[("since", "2026-11-26T10:00:00Z"), ("until", "yesterday"), ("limit", "0")], &["until", "limit"]);
        check(
            &[("state", "done"), ("tag", "two words"), ("cursor", "x"), ("wiat", "1")],
            &["state", "tag", "cursor", "wiat"],
        );
        check(&[("team", "sales")], &["team"]);
        check(&[("team", "support"), ("totals", "maybe")], &["totals"]);
    }

    #[test]
    fn a_team_sees_its_own_runs_and_an_admin_all() {
        assert_eq!(read(&[], KeyRole::Caller).unwrap().team.unwrap().as_str(), "support");
        assert_eq!(read(&[], KeyRole::Admin).unwrap().team, None);
        assert_eq!(read(&[("team", "sales")], KeyRole::Admin).unwrap().team.unwrap().as_str(), "sales");
        let query = read(&[("tag", "a,b"), ("tag", "c"), ("state", "running")], KeyRole::Admin).unwrap();
        assert_eq!((query.tags.len(), query.states.len(), query.limit), (3, 1, 50));
    }
}
