//! Commands of the built binary against a private broker.

use neptune_testkit::Nats;
use serde_json::{Value, json};
use std::{
    fs,
    process::{Command, Output},
};
use tempfile::TempDir;

pub(crate) struct Stand {
    nats: Nats,
    pub(crate) folder: TempDir,
    url: String,
}

impl Stand {
    pub(crate) async fn start() -> Self {
        let nats = Nats::start().await;
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("secrets.env"), "NEPTUNE_KEY_PEPPER=pepper\n").unwrap();
        let url = nats.url();
        let stand = Self { nats, folder, url };
        let bus = stand.bus().await;
        neptune_bus::setup::apply(&bus).await.unwrap();
        stand
    }

    pub(crate) async fn bus(&self) -> neptune_bus::Bus {
        let config = neptune_bus::BusConfig::open(&self.url, "neptune".parse().unwrap());
        neptune_bus::Bus::connect(&config, neptune_contracts::names::Service::Operator).await.unwrap()
    }

    pub(crate) fn neptune(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_neptune"));
        command.env_clear().env("NEPTUNE_NATS_URL", &self.url).env("NEPTUNE_STATE_DIR", self.folder.path());
        command.args(arguments).current_dir(self.folder.path()).output().unwrap()
    }

    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        let output = self.neptune(arguments);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }
}

fn said(output: &Output) -> (i32, String) {
    (output.status.code().unwrap(), String::from_utf8_lossy(&output.stderr).into_owned())
}

