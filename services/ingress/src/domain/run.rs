//! From HTTP bodies to what is asked of runs.

mod input;

use super::{json, keys::Caller};
use neptune_contracts::{
    Timestamp,
    ids::RunId,
    names::{DataClass, Origin, Team},
    problem::Problem,
    query::run::RunView,
    resource::{Resources, workflow::meant},
    run::{
        RunSubmitted,
        input::{CLASS_ATTRIBUTE, RunInput, RunWish},
        tags,
    },
    task::MAX_METADATA_BYTES,
};
use neptune_workflow::{
    definition::{Definition, Schema},
    run::admission,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::sync::Arc;
use uuid::Uuid;

/// The longest key of a run, in bytes; the header's limit too.
const MAX_KEY_BYTES: usize = 255;

/// A run that is asked for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RunRequest {
    /// The workflow, `namespace/name` for its highest version or `namespace/name:version`.
    pub workflow: String,
    /// Its input; an empty object when absent.
    #[serde(default = "no_input")]
    pub input: Value,
    /// The caller's own labels, kept with the run and its tasks; at most 16 KiB of JSON.
    #[serde(default)]
    pub labels: Map<String, Value>,
    /// The same as the header `Idempotency-Key`: of a team and workflow the same key is the same run.
    #[serde(default)]
    pub idempotency_key: Option<String>,
    /// Runs that wait for a place go by it, the higher one first; as the workflow says when absent. Below 0 the run's
    /// tasks are batch work.
    #[serde(default)]
    pub priority: Option<i64>,
    /// Words by which the run is found, besides those of its workflow: at most 32, of 1 to 63 letters, digits and
    /// -_.:/@ each.
    #[serde(default)]
    pub tags: Vec<String>,
    /// How sensitive the input is at least. Its steps' tasks and deliveries are at least that, and at least what the team
    /// is; nothing lowers it.
    #[serde(default)]
    pub class: Option<DataClass>,
}

fn no_input() -> Value {
    json!({})
}

/// An event that is sent to a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SignalRequest {
    /// The type of the event, as a listening step wants it; `neptune.approval` answers an approval.
    #[serde(rename = "type")]
    pub kind: String,
    /// What it says. Of an approval `approved`, and which one by `instance` or `step` where several wait.
    #[serde(default)]
    pub data: Value,
    /// Its id: a second one with it is the same. Minted when absent.
    #[serde(default)]
    pub id: Option<String>,
    /// Where it is from; the caller's key when absent.
    #[serde(default)]
    pub source: Option<String>,
    /// How sensitive it is at least: the run that gets it is at least that from then on.
    #[serde(default)]
    pub class: Option<DataClass>,
}

/// Why a run is cancelled.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CancelRequest {
    /// Why; kept with the run.
    #[serde(default)]
    pub reason: String,
}

/// The run of a `POST /v1/runs` body. It has no id yet. `schema_of` tells what a workflow, by its name and document, says
/// that its input must be.
///
/// # Errors
/// Every fault of the body.
pub fn run(
    body: &[u8],
    caller: &Caller,
    resources: &Resources,
    schema_of: impl Fn(&str, &Value) -> Option<Arc<Schema>>,
) -> Result<RunSubmitted, Vec<Problem>> {
    let RunRequest { workflow, input, labels, tags, idempotency_key, priority, class } = json::read_strict(body, &[])?;
    let mut faults = Vec::new();
    let name = meant(&workflow, resources.workflows.keys().map(String::as_str));
    if let Some((name, found)) = name.and_then(|name| resources.workflows.get_key_value(name)) {
        let schema = schema_of(name, &found.document);
        faults.extend(schema.iter().flat_map(|schema| input::problems(name, schema, &input)));
    } else {
        let text = format!("there is no workflow {:?}", workflow.chars().take(128).collect::<String>());
        faults.push(Problem::new(
            "workflow",
            text,
            "apply its definition, or name one that is: namespace/name[:version]",
        ));
    }
    let size_bytes = serde_json::to_vec(&labels).map_or(usize::MAX, |json| json.len());
    if size_bytes > MAX_METADATA_BYTES {
        let text = format!("{size_bytes} bytes, the limit is {MAX_METADATA_BYTES}");
        faults.push(Problem::new("labels", text, "keep large data in the input"));
    }
    let is_long = |key: &&String| !(1..=MAX_KEY_BYTES).contains(&key.len());
    if let Some(key) = idempotency_key.as_ref().filter(is_long) {
        let text = format!("{} bytes, the limit is 1 to {MAX_KEY_BYTES}", key.len());
        faults.push(Problem::new("idempotency_key", text, "send a UUID"));
    }
    faults.extend(tags::problems(&tags));
    if !faults.is_empty() {
        return Err(faults);
    }
    Ok(RunSubmitted {
        id: None,
        team: Some(caller.team.clone()),
        origin: Origin::Api,
        key: Some(caller.key.clone()),
        workflow,
        input,
        metadata: labels,
        tags,
        parent: None,
        idempotency_key,
        priority,
        start: None,
        class,
    })
}

