//! Workflows through the whole system: applied, started, seen, answered and paid for, by the operator's command.

use crate::support::SOON;
use neptune_testkit::wait_until;
use neptune_tests::{keys::key, resources::CALLER, stack::Stack};
use serde_json::{Value, json};
use std::process::Output;

const TRIAGE: &str = r"
document: {dsl: '1.0.3', namespace: support, name: triage, version: '1.0.0'}
do:
  - sum:
      call: model:1.0.0@default
      with: {task: summarisation, input: '${ .text }'}
      export: {as: '${ {summary: .text, model: .model} }'}
  - may: {call: 'approval:1.0.0@default', with: {channel: webhook, to: 'SINK/hook/asks', text: Send it?}}
  - which:
      switch:
        - yes: {when: .approved, then: tell}
        - no: {then: end}
  - tell: {call: 'notify:1.0.0@default', with: {channel: webhook, to: 'SINK/hook/told', text: '${ $context.summary }'}}
output: {as: '${ {told: .delivered, model: $context.model} }'}
";

fn said(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

async fn command(stack: &Stack, arguments: &[&str]) -> Output {
    let key = key(CALLER).key;
    stack.neptune_with(&[("NEPTUNE_URL", &stack.url), ("NEPTUNE_API_KEY", &key)], arguments).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workflow_is_applied_started_answered_and_paid_for_by_the_command() {
    let stack = Stack::start().await;
    let file = stack.folder.path().join("triage.yaml");
    std::fs::write(&file, TRIAGE.replace("SINK", &stack.sink_url)).unwrap();
    let file = file.to_str().unwrap();
    assert!(said(&stack.neptune(&["apply", "-f", file]).await).contains("workflow/support/triage:1.0.0"));
    // A version never changes.
    std::fs::write(file, TRIAGE.replace("SINK", &stack.sink_url).replace("Send it?", "Send?")).unwrap();
    let refused = stack.neptune(&["apply", "-f", file]).await;
    assert_eq!(refused.status.code(), Some(64), "{refused:?}");
    assert!(String::from_utf8_lossy(&refused.stderr).contains("raise `version`"), "{refused:?}");

    let input = r#"{"text": "Please summarize: the pump in hall 3 leaks since Monday."}"#;
    let start =
        ["run", "start", "support/triage", "--input", input, "--label", "ticket=T-17", "--idempotency-key", "t-17"];
    let known = || async { command(&stack, &start).await.status.success() };
    wait_until("the ingress knows the workflow", SOON, known).await;
    let id = said(&command(&stack, &start).await).trim().to_owned();
    let asks = || async { said(&stack.neptune(&["run", "show", &id]).await).contains("waits for approval") };
    wait_until("it asks for an approval", SOON, asks).await;
    wait_until("the request is delivered", SOON, || async { stack.hooks().await.len() == 1 }).await;
    assert!(stack.hooks().await[0].to_string().contains("neptune.approval"));
    said(&command(&stack, &["run", "signal", &id, "--approve", "--by", "ann"]).await);
    let path = format!("/v1/runs/{id}");
    let view = || async { stack.get(&path).send().await.unwrap().json::<Value>().await.unwrap() };
    wait_until("it has ended", SOON, || async { view().await["ended_at"].is_string() }).await;
    let view = view().await;
    assert_eq!((view["state"].as_str(), view["output"]["told"].as_bool()), (Some("completed"), Some(true)), "{view}");
    assert_eq!(view["output"]["model"], view["steps"][1]["note"]["model"]);
    assert_ne!(view["cost_usd"], "0");
    let hooks = stack.hooks().await;
    let told: Value = serde_json::from_str(hooks[1]["body"].as_str().unwrap()).unwrap();
    assert!(hooks.len() == 2 && told["data"]["text"].as_str().is_some_and(|text| !text.is_empty()), "{told}");
    let tree = said(&stack.neptune(&["run", "show", &id]).await);
    assert!(tree.contains("  sum ") && tree.contains("task ") && tree.contains("delivery "), "{tree}");
    // The ledger knows the step, and the workflow is what its cost is grouped by.
    let counted =
        || async { stack.sql("SELECT count(*) FROM task WHERE fact #>> '{step,workflow}' IS NOT NULL") == "1" };
    wait_until("the ledger has the step", SOON, counted).await;
    assert!(said(&stack.neptune(&["cost", "--by", "workflow"]).await).contains("support/triage:1.0.0"));
    // The same key is the same run, and says so when it asks for something else.
    let body = json!({"workflow": "support/triage", "input": {"text": "other"}, "labels": {"ticket": "T-17"}});
    let other = stack.post("/v1/runs").header("idempotency-key", "t-17").json(&body).send().await.unwrap();
    assert_eq!(other.status(), 422);
    let late = stack.post(&format!("{path}/cancel")).json(&json!({})).send().await.unwrap();
    assert_eq!(late.status(), 409, "it has ended");
}

const HEARS: &str = r"
document: {dsl: '1.0.3', namespace: support, name: hears, version: '1.0.0', metadata: {neptune: {tags: [listener]}}}
do:
  - hear: {listen: {to: {one: {with: {type: order.paid}}}}}
  - may: {call: 'approval:1.0.0@default', with: {channel: email, to: ann@example.com, subject: Refund, text: 'Refund it?'}}
output: {as: '${ {by, via: .via.to} }'}
";
const EMITS: &str = r"
document: {dsl: '1.0.3', namespace: support, name: emits, version: '1.0.0'}
do:
  - say: {emit: {event: {with: {source: /shop, type: order.paid, data: '${ . }'}}}}
";

/// The link of the newest mail; quoted-printable breaks long lines by `=`.
fn link_in(mails: &[Value]) -> Option<String> {
    let fields = mails.iter().filter_map(Value::as_object).flat_map(|mail| mail.values().filter_map(Value::as_str));
    let text = fields.collect::<String>().replace("=\r\n", "").replace("=\n", "");
    let (_, after) = text.rsplit_once("/v1/approvals/")?;
    let token: String =
        after.chars().take_while(|sign| sign.is_ascii_alphanumeric() || "-_.".contains(*sign)).collect();
    Some(format!("/v1/approvals/{token}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_hears_another_asks_by_mail_and_is_answered_by_the_link_and_found() {
    let stack = Stack::start().await;
    for (name, text) in [("hears", HEARS), ("emits", EMITS)] {
        let file = stack.folder.path().join(format!("{name}.yaml"));
        std::fs::write(&file, text).unwrap();
        said(&stack.neptune(&["apply", "-f", file.to_str().unwrap()]).await);
    }
    let start = ["run", "start", "support/hears", "--tag", "urgent", "--idempotency-key", "h-1"];
    let known = || async { command(&stack, &start).await.status.success() };
    wait_until("the ingress knows the workflow", SOON, known).await;
    let id = said(&command(&stack, &start).await).trim().to_owned();
    // Submitted a moment ago, it is found by either tag, and by its state.
    let list = ["run", "list", "--state", "running", "--tag", "urgent", "--tag", "listener"];
    let found = || async { said(&stack.neptune(&list).await).contains(&id) };
    wait_until("it is found", std::time::Duration::from_secs(2), found).await;
    let listens =
        || async { said(&stack.neptune(&["run", "show", &id]).await).contains("waits for one of order.paid") };
    wait_until("it listens", SOON, listens).await;
    let body = json!({"workflow": "support/emits", "input": {"order": "o-1"}});
    let known = || async { stack.post("/v1/runs?wait=20").json(&body).send().await.unwrap().status() == 200 };
    wait_until("the other run has ended", SOON, known).await;
    let asked = || async { link_in(&stack.mails().await).is_some() };
    wait_until("the mail is there", SOON, asked).await;
    let link = link_in(&stack.mails().await).unwrap();
    let page = stack.get(&link).send().await.unwrap().text().await.unwrap();
    assert!(page.contains("Refund it?"), "{page}");
    assert!(said(&stack.neptune(&["run", "show", &id]).await).contains("asks: Refund it?"), "looking decides nothing");
    let form =
        stack.post(&link).header("content-type", "application/x-www-form-urlencoded").body("decision=approve&by=Ann");
    let answer = form.send().await.unwrap();
    assert_eq!(answer.status(), 200, "{}", answer.text().await.unwrap());
    let ended = || async { said(&stack.neptune(&["run", "show", &id]).await).contains("state     completed") };
    wait_until("it has ended", SOON, ended).await;
    let tree = said(&stack.neptune(&["run", "show", &id]).await);
    assert!(tree.contains("approved by Ann by the link sent to ann@example.com"), "{tree}");
    let search = "/v1/runs?workflow=support/hears&state=completed&tag=urgent&totals=true";
    let found = || async {
        let report: Value = stack.get(search).send().await.unwrap().json().await.unwrap();
        report["runs"][0]["id"] == json!(id) && report["totals"][0]["workflow"] == "support/hears"
    };
    wait_until("its end is found", SOON, found).await;
}

const MISSPELT: &str = r"
document: {dsl: '1.0.3', namespace: support, name: misspelt, version: '1.0.0'}
input: {schema: {document: {type: object}}}
do:
  - safe:
      try: [ask: {call: 'model:1.0.0@default', with: {input: hi, model: openai/gtp}}]
      catch: {retry: {when: '.status >= 500', delay: {milliseconds: 50}, limit: {attempt: {count: 5}}}}
";

#[tokio::test(flavor = "multi_thread")]
async fn a_run_without_an_input_has_an_empty_one_and_what_would_fail_again_is_not_repeated() {
    let stack = Stack::start().await;
    let file = stack.folder.path().join("misspelt.yaml");
    std::fs::write(&file, MISSPELT).unwrap();
    said(&stack.neptune(&["apply", "-f", file.to_str().unwrap()]).await);
    let start = ["run", "start", "support/misspelt", "--idempotency-key", "m-1"];
    let started = std::sync::Mutex::new(String::new());
    let known = || async {
        let output = command(&stack, &start).await;
        *started.lock().unwrap() = String::from_utf8(output.stdout).unwrap();
        output.status.success()
    };
    wait_until("the ingress knows the workflow", SOON, known).await;
    let id = started.lock().unwrap().trim().to_owned();
    let view = || async { stack.get(&format!("/v1/runs/{id}")).send().await.unwrap().json::<Value>().await.unwrap() };
    wait_until("it has ended", SOON, || async { view().await["ended_at"].is_string() }).await;
    let view = view().await;
    assert_eq!((&view["state"], &view["error"]["status"]), (&json!("faulted"), &json!(404)), "{view}");
    assert_eq!((&view["input"], &view["steps"][1]["tries"]), (&json!({}), &Value::Null), "{view}");
}

const UNDOES: &str = r"
document: {dsl: '1.0.3', namespace: support, name: undoes, version: '1.0.0'}
use:
  functions:
    undoOne: {call: 'notify:1.0.0@default', with: {channel: webhook, to: 'SINK/hook/undo', text: x, data: {undone: one}}}
    undoTwo: {call: 'notify:1.0.0@default', with: {channel: webhook, to: 'SINK/hook/undo', text: x, data: {undone: two}}}
do:
  - one: {set: {n: 1}, metadata: {neptune: {compensate: undoOne}}}
  - two: {set: {n: 2}, metadata: {neptune: {compensate: undoTwo}}}
  - hold: {listen: {to: {one: {with: {type: never}}}}}
";

#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_paused_resumed_and_cancelled_and_is_told_nothing_that_changes_nothing() {
    let stack = Stack::start().await;
    let file = stack.folder.path().join("undoes.yaml");
    std::fs::write(&file, UNDOES.replace("SINK", &stack.sink_url)).unwrap();
    said(&stack.neptune(&["apply", "-f", file.to_str().unwrap()]).await);
    let start = ["run", "start", "support/undoes", "--idempotency-key", "u-1"];
    let known = || async { command(&stack, &start).await.status.success() };
    wait_until("the ingress knows the workflow", SOON, known).await;
    let id = said(&command(&stack, &start).await).trim().to_owned();
    let shows = async |text: &str| said(&stack.neptune(&["run", "show", &id]).await).contains(text);
    wait_until("it listens", SOON, || async { shows("waits for one of never").await }).await;
    let refused = async |what: &str| {
        let output = command(&stack, &["run", what, &id]).await;
        assert!(!output.status.success(), "{what}: {output:?}");
        String::from_utf8(output.stderr).unwrap()
    };
    assert!(refused("resume").await.contains("only a paused one is resumed"));
    assert!(refused("retry").await.contains("only a run that failed"));
    said(&command(&stack, &["run", "pause", &id]).await);
    wait_until("it is paused", SOON, || async { shows("state     paused").await }).await;
    assert!(refused("pause").await.contains("only a running one is paused"));
    let found = || async { said(&stack.neptune(&["run", "list", "--state", "paused"]).await).contains(&id) };
    wait_until("it is found as paused", SOON, found).await;
    said(&command(&stack, &["run", "resume", &id]).await);
    wait_until("it goes on", SOON, || async { shows("state     running").await }).await;
    said(&command(&stack, &["run", "cancel", &id, "--reason", "not needed"]).await);
    wait_until("it is cancelled", SOON, || async { shows("state     cancelled").await }).await;
    let undone: Vec<String> = stack.hooks().await.iter().map(Value::to_string).collect();
    assert!(undone.len() == 2 && undone[0].contains("two") && undone[1].contains("one"), "{undone:?}");
    let tree = said(&stack.neptune(&["run", "show", &id]).await);
    assert!(tree.contains("reason    not needed") && tree.contains("compensation"), "{tree}");
    assert!(tree.lines().any(|line| line.contains("hold") && line.contains("cancelled")), "{tree}");
    assert!(refused("retry").await.contains("only a run that failed"));
}