const RESOURCES: &str = "\
apiVersion: neptune/v1
kind: Team
metadata: {name: support}
spec: {models: [\"*\"], maxCostUsd: 0.5}
---
apiVersion: neptune/v1
kind: Budget
metadata: {name: month}
spec: {team: sales, limitUsd: 10, period: month}
";

#[tokio::test(flavor = "multi_thread")]
async fn resources_are_planned_and_applied() {
    let stand = Stand::start().await;
    let file = stand.folder.path().join("r.yaml");
    fs::write(&file, RESOURCES).unwrap();
    let plan = stand.neptune(&["plan", "-f", "r.yaml"]);
    let text = String::from_utf8_lossy(&plan.stdout).into_owned();
    assert_eq!(text, "+ budget/month\n+ team/support\n2 to create, 0 to change, 0 to remove, 0 unchanged\n");
    assert!(said(&plan).1.contains("warning: budget/month: team names the team \"sales\""), "{plan:?}");
    assert!(stand.bus().await.stored_resources().await.unwrap().is_empty(), "a plan changes nothing");
    stand.json(&["apply", "-f", "r.yaml", "--json"]);
    assert_eq!(stand.bus().await.stored_resources().await.unwrap()["team/support"]["maxCostUsd"], "0.5");
    fs::write(&file, RESOURCES.replace("0.5", "0.7").split("---").next().unwrap()).unwrap();
    let change = json!({"key": "team/support", "action": "change", "fields": [{"field": "maxCostUsd", "from": "0.5", "to": "0.7"}]});
    assert_eq!(stand.json(&["plan", "-f", "r.yaml", "--json"]), json!([change]));
    let removal = json!({"key": "budget/month", "action": "remove"});
    assert_eq!(stand.json(&["apply", "-f", "r.yaml", "--prune", "--json"]), json!([removal, change]));
    assert_eq!(stand.bus().await.stored_resources().await.unwrap().keys().collect::<Vec<_>>(), ["team/support"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_without_a_resource_removes_nothing() {
    let stand = Stand::start().await;
    fs::write(stand.folder.path().join("r.yaml"), RESOURCES).unwrap();
    stand.json(&["apply", "-f", "r.yaml", "--json"]);
    fs::write(stand.folder.path().join("empty.yaml"), "# nothing\n---\n").unwrap();
    fs::create_dir(stand.folder.path().join("folder")).unwrap();
    for (command, files) in [
        ("plan", ["-f", "empty.yaml"].as_slice()),
        ("apply", &["-f", "empty.yaml", "--prune"]),
        ("apply", &["-f", "r.yaml", "-f", "empty.yaml"]),
        ("plan", &["-f", "folder", "--prune"]),
    ] {
        let refused = said(&stand.neptune(&[&[command], files].concat()));
        let named = if files.contains(&"folder") { "folder: there is no" } else { "empty.yaml: there is no resource" };
        assert!(refused.0 == 64 && refused.1.contains(named), "{command} {files:?}: {refused:?}");
    }
    assert_eq!(stand.bus().await.stored_resources().await.unwrap().len(), 2, "nothing is removed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_route_whose_judge_or_shadow_does_not_exist_is_refused() {
    let stand = Stand::start().await;
    let route = "apiVersion: neptune/v1\nkind: Route\nmetadata: {name: triage}\nspec:\n  \
        shadow: {models: [a/new], maxCostUsdPerDay: 1}\n  judge: {model: a/judge, maxCostUsdPerDay: 1}\n";
    let model = |name: &str| {
        format!(
            "---\napiVersion: neptune/v1\nkind: Model\nmetadata: {{name: {name}}}\nspec: {{provider: openai, endpoint: \
             \"http://x\", price: {{inputUsdPerMtok: 1, outputUsdPerMtok: 1}}}}\n"
        )
    };
    let file = stand.folder.path().join("r.yaml");
    fs::write(&file, route).unwrap();
    for command in ["plan", "apply"] {
        let (code, text) = said(&stand.neptune(&[command, "-f", "r.yaml"]));
        assert!(code == 64 && text.contains("\"a/new\"") && text.contains("\"a/judge\""), "{command}: {text}");
    }
    assert!(stand.bus().await.stored_resources().await.unwrap().is_empty(), "nothing is applied");
    fs::write(&file, format!("{route}{}{}", model("a/new"), model("a/judge"))).unwrap();
    stand.json(&["apply", "-f", "r.yaml", "--json"]);
    fs::write(&file, format!("{route}{}", model("a/new"))).unwrap();
    let (code, text) = said(&stand.neptune(&["apply", "-f", "r.yaml", "--prune"]));
    assert!(code == 64 && text.contains("\"a/judge\"") && !text.contains("\"a/new\""), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_time_before_now_is_said_without_a_sign() {
    let stand = Stand::start().await;
    for arguments in [["report", "routing", "--since", "-1d"].as_slice(), &["cost", "--since", "-1d"]] {
        let (code, text) = said(&stand.neptune(arguments));
        assert!(code == 64 && text.contains("\"-1d\"") && text.contains("write 1d"), "{arguments:?}: {text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_route_may_rename_a_built_in_one_and_hide_no_model() {
    let stand = Stand::start().await;
    let route =
        |name: &str| format!("apiVersion: neptune/v1\nkind: Route\nmetadata: {{name: \"{name}\"}}\nspec: {{}}\n");
    fs::write(stand.folder.path().join("r.yaml"), route("openai/gpt-4.1")).unwrap();
    let refused = said(&stand.neptune(&["apply", "-f", "r.yaml"]));
    assert!(refused.0 == 64 && refused.1.contains("r.yaml:1: Route name \"openai/gpt-4.1\""), "{refused:?}");
    assert!(refused.1.contains("a route would hide one"), "{refused:?}");
    fs::write(stand.folder.path().join("r.yaml"), route("auto:cheap")).unwrap();
    let planned = said(&stand.neptune(&["plan", "-f", "r.yaml"]));
    assert!(planned.0 == 0 && planned.1.contains("note: route/auto:cheap: gives the built-in"), "{planned:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_belong_to_teams_that_exist() {
    let stand = Stand::start().await;
    let refused = said(&stand.neptune(&["key", "create", "--team", "support"]));
    assert!(refused.0 == 4 && refused.1.contains("there is no team support"), "{refused:?}");
    fs::write(stand.folder.path().join("r.yaml"), RESOURCES).unwrap();
    stand.json(&["apply", "-f", "r.yaml", "--json"]);
    let made = stand.json(&["key", "create", "--team", "support", "--role", "admin", "--env", "test", "--json"]);
    let key = neptune_cli::domain::api_key::ApiKey::parse(made["key"].as_str().unwrap()).unwrap();
    let stored = &stand.bus().await.stored_resources().await.unwrap()[&format!("key/{}", made["id"].as_str().unwrap())];
    assert_eq!(stored, &json!({"team": "support", "role": "admin", "hash": key.hash("pepper"), "disabled": false}));
    assert!(
        !stored.to_string().contains(made["key"].as_str().unwrap().split('_').nth(3).unwrap()),
        "the secret is nowhere"
    );
    let id = made["id"].as_str().unwrap();
    let wanted = |disabled: bool| json!([{"id": id, "team": "support", "role": "admin", "expires_at": null, "disabled": disabled}]);
    assert_eq!(stand.json(&["key", "list", "--json"]), wanted(false));
    assert_eq!(stand.json(&["key", "list", "--team", "sales", "--json"]), json!([]));
    assert_eq!(stand.json(&["key", "disable", id, "--json"]), json!({"id": id, "disabled": true}));
    assert_eq!(stand.json(&["key", "list", "--team", "support", "--json"]), wanted(true));
    let unknown = said(&stand.neptune(&["key", "disable", "nobody"]));
    assert!(unknown.0 == 4 && unknown.1.contains("`neptune key list` shows the ids"), "{unknown:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_resource_is_removed_by_its_name_unless_another_needs_it() {
    let stand = Stand::start().await;
    let route = "---\napiVersion: neptune/v1\nkind: Route\nmetadata: {name: triage}\nspec: {judge: {model: a/judge, maxCostUsdPerDay: 1}}\n";
    let model = "---\napiVersion: neptune/v1\nkind: Model\nmetadata: {name: a/judge}\nspec: {provider: openai, endpoint: \"http://x\", \
                 price: {inputUsdPerMtok: 1, outputUsdPerMtok: 1}}\n";
    fs::write(stand.folder.path().join("r.yaml"), format!("{RESOURCES}{route}{model}")).unwrap();
    stand.json(&["apply", "-f", "r.yaml", "--json"]);
    let stored = async || stand.bus().await.stored_resources().await.unwrap().into_keys().collect::<Vec<_>>();
    for (keys, code, says) in [
        (["budget/month", "team/nobody"].as_slice(), 4, "there is no team/nobody"),
        (&["model/a/judge"], 64, "\"a/judge\""),
        (&["key/x"], 64, "neptune key disable"),
    ] {
        let refused = said(&stand.neptune(&[&["delete"], keys].concat()));
        assert!(refused.0 == code && refused.1.contains(says), "{keys:?}: {refused:?}");
    }
    assert_eq!(stored().await, ["budget/month", "model/a/judge", "route/triage", "team/support"]);
    let removed = |key: &str| json!({"key": key, "action": "remove"});
    let both = [removed("route/triage"), removed("model/a/judge")];
    assert_eq!(stand.json(&["delete", "route/triage", "model/a/judge", "--json"]), json!(both));
    assert_eq!(stored().await, ["budget/month", "team/support"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_submitted_on_the_bus_is_stored_for_its_team() {
    let stand = Stand::start().await;
    let submitted = stand.json(&["submit", "--bus", "--team", "sales", "--prompt", "hi", "--wait", "0", "--json"]);
    assert!(
        submitted["id"].as_str().is_some_and(|id| id.parse::<neptune_contracts::ids::TaskId>().is_ok()),
        "{submitted}"
    );
    assert_eq!(stand.nats.stream_messages("NEPTUNE_TASKS").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_team_without_a_broker_user_is_told_at_once_how_to_get_one() {
    let namespace: neptune_contracts::subject::Namespace = "neptune".parse().unwrap();
    let users = neptune_contracts::render::permissions::nats_users(&namespace, &["support"]);
    let users = users.replace("$NEPTUNE_NATS_PASSWORD_", "password-");
    // The settings of JetStream end here; its closing brace ends the users.
    let nats = Nats::start_with(&format!("}}\n{}", users.trim_end().trim_end_matches('}'))).await;
    let folder = tempfile::tempdir().unwrap();
    let support = "NEPTUNE_NATS_PASSWORD_CLIENT_SUPPORT=password-CLIENT_SUPPORT\n";
    let wrong = "NEPTUNE_NATS_PASSWORD_CLIENT_TINY=wrong\n";
    let as_support = nats.url().replace("//", "//client-support:password-CLIENT_SUPPORT@");
    for (secrets, url, says) in [
        (support.to_owned(), nats.url(), "does not let a program without a user in"),
        (support.to_owned(), as_support, "team tiny has no broker user here, only client-support is given"),
        (format!("{support}{wrong}"), nats.url(), "does not let the user client-tiny in"),
    ] {
        fs::write(folder.path().join("secrets.env"), secrets).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_neptune"));
        command.env_clear().env("NEPTUNE_NATS_URL", &url).env("NEPTUNE_STATE_DIR", folder.path());
        let started = std::time::Instant::now();
        let refused = said(&command.args(["submit", "--bus", "--team", "tiny", "--prompt", "hi"]).output().unwrap());
        assert!(refused.0 == 64 && refused.1.contains(says), "{refused:?}");
        assert!(refused.1.contains("client-support") && refused.1.contains("deploy/nats/users.conf"), "{refused:?}");
        assert!(!refused.1.contains("does not answer") && !refused.1.contains("password-CLIENT"), "{refused:?}");
        assert!(started.elapsed().as_secs() < 9, "it does not wait as for a broker that is away");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_result_of_a_task_submitted_on_the_bus_comes_back() {
    use neptune_contracts::{Timestamp, finished, names::Service, task::TaskSubmitted, topology};
    let stand = Stand::start().await;
    let config = neptune_bus::BusConfig::open(&stand.url, "neptune".parse().unwrap());
    let governance = neptune_bus::Bus::connect(&config, Service::Governance).await.unwrap();
    let shutdown = neptune_runtime::Shutdown::new();
    let (bus, stop) = (governance.clone(), shutdown.clone());
    // Stands in for governance as a service that refuses everything.
    let refusing = tokio::spawn(async move {
        let refuse = move |incoming: neptune_bus::Incoming<TaskSubmitted>| {
            let bus = bus.clone();
            async move {
                let (cause, accept) = (incoming.cause(), incoming.accept().cloned().unwrap());
                let task = incoming.message.settle(neptune_contracts::ids::TaskId::mint(), Timestamp::now()).unwrap();
                let error = finished::TaskError {
                    code: "x".into(),
                    message: "refused".into(),
                    problems: Vec::new(),
                    retry_after_ms: None,
                };
                let fact = finished::TaskFinished::without_attempts(
                    &task,
                    finished::Outcome::Rejected,
                    error,
                    Timestamp::now(),
                );
                bus.finish(&fact, &accept, &cause).await.unwrap();
                neptune_bus::Outcome::HandedOn
            }
        };
        governance.consume(&topology::GOVERNANCE_SUBMITTED, 4, &stop, refuse).await
    });
    let output = stand.neptune(&["submit", "--bus", "--prompt", "hi", "--wait", "30", "--json"]);
    shutdown.cancel();
    refusing.await.unwrap().unwrap();
    let (code, text) = said(&output);
    assert!(code == 5 && text.contains("the task ended as rejected"), "{code} {text}");
    let fact: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (&fact["outcome"], &fact["team"], &fact["error"]["message"]),
        (&json!("rejected"), &json!("support"), &json!("refused"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_poison_message_is_listed_shown_and_replayed() {
    use neptune_contracts::{Timestamp, dead::DeadLetter, names::Service};
    let stand = Stand::start().await;
    let bus = stand.bus().await;
    let letter = DeadLetter {
        service: Service::Governance,
        team: "support".into(),
        subject: bus
            .namespace()
            .subject(<neptune_contracts::task::TaskSubmitted as neptune_contracts::Message>::SUBJECT, &["support"]),
        stream: "NEPTUNE_TASKS".into(),
        sequence: 3,
        deliveries: 5,
        reason: "unreadable".into(),
        at: Timestamp::now(),
        headers: [].into(),
        body: "bm90IGpzb24=".into(),
    };
    bus.publish(&letter, &neptune_bus::Cause::root()).await.unwrap();
    let listed = stand.json(&["dead", "list", "--json"]);
    assert_eq!((&listed[0]["sequence"], &listed[0]["letter"]["reason"]), (&json!(1), &json!("unreadable")));
    let shown = stand.neptune(&["dead", "show", "1"]);
    assert!(String::from_utf8_lossy(&shown.stdout).ends_with("not json\n"), "{shown:?}");
    assert_eq!(stand.json(&["dead", "replay", "1", "--json"]), json!({"sequence": 1, "task": null}));
    assert_eq!(stand.nats.stream_messages("NEPTUNE_TASKS").await, 1);
    assert_eq!(stand.json(&["dead", "list", "--json"]), json!([]));
    let gone = said(&stand.neptune(&["dead", "replay", "1"]));
    assert!(gone.0 == 4 && gone.1.contains("no dead letter 1"), "{gone:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn questions_nobody_answers_say_who_is_missing() {
    let stand = Stand::start().await;
    for (arguments, service) in [
        (["cost", "--since", "24h"].as_slice(), "metering"),
        (&["budget", "support"], "governance"),
        (&["explain", "00000000-0000-7000-8000-000000000000"], "metering"),
        (&["task", "show", "00000000-0000-7000-8000-000000000000"], "metering"),
    ] {
        let (code, text) = said(&stand.neptune(arguments));
        assert!(code == 6 && text.contains(&format!("the {service} service does not answer")), "{code} {text}");
    }
    let (code, text) = said(&stand.neptune(&["status"]));
    assert!(code == 3 && text.contains("no stack was ever started") && text.contains("--state-dir"), "{code} {text}");
    let (code, text) = said(&stand.neptune(&["submit", "--prompt", "x"]));
    assert!(code == 64 && text.contains("NEPTUNE_API_KEY is not set"), "{code} {text}");
}