/// The team whose workflow it is, where its definition says one.
#[must_use]
pub fn team_of<'r>(workflow: &str, resources: &'r Resources) -> Option<&'r str> {
    setting(workflow, resources, "team")?.as_str()
}

/// A workflow that makes keys of its inputs, by its whole name and its document; nothing when it makes none.
#[must_use]
pub fn makes_keys<'r>(workflow: &str, resources: &'r Resources) -> Option<(&'r str, &'r Value)> {
    setting(workflow, resources, "idempotencyKey")?;
    let name = meant(workflow, resources.workflows.keys().map(String::as_str))?;
    resources.workflows.get(name).map(|found| (name, &found.document))
}

/// The key that a definition makes of an input. Evaluates an expression.
///
/// # Errors
/// It makes none of this input.
pub fn own_key(definition: &Definition, input: &Value) -> Result<Option<String>, Vec<Problem>> {
    let made = admission(definition, input).map_err(|problem| {
        let text = problem.detail.unwrap_or_else(|| "the workflow makes no key of it".to_owned());
        vec![Problem::new("input", text, "give the input what the workflow makes its keys of")]
    })?;
    Ok(made.idempotency_key)
}

fn document<'r>(workflow: &str, resources: &'r Resources) -> Option<&'r Value> {
    let name = meant(workflow, resources.workflows.keys().map(String::as_str))?;
    resources.workflows.get(name).map(|workflow| &workflow.document)
}

fn setting<'r>(workflow: &str, resources: &'r Resources, name: &str) -> Option<&'r Value> {
    document(workflow, resources)?.pointer("/document/metadata/neptune")?.get(name)
}

/// Why a run was turned away because too many of its key go on, if it was.
#[must_use]
pub fn turned_away(view: &RunView) -> Option<&str> {
    let error = view.error.as_ref().filter(|_| view.state == "rejected")?;
    let is_conflict = error.get("status").and_then(Value::as_i64) == Some(409);
    error.get("detail").and_then(Value::as_str).filter(|_| is_conflict)
}

/// What of a repeated request differs from the run that came of the first.
#[must_use]
pub fn differences(asked: &RunSubmitted, view: &RunView) -> Vec<&'static str> {
    let has_version = asked.workflow.contains(':') && !asked.workflow.ends_with(":latest");
    let bare = |name: &str| name.split(':').next().unwrap_or_default().to_owned();
    let is_same_workflow =
        if has_version { asked.workflow == view.workflow } else { bare(&asked.workflow) == bare(&view.workflow) };
    let class = asked.class.filter(|class| *class > DataClass::Public);
    let parts = [
        ("workflow", is_same_workflow),
        // A run that never began has lost its input.
        ("input", view.state == "rejected" || asked.input == view.input),
        ("labels", asked.metadata == view.metadata),
        // Whoever says that it is more sensitive than the run knows must not be told that this is seen to.
        ("class", view.state == "rejected" || class <= view.class),
    ];
    parts.into_iter().filter(|(_, is_same)| !is_same).map(|(part, _)| part).collect()
}

/// Whether a run can still be told what a wish says; else why not.
///
/// # Errors
/// Why not, as the end of a sentence.
pub fn may(wish: &RunWish, view: &RunView) -> Result<(), String> {
    let (state, is_over) = (view.state.as_str(), view.ended_at.is_some());
    match wish {
        RunWish::Retry if view.can_retry => Ok(()),
        RunWish::Retry if ["faulted", "timed_out", "budget_exhausted"].contains(&state) => Err(format!(
            "it is {state}, and there is no failed step to go on with: what it did was undone, or it failed as a whole; start another"
        )),
        RunWish::Retry => Err(format!("it is {state}; only a run that failed goes on where it failed")),
        _ if is_over => Err(format!("it has ended as {state}")),
        RunWish::Pause | RunWish::Resume if state == "queued" => {
            Err("it waits for a place and did not begin; cancel it, or wait until it runs".to_owned())
        }
        RunWish::Pause if state != "running" => Err(format!("it is {state}; only a running one is paused")),
        RunWish::Resume if state != "paused" => Err(format!("it is {state}; only a paused one is resumed")),
        RunWish::Cancel { .. } if state == "compensating" => {
            Err("it is undoing what it did already, and ends then".to_owned())
        }
        _ => Ok(()),
    }
}

