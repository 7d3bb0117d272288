//! What every test needs.

use neptune_bus::{Bus, BusConfig, setup};
use neptune_contracts::{
    Timestamp,
    admission::{Admission, Task, TaskAdmitted},
    chat::ChatRequest,
    finished::{Outcome as TaskOutcome, TaskError, TaskFinished},
    ids::TaskId,
    names::{Service, Zone},
    subject::Namespace,
    task::TaskSubmitted,
};
use neptune_testkit::Nats;

pub(crate) struct World {
    pub(crate) nats: Nats,
    pub(crate) namespace: Namespace,
}

impl World {
    pub(crate) async fn start() -> Self {
        let nats = Nats::start().await;
        let namespace: Namespace = neptune_testkit::namespace();
        let world = Self { nats, namespace };
        setup::apply(&world.bus(Service::Operator).await).await.unwrap();
        world
    }

    pub(crate) async fn bus(&self, service: Service) -> Bus {
        Bus::connect(&BusConfig::open(self.nats.url(), self.namespace.clone()), service).await.unwrap()
    }
}

pub(crate) fn submitted(text: &str) -> TaskSubmitted {
    TaskSubmitted::new("support".parse().unwrap(), ChatRequest::user(text))
}

pub(crate) fn admitted(task: Task) -> TaskAdmitted {
    let now = Timestamp::now();
    let admission = Admission {
        admitted_at: now,
        expires_at: now.plus_millis(60_000),
        class: Default::default(),
        findings: Vec::new(),
        allowed_models: vec!["m".into()],
        excluded_models: Vec::new(),
        allowed_zones: Zone::ALL.to_vec(),
        max_cost_usd: None,
        hold: None,
        pace: Vec::new(),
        policy_version: "r1".into(),
        input_sha256: String::new(),
        signed_by: "g1".into(),
        signature: String::new(),
    };
    TaskAdmitted { task, admission }
}

pub(crate) fn finished(task: &Task) -> TaskFinished {
    let error = TaskError {
        code: "test".into(),
        message: "ended by a test".into(),
        problems: Vec::new(),
        retry_after_ms: None,
    };
    TaskFinished::without_attempts(task, TaskOutcome::Failed, error, Timestamp::now())
}

pub(crate) fn settled(message: TaskSubmitted) -> Task {
    message.settle(TaskId::mint(), Timestamp::now()).unwrap()
}
