//! `neptune run`: runs of workflows, over HTTP with the caller's key; `show` asks over the bus.

use super::{ledger::ask, submit};
use crate::{
    Context, connection,
    domain::{run_list, run_tree, since},
    error::Error,
    output,
};
use clap::{Args, Subcommand};
use neptune_contracts::{
    Timestamp,
    ids::RunId,
    names::{DataClass, Team},
    query::{
        run::{RunQuery, RunView},
        runs::RunsQuery,
    },
};
use serde_json::{Map, Value, json};
use std::{path::PathBuf, time::Duration};

/// How long the HTTP answer may take beyond the wait itself.
const MARGIN: Duration = Duration::from_secs(15);
/// Between two looks of `--follow`.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// What to do with runs.
#[derive(Subcommand, Debug)]
pub enum Run {
    /// Start a run of a workflow.
    Start(StartArgs),
    /// Show a run: its steps with their times, models and costs.
    Show {
        /// The run.
        id: RunId,
        /// Go on showing what is new until it has ended.
        #[arg(long)]
        follow: bool,
    },
    /// List runs, the newest first: by workflow, state, team, time and tag.
    List(ListArgs),
    /// End a run; what its definition says how to undo is undone.
    Cancel {
        /// The run.
        id: RunId,
        /// Why; kept with the run.
        #[arg(long, default_value = "")]
        reason: String,
    },
    /// Begin nothing more until the run is resumed.
    Pause {
        /// The run.
        id: RunId,
    },
    /// Go on with a paused run.
    Resume {
        /// The run.
        id: RunId,
    },
    /// Go on with a failed run where it failed.
    Retry {
        /// The run.
        id: RunId,
    },
    /// Send an event to a run, or answer its approval.
    Signal(SignalArgs),
}

/// A run to start.
#[derive(Args, Debug)]
pub struct StartArgs {
    /// The workflow, namespace/name for its highest version or namespace/name:version.
    #[arg(value_name = "WORKFLOW")]
    pub workflow: String,
    /// Its input; `{}` unless given.
    #[arg(long, value_name = "JSON", conflicts_with = "input_file")]
    pub input: Option<String>,
    /// A file with its input as JSON; `-` reads standard input.
    #[arg(long, value_name = "FILE")]
    pub input_file: Option<PathBuf>,
    /// A word by which the run is found. Repeatable.
    #[arg(long = "tag", value_name = "TAG", value_delimiter = ',')]
    pub tags: Vec<String>,
    /// A label kept with the run and its tasks. Repeatable.
    #[arg(long = "label", value_name = "NAME=VALUE")]
    pub labels: Vec<String>,
    /// How sensitive its input is at least: public, internal, confidential or restricted.
    #[arg(long)]
    pub class: Option<DataClass>,
    /// The same key is the same run.
    #[arg(long, value_name = "KEY")]
    pub idempotency_key: Option<String>,
    /// Seconds to wait for its end; 0 returns when the run is accepted.
    #[arg(long, default_value_t = 0, value_name = "SECONDS")]
    pub wait: u64,
}

/// Which runs to list.
#[derive(Args, Debug)]
pub struct ListArgs {
    /// Only of this workflow: namespace/name for all its versions, or namespace/name:version.
    #[arg(long, value_name = "WORKFLOW")]
    pub workflow: Option<String>,
    /// Only in this state, such as running, paused, completed or faulted. Repeatable.
    #[arg(long = "state", value_name = "STATE", value_delimiter = ',')]
    pub states: Vec<String>,
    /// Only of this team.
    #[arg(long)]
    pub team: Option<Team>,
    /// Only submitted since then: a time, or how long ago (90m, 24h, 7d).
    #[arg(long, value_name = "TIME")]
    pub since: Option<String>,
    /// Only submitted before then.
    #[arg(long, value_name = "TIME")]
    pub until: Option<String>,
    /// Only with this tag. Repeatable: with all of them.
    #[arg(long = "tag", value_name = "TAG", value_delimiter = ',')]
    pub tags: Vec<String>,
    /// Most runs, 1 to 500.
    #[arg(long, default_value_t = 50, value_name = "COUNT")]
    pub limit: u32,
    /// Only those after a page before, which told it.
    #[arg(long, value_name = "CURSOR")]
    pub cursor: Option<String>,
    /// Tell what all of them cost too, by workflow.
    #[arg(long)]
    pub totals: bool,
}

