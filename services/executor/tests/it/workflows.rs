//! Workflows and their runs in a world.

use crate::world::{LONG, World};
use neptune_bus::Cause;
use neptune_contracts::{
    ids::RunId,
    names::Origin,
    query::run::{RunQuery, RunView, StepView},
    resource::{Manifest, Metadata},
    run::{
        RunSubmitted,
        finished::RunFinished,
        input::{RunInput, RunWish},
    },
};
use neptune_testkit::wait_until;
use neptune_workflow::compiler;
use serde_json::{Value, json};

/// The same with what `metadata.neptune` says.
pub(crate) fn definition_with(name: &str, neptune: &str, rest: &str) -> String {
    format!(
        "document: {{dsl: '1.0.3', namespace: test, name: {name}, version: '1.0.0', metadata: {{neptune: {neptune}}}}}\n{rest}"
    )
}

/// A definition of this name with these tasks.
pub(crate) fn definition(name: &str, rest: &str) -> String {
    format!("document: {{dsl: '1.0.3', namespace: test, name: {name}, version: '1.0.0'}}\n{rest}")
}

/// A chain of calls, each of which tells which it is.
pub(crate) fn chain(port: u16, length: usize) -> String {
    let step = |number: usize| {
        format!(
            "  - s{number}: {{call: http, with: {{method: post, endpoint: 'http://127.0.0.1:{port}/{number}', body: {{}}}}}}\n"
        )
    };
    format!("do:\n{}", (0..length).map(step).collect::<String>())
}

impl World {
    /// Applies a definition.
    pub(crate) async fn apply(&self, text: &str) -> String {
        let read = compiler::read(text).unwrap_or_else(|faults| panic!("{faults:?}\n{text}"));
        let name = format!("{}/{}:{}", read.namespace, read.name, read.version);
        let manifest = Manifest {
            api_version: "neptune/v1".into(),
            kind: "Workflow".into(),
            metadata: Metadata { name: name.clone() },
            spec: json!({"document": read.document}),
        };
        manifest.check().unwrap();
        self.operator.put_resource(&manifest).await.unwrap();
        name
    }

    /// Applies a definition, and submits a run of it as the ingress does.
    pub(crate) async fn begin(&self, text: &str, input: Value) -> RunId {
        let workflow = self.apply(text).await;
        for _ in 0..100 {
            let run = self.submit_run(&workflow, input.clone()).await;
            // Executors follow what is applied, and reject a run of what they do not know yet.
            let error = self.view(run).await.error.unwrap_or_default();
            if !error["detail"].as_str().is_some_and(|detail| detail.contains("there is no workflow")) {
                return run;
            }
        }
        panic!("no executor knows {workflow}");
    }

    pub(crate) async fn submit_run(&self, workflow: &str, input: Value) -> RunId {
        self.submit_run_with(workflow, input, |_| {}).await
    }

    /// The same with something else about it.
    pub(crate) async fn submit_run_with(
        &self,
        workflow: &str,
        input: Value,
        change: impl FnOnce(&mut RunSubmitted),
    ) -> RunId {
        let id = RunId::mint();
        self.submit_as_with(id, workflow, input, change).await;
        id
    }

    pub(crate) async fn submit_as(&self, id: RunId, workflow: &str, input: Value) {
        self.submit_as_with(id, workflow, input, |_| {}).await;
    }

    async fn submit_as_with(&self, id: RunId, workflow: &str, input: Value, change: impl FnOnce(&mut RunSubmitted)) {
        let mut run = RunSubmitted {
            id: Some(id),
            team: Some("support".parse().unwrap()),
            origin: Origin::Api,
            key: None,
            workflow: workflow.to_owned(),
            input,
            metadata: json!({"ticket": "T-1"}).as_object().cloned().unwrap(),
            tags: vec!["urgent".to_owned()],
            parent: None,
            idempotency_key: None,
            priority: None,
            start: None,
            class: None,
        };
        change(&mut run);
        self.operator.publish(&run, &Cause::root()).await.unwrap();
    }

    /// How a run goes, once there is something to see.
    pub(crate) async fn view(&self, run: RunId) -> RunView {
        let query = RunQuery { id: run, team: Some("support".parse().unwrap()) };
        let known = || async { self.operator.request(&query).await.is_ok() };
        wait_until("the run is known", LONG, known).await;
        self.operator.request(&query).await.unwrap()
    }

    /// Waits until a run is as it should be.
    pub(crate) async fn until(&self, run: RunId, what: &str, is_so: impl Fn(&RunView) -> bool) -> RunView {
        let query = RunQuery { id: run, team: Some("support".parse().unwrap()) };
        let so = || async { self.operator.request(&query).await.is_ok_and(|view| is_so(&view)) };
        wait_until(what, LONG, so).await;
        self.view(run).await
    }

    /// The end of a run.
    pub(crate) async fn run_ended(&self, run: RunId) -> RunFinished {
        let team = "support".parse().unwrap();
        let ended = || async { self.operator.run_result(&team, run).await.is_ok_and(|end| end.is_some()) };
        wait_until("the run has ended", LONG, ended).await;
        self.operator.run_result(&team, run).await.unwrap().unwrap()
    }

    /// Tells a run something.
    pub(crate) async fn tell(&self, run: RunId, id: &str, what: RunWish) {
        let input = RunInput { run, team: "support".parse().unwrap(), id: id.to_owned(), what };
        self.operator.publish_once(&input, &Cause::root()).await.unwrap();
    }
}

/// The steps of a name.
pub(crate) fn steps<'v>(view: &'v RunView, name: &str) -> Vec<&'v StepView> {
    view.steps.iter().filter(|step| step.name == name).collect()
}

/// Whether a step of this name is going on.
pub(crate) fn is_running(view: &RunView, name: &str) -> bool {
    steps(view, name).iter().any(|step| step.state == "running")
}