/// The event of a signal.
#[must_use]
pub fn event(signal: SignalRequest, caller: &Caller, now: Timestamp) -> (String, Value) {
    let id = signal.id.unwrap_or_else(|| Uuid::now_v7().to_string());
    let mut event = json!({
        "id": id,
        "specversion": "1.0",
        "type": signal.kind,
        "source": signal.source.unwrap_or_else(|| format!("/keys/{}", caller.key)),
        "time": now,
        "datacontenttype": "application/json",
        "data": signal.data,
    });
    if let (Some(class), Some(attributes)) = (signal.class, event.as_object_mut()) {
        attributes.insert(CLASS_ATTRIBUTE.to_owned(), json!(class));
    }
    (id, event)
}

/// The input of a run; `id` may be any text.
#[must_use]
pub fn input(run: RunId, team: &Team, id: &str, what: RunWish) -> RunInput {
    let token = Uuid::new_v5(&run.0, id.as_bytes()).simple();
    RunInput { run, team: team.clone(), id: format!("x{token}"), what }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use neptune_contracts::resource::KeyRole;
    use neptune_workflow::compiler;

    fn caller() -> Caller {
        Caller { key: "k1".into(), team: "support".parse().unwrap(), role: KeyRole::Caller }
    }

    fn schema_of(_: &str, document: &Value) -> Option<Arc<Schema>> {
        Schema::of_input(document)?.ok().map(Arc::new)
    }

    fn check(body: &str, fields: &[&str]) {
        let mut resources = Resources::default();
        let schema = json!({"type": "object", "properties": {"who": {"required": ["name"]}, "n": {"maximum": 9}}});
        let head = json!({"dsl": "1.0.3", "namespace": "a", "name": "b", "version": "1.0.0"});
        let document = json!({"document": head, "input": {"schema": {"document": schema}}});
        resources.insert("workflow", "a/b:1.0.0", json!({"document": document})).unwrap();
        let faults = run(body.as_bytes(), &caller(), &resources, schema_of).err().unwrap_or_default();
        assert_eq!(faults.iter().map(|fault| fault.field.as_str()).collect::<Vec<_>>(), fields, "{body}");
    }

    #[test]
    fn every_fault_of_a_run_is_named() {
        check(r#"{"workflow": "a/b", "input": {}}"#, &[]);
        check(r#"{"workflow": "a/b"}"#, &[]);
        check(r#"{"workflow": "a/b", "input": null}"#, &["input"]);
        check(r#"{"workflow": "a/b", "input": [1]}"#, &["input"]);
        check(r#"{"workflow": "a/b", "input": {"who": {}, "n": 10}}"#, &["input.n", "input.who"]);
        check(r#"{"workflow": "a/b:1.0.0", "input": {"x": 1}, "labels": {"y": 2}}"#, &[]);
        check(r#"{"workflow": "a/b:2.0.0"}"#, &["workflow"]);
        check(r#"{"workflow": "a/b", "inputs": 1}"#, &["inputs"]);
        check(r#"{"input": 1}"#, &["(body)"]);
        check(r#"{"workflow": "a/b", "input": {}, "class": "restricted"}"#, &[]);
        check(r#"{"workflow": "a/b", "input": {}, "class": "secret"}"#, &["class"]);
        check(r#"{"workflow": "a/c", "tags": ["fine", "not fine"]}"#, &["workflow", "tags[1]"]);
    }

    #[test]
    fn a_run_is_told_what_it_can_do() {
        let view = |state: &str, ended: bool, can_retry: bool| -> RunView {
            let at = "2026-11-26T10:00:00Z";
            serde_json::from_value(json!({"id": RunId::mint(), "team": "support", "workflow": "a/b:1", "state": state,
                "cost_usd": "0", "submitted_at": at, "ended_at": ended.then_some(at), "can_retry": can_retry}))
            .unwrap()
        };
        let cancel = RunWish::Cancel { reason: String::new() };
        for (wish, view, wanted) in [
            (&RunWish::Pause, view("running", false, false), true),
            (&RunWish::Pause, view("paused", false, false), false),
            (&RunWish::Resume, view("paused", false, false), true),
            (&RunWish::Resume, view("running", false, false), false),
            (&RunWish::Resume, view("completed", true, false), false),
            (&RunWish::Retry, view("faulted", true, true), true),
            (&RunWish::Retry, view("faulted", true, false), false),
            (&RunWish::Retry, view("running", false, false), false),
            (&cancel, view("paused", false, false), true),
            (&cancel, view("compensating", false, false), false),
        ] {
            assert_eq!(may(wish, &view).is_ok(), wanted, "{wish:?} {}", view.state);
        }
    }

    #[test]
    fn a_workflow_says_whose_it_is_and_makes_keys_of_inputs() {
        let mut resources = Resources::default();
        let neptune = json!({"team": "sales", "idempotencyKey": "${ .ticket }"});
        let head = json!({"dsl": "1.0.3", "namespace": "a", "name": "b", "version": "1.0.0", "metadata": {"neptune": neptune}});
        let document = json!({"document": head, "do": [{"one": {"set": {"x": 1}}}]});
        resources.insert("workflow", "a/b:1.0.0", json!({"document": document})).unwrap();
        assert_eq!(team_of("a/b", &resources), Some("sales"));
        assert_eq!(team_of("a/c", &resources), None);
        let key = |workflow: &str, input: Value| {
            let (name, document) = makes_keys(workflow, &resources).unwrap();
            assert_eq!(name, "a/b:1.0.0");
            own_key(&compiler::read(&document.to_string()).unwrap(), &input)
        };
        assert_eq!(key("a/b", json!({"ticket": 7})).unwrap(), Some("7".into()));
        assert_eq!(key("a/b:latest", Value::Null).unwrap_err()[0].field, "input");
        assert!(makes_keys("a/c", &resources).is_none());
        let long = format!(r#"{{"workflow": "a/b", "idempotency_key": "{}"}}"#, "x".repeat(256));
        assert_eq!(run(long.as_bytes(), &caller(), &resources, schema_of).unwrap_err()[0].field, "idempotency_key");
    }

    #[test]
    fn a_signal_carries_its_class_with_it() {
        let signal = |class| SignalRequest { kind: "a".into(), data: json!(1), id: None, source: None, class };
        let (_, said) = event(signal(Some(DataClass::Restricted)), &caller(), Timestamp::EPOCH);
        assert_eq!(said[CLASS_ATTRIBUTE], "restricted");
        let (_, silent) = event(signal(None), &caller(), Timestamp::EPOCH);
        assert_eq!(silent.get(CLASS_ATTRIBUTE), None);
    }

    #[test]
    fn a_repeat_that_is_more_sensitive_than_the_run_is_another() {
        let asked: RunSubmitted = serde_json::from_value(json!({"workflow": "a/b"})).unwrap();
        let view: RunView = serde_json::from_value(json!({"id": RunId::mint(), "team": "support", "workflow": "a/b:1",
            "state": "running", "cost_usd": "0", "submitted_at": "2026-11-26T10:00:00Z"}))
        .unwrap();
        let differs = |asked_class, class| {
            let asked = RunSubmitted { class: asked_class, ..asked.clone() };
            differences(&asked, &RunView { class, ..view.clone() }) == ["class"]
        };
        let (public, internal, restricted) = (DataClass::Public, DataClass::Internal, DataClass::Restricted);
        assert!(differs(Some(restricted), None) && differs(Some(restricted), Some(internal)));
        assert!(!differs(Some(public), None) && !differs(None, None) && !differs(None, Some(restricted)));
        assert!(!differs(Some(internal), Some(internal)) && !differs(Some(internal), Some(restricted)));
    }

    #[test]
    fn an_input_has_the_same_token_for_the_same_id() {
        let (run, team) = (RunId::mint(), "support".parse().unwrap());
        let of = |id: &str| input(run, &team, id, RunWish::Pause).id;
        assert_eq!(of("a b.c"), of("a b.c"));
        assert_ne!(of("a b.c"), of("a b.d"));
        assert!(neptune_contracts::names::is_name(&of("a b.c")));
    }
}