/// An event to send.
#[derive(Args, Debug)]
pub struct SignalArgs {
    /// The run.
    pub id: RunId,
    /// The type of the event; neptune.approval answers an approval.
    #[arg(long = "type", value_name = "TYPE", required_unless_present_any = ["approve", "refuse"])]
    pub kind: Option<String>,
    /// What it says.
    #[arg(long, value_name = "JSON", default_value = "null")]
    pub data: String,
    /// Its id: a second one with it is the same.
    #[arg(long, value_name = "ID")]
    pub event_id: Option<String>,
    /// How sensitive it is at least: public, internal, confidential or restricted. The run is from then on.
    #[arg(long)]
    pub class: Option<DataClass>,
    /// Approve what the run asks for.
    #[arg(long, conflicts_with_all = ["kind", "refuse"])]
    pub approve: bool,
    /// Refuse it.
    #[arg(long, conflicts_with = "kind")]
    pub refuse: bool,
    /// Which step asks, where several do: its name or its number.
    #[arg(long, value_name = "STEP")]
    pub step: Option<String>,
    /// Who answers.
    #[arg(long, value_name = "NAME")]
    pub by: Option<String>,
}

/// Does it.
///
/// # Errors
/// The arguments are malformed, the ingress refuses, or nobody knows the run.
pub async fn run(context: &Context, run: Run) -> Result<(), Error> {
    match run {
        Run::Start(args) => start(context, args).await,
        Run::List(args) => list(context, args).await,
        Run::Show { id, follow } => show(context, id, follow).await,
        Run::Cancel { id, reason } => tell(context, id, "cancel", &json!({"reason": reason})).await,
        Run::Pause { id } => tell(context, id, "pause", &json!({})).await,
        Run::Resume { id } => tell(context, id, "resume", &json!({})).await,
        Run::Retry { id } => tell(context, id, "retry", &json!({})).await,
        Run::Signal(args) => tell(context, args.id, "signals", &signal(&args)?).await,
    }
}

async fn start(context: &Context, args: StartArgs) -> Result<(), Error> {
    let input = match (&args.input, &args.input_file) {
        (Some(text), _) => parse(text, "--input")?,
        (None, Some(file)) => submit::read_json(file)?,
        (None, None) => json!({}),
    };
    let body = json!({"workflow": args.workflow, "input": input, "labels": labels(&args.labels)?, "tags": args.tags});
    let body = of_class(body, args.class);
    let query = if args.wait == 0 { String::new() } else { format!("?wait={}", args.wait) };
    let wait = Duration::from_secs(args.wait);
    let (is_ended, answer) =
        post(context, &format!("/v1/runs{query}"), &body, (wait, args.idempotency_key.as_deref())).await?;
    if is_ended {
        let view = serde_json::from_value(answer).map_err(|error| Error::step("read the answer", error))?;
        return ended(context, &view);
    }
    let id = answer.get("id").and_then(Value::as_str).unwrap_or_default().to_owned();
    output::say_either(context.json, &answer, |_| id.clone());
    if args.wait == 0 {
        return Ok(());
    }
    let text = format!("the run is accepted and has not ended after {} s; `neptune run show {id}` has it", args.wait);
    Err(Error::NotReady(text))
}

fn labels(given: &[String]) -> Result<Map<String, Value>, Error> {
    let label = |text: &String| match text.split_once('=') {
        Some((name, value)) => Ok((name.to_owned(), Value::String(value.to_owned()))),
        None => Err(Error::Input(format!("--label {text} has no `=`; write NAME=VALUE"))),
    };
    given.iter().map(label).collect()
}

fn parse(text: &str, option: &str) -> Result<Value, Error> {
    serde_json::from_str(text).map_err(|fault| Error::Input(format!("{option} is not JSON: {fault}")))
}

fn signal(args: &SignalArgs) -> Result<Value, Error> {
    let (kind, data) = if args.approve || args.refuse {
        let instance = args.step.as_deref().and_then(|step| step.parse::<u64>().ok());
        let step = args.step.as_deref().filter(|_| instance.is_none());
        let answer = json!({"approved": args.approve, "step": step, "instance": instance, "by": args.by});
        ("neptune.approval".to_owned(), answer)
    } else {
        (args.kind.clone().unwrap_or_default(), parse(&args.data, "--data")?)
    };
    Ok(of_class(json!({"type": kind, "data": data, "id": args.event_id}), args.class))
}

fn of_class(mut body: Value, class: Option<DataClass>) -> Value {
    if let (Some(class), Some(fields)) = (class, body.as_object_mut()) {
        fields.insert("class".to_owned(), json!(class));
    }
    body
}

