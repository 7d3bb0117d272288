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

/// A definition of this name with these tasks.
pub(crate) fn definition(name: &str, rest: &str) -> String {
    format!("document: {{dsl: '1.0.3', namespace: test, name: {name}, version: '1.0.0'}}\n{rest}")
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
        // Executors follow what is applied; a run of a workflow that they do not know yet would be rejected.
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        self.submit_run(&workflow, input).await
    }

    pub(crate) async fn submit_run(&self, workflow: &str, input: Value) -> RunId {
        let id = RunId::mint();
        let run = RunSubmitted {
            id: Some(id),
            team: Some("support".parse().unwrap()),
            origin: Origin::Api,
            key: None,
            workflow: workflow.to_owned(),
            input,
            metadata: json!({"ticket": "T-1"}).as_object().cloned().unwrap(),
            tags: vec!["urgent".to_owned()],
            parent: None,
        };
        self.operator.publish(&run, &Cause::root()).await.unwrap();
        id
    }

    /// How a run goes, once there is something to see.
    pub(crate) async fn view(&self, run: RunId) -> RunView {
        let query = RunQuery { id: run, team: None };
        let known = || async { self.operator.request(&query).await.is_ok() };
        wait_until("the run is known", LONG, known).await;
        self.operator.request(&query).await.unwrap()
    }

    /// Waits until a run is as it should be.
    pub(crate) async fn until(&self, run: RunId, what: &str, is_so: impl Fn(&RunView) -> bool) -> RunView {
        let query = RunQuery { id: run, team: None };
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
