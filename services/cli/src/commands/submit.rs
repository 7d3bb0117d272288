//! `submit`: over HTTP with the caller's key, or on the bus as the team's own client.

use crate::{
    Context,
    args::SubmitArgs,
    connection,
    domain::{account, request},
    error::Error,
    output,
};
use neptune_bus::Cause;
use neptune_contracts::{
    finished::{Outcome, TaskFinished},
    ids::TaskId,
    names::Origin,
};
use serde_json::Value;
use std::{io::Read as _, path::Path, time::Duration};

/// How long the HTTP answer may take beyond the wait itself.
const MARGIN: Duration = Duration::from_secs(15);
/// The longest wait that the ingress offers.
const MAX_WAIT_SECONDS: u64 = 600;

/// Submits a task, and shows its result when there is one in time.
///
/// # Errors
/// The task is malformed or not accepted, does not finish in time, or ends without an answer.
pub async fn run(context: &Context, args: SubmitArgs) -> Result<(), Error> {
    if args.wait > MAX_WAIT_SECONDS {
        return Err(Error::Input(format!(
            "--wait is {}; the limit is {MAX_WAIT_SECONDS} seconds; use 0 and `neptune task show` later",
            args.wait
        )));
    }
    let body = args.file.as_deref().map(read_json).transpose()?;
    let schema = args.schema.as_deref().map(read_json).transpose()?;
    let task = request::task(body, schema, &args, TaskId::mint()).map_err(Error::Input)?;
    let id = task.get("id").and_then(Value::as_str).unwrap_or_default().to_owned();
    let finished =
        if args.bus { on_bus(context, &task, &args).await? } else { over_http(context, &task, args.wait).await? };
    match finished {
        Some(finished) => show(context, &finished),
        None => {
            output::say_either(context.json, &serde_json::json!({"id": id}), |_| id.clone());
            if args.wait == 0 {
                Ok(())
            } else {
                Err(Error::NotReady(format!(
                    "the task is accepted and not finished after {} s; `neptune task show {id}` will have it",
                    args.wait
                )))
            }
        }
    }
}

fn show(context: &Context, finished: &TaskFinished) -> Result<(), Error> {
    output::say_either(context.json, finished, |finished| {
        let summary = account::summary(finished);
        finished.text().map_or(summary.clone(), |text| format!("{summary}\n\n{text}"))
    });
    if finished.outcome == Outcome::Completed { Ok(()) } else { Err(Error::TaskEnded(finished.outcome.as_str())) }
}

pub(super) fn read_json(path: &Path) -> Result<Value, Error> {
    let failed = |source| Error::File { action: "read", path: path.into(), source };
    let mut text = String::new();
    if path == Path::new("-") {
        std::io::stdin().read_to_string(&mut text).map_err(failed)?;
    } else {
        text = std::fs::read_to_string(path).map_err(failed)?;
    }
    serde_json::from_str(&text).map_err(|error| Error::Input(format!("{} is no JSON: {error}", path.display())))
}

async fn on_bus(context: &Context, task: &Value, args: &SubmitArgs) -> Result<Option<TaskFinished>, Error> {
    let mut task = request::typed(task).map_err(Error::Input)?;
    task.team = Some(args.team.clone());
    task.origin = Origin::Bus;
    let bus = connection::client(&context.stack, args.team.as_str()).await?;
    let inbox = bus.namespace().subject("reply.<team>", &[args.team.as_str()]);
    let opened = bus.replies_on(format!("{inbox}.{}", uuid::Uuid::now_v7().simple())).await;
    // The inbox is open as long as this is kept.
    let replies = opened.map_err(|error| Error::step("open an inbox", error))?;
    let (reply_to, waiting) = replies.expect();
    let cause = if args.wait == 0 { Cause::root() } else { Cause::root().with_reply_to(reply_to) };
    bus.publish(&task, &cause).await.map_err(|error| Error::step("submit the task", error))?;
    let finished = waiting.wait(Duration::from_secs(args.wait)).await;
    Ok(finished)
}

async fn over_http(context: &Context, task: &Value, wait: u64) -> Result<Option<TaskFinished>, Error> {
    let stack = &context.stack;
    let base = stack.get("NEPTUNE_URL").map_or_else(|| stack.ingress_url(), str::to_owned);
    let key = stack.get("NEPTUNE_API_KEY").ok_or_else(|| {
        Error::Input("NEPTUNE_API_KEY is not set; `neptune up` writes one to the state directory's env file, `neptune key create` makes more".into())
    })?;
    let query = if wait == 0 { String::new() } else { format!("?wait={wait}") };
    let client = reqwest::Client::builder().timeout(Duration::from_secs(wait) + MARGIN).build();
    let client = client.map_err(|error| Error::step("prepare the HTTP client", error))?;
    let url = format!("{}/v1/tasks{query}", base.trim_end_matches('/'));
    let answer =
        client.post(&url).bearer_auth(key).json(task).send().await.map_err(|error| unreachable_or(error, &base))?;
    let status = answer.status();
    let text = answer.text().await.map_err(|error| Error::step("read the answer", error))?;
    if status == reqwest::StatusCode::ACCEPTED {
        return Ok(None);
    }
    if !status.is_success() {
        return Err(Error::Step { action: "submit the task".into(), source: refusal(status, &text).into() });
    }
    serde_json::from_str(&text).map(Some).map_err(|error| Error::step("read the answer", error))
}

pub(super) fn unreachable_or(error: reqwest::Error, base: &str) -> Error {
    if error.is_connect() {
        let remedy = "`neptune status` shows whether the ingress runs".into();
        return Error::Unreachable { what: format!("the ingress at {base}"), remedy };
    }
    Error::step("ask the ingress", error.without_url())
}

/// The ingress's own words, one fault a line.
pub(super) fn refusal(status: reqwest::StatusCode, text: &str) -> String {
    let problem: Value = serde_json::from_str(text).unwrap_or_default();
    let field = |value: &Value, name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let faults = problem.get("problems").and_then(Value::as_array).into_iter().flatten();
    let lines: Vec<String> = faults
        .map(|fault| format!("{}: {}; {}", field(fault, "field"), field(fault, "message"), field(fault, "remedy")))
        .collect();
    if lines.is_empty() {
        format!("{status}: {}", field(&problem, "detail"))
    } else {
        format!("{status}:\n  {}", lines.join("\n  "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_told_in_the_ingresss_words() {
        let status = reqwest::StatusCode::BAD_REQUEST;
        let text =
            r#"{"detail": "x", "problems": [{"field": "input.messages", "message": "none", "remedy": "send one"}]}"#;
        assert_eq!(refusal(status, text), "400 Bad Request:\n  input.messages: none; send one");
        assert_eq!(refusal(status, r#"{"detail": "the key is not valid"}"#), "400 Bad Request: the key is not valid");
    }
}