fn ended(context: &Context, view: &RunView) -> Result<(), Error> {
    output::say_either(context.json, view, |view| run_tree::render(view, Timestamp::now()));
    match view.state.as_str() {
        "completed" => Ok(()),
        "cancelled" => Err(Error::RunEnded("cancelled")),
        "timed_out" => Err(Error::RunEnded("timed_out")),
        "budget_exhausted" => Err(Error::RunEnded("budget_exhausted")),
        "rejected" => Err(Error::RunEnded("rejected")),
        _ => Err(Error::RunEnded("faulted")),
    }
}

async fn show(context: &Context, id: RunId, follow: bool) -> Result<(), Error> {
    let bus = connection::operator(&context.stack).await?;
    let mut seen: Option<RunView> = None;
    loop {
        let view = ask(&bus, &RunQuery { id, team: None }).await?;
        match &seen {
            None => output::say_either(context.json, &view, |view| run_tree::render(view, Timestamp::now())),
            // Times of what goes on change all the time; what counts is what the run did.
            Some(before) if *before == view => {}
            Some(before) => output::say_either(context.json, &view, |view| {
                run_tree::news(before, view, Timestamp::now()).join("\n")
            }),
        }
        if !follow || view.ended_at.is_some() {
            return Ok(());
        }
        seen = Some(view);
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

async fn list(context: &Context, args: ListArgs) -> Result<(), Error> {
    let time = |option: &str, text: Option<String>| {
        let read = text.map(|text| since::parse(&text, Timestamp::now())).transpose();
        read.map_err(|error| Error::Input(format!("{option}: {error}")))
    };
    let query = RunsQuery {
        team: args.team,
        workflow: args.workflow,
        states: args.states,
        tags: args.tags,
        since: time("--since", args.since)?,
        until: time("--until", args.until)?,
        limit: args.limit,
        cursor: args.cursor,
        totals: args.totals,
    };
    let bus = connection::operator(&context.stack).await?;
    let report = ask(&bus, &query).await?;
    output::say_either(context.json, &report, |report| run_list::render(report, Timestamp::now()));
    Ok(())
}

async fn tell(context: &Context, id: RunId, what: &str, body: &Value) -> Result<(), Error> {
    let (_, answer) = post(context, &format!("/v1/runs/{id}/{what}"), body, (Duration::ZERO, None)).await?;
    output::say_either(context.json, &answer, |_| format!("{id} is told"));
    Ok(())
}

/// The answer of the ingress, and whether it is the end of what was asked for.
pub(super) async fn post(
    context: &Context,
    path: &str,
    body: &Value,
    (wait, idempotency_key): (Duration, Option<&str>),
) -> Result<(bool, Value), Error> {
    let stack = &context.stack;
    let base = stack.get("NEPTUNE_URL").map_or_else(|| stack.ingress_url(), str::to_owned);
    let key = stack.get("NEPTUNE_API_KEY").ok_or_else(|| {
        Error::Input("NEPTUNE_API_KEY is not set; `neptune up` writes one to the state directory's env file, `neptune key create` makes more".into())
    })?;
    let client = reqwest::Client::builder().timeout(wait + MARGIN).build();
    let client = client.map_err(|error| Error::step("prepare the HTTP client", error))?;
    let mut request = client.post(format!("{}{path}", base.trim_end_matches('/'))).bearer_auth(key).json(body);
    if let Some(idempotency_key) = idempotency_key {
        request = request.header("idempotency-key", idempotency_key);
    }
    let answer = request.send().await.map_err(|error| submit::unreachable_or(error, &base))?;
    let status = answer.status();
    let text = answer.text().await.map_err(|error| Error::step("read the answer", error))?;
    if status == reqwest::StatusCode::NOT_FOUND {
        return Err(Error::NotFound(submit::refusal(status, &text)));
    }
    if !status.is_success() {
        return Err(Error::Step { action: "do that".into(), source: submit::refusal(status, &text).into() });
    }
    let answer = serde_json::from_str(&text).map_err(|error| Error::step("read the answer", error))?;
    Ok((status == reqwest::StatusCode::OK, answer))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn an_approval_names_its_step_by_name_or_number() {
        let args = |step: &str| SignalArgs {
            id: "0199f2aa-0000-7000-8000-000000000001".parse().unwrap(),
            kind: None,
            data: "null".into(),
            event_id: None,
            approve: true,
            refuse: false,
            step: Some(step.into()),
            by: None,
            class: None,
        };
        let data = |step: &str| signal(&args(step)).unwrap().get("data").cloned().unwrap();
        assert_eq!(data("may"), json!({"approved": true, "step": "may", "instance": null, "by": null}));
        assert_eq!(data("4"), json!({"approved": true, "step": null, "instance": 4, "by": null}));
    }
}
