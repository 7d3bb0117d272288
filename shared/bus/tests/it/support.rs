//! What every test needs.

use crate::permissions::{as_user, broker};
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
    /// Every service is a broker user of its own, with the published permissions.
    has_users: bool,
}

impl World {
    pub(crate) async fn start() -> Self {
        let nats = Nats::start().await;
        let namespace: Namespace = neptune_testkit::namespace();
        let world = Self { nats, namespace, has_users: false };
        setup::apply(&world.bus(Service::Operator).await).await.unwrap();
        world
    }

    /// The same with the permissions that a deployment has.
    pub(crate) async fn start_with_users() -> Self {
        let namespace: Namespace = neptune_testkit::namespace();
        let world = Self { nats: broker(&namespace).await, namespace, has_users: true };
        setup::apply(&world.bus(Service::Operator).await).await.unwrap();
        world
    }

    pub(crate) async fn bus(&self, service: Service) -> Bus {
        let config = if self.has_users {
            let password = format!("password-{}", service.as_str().to_ascii_uppercase());
            as_user(&self.nats, &self.namespace, service.as_str(), &password)
        } else {
            BusConfig::open(self.nats.url(), self.namespace.clone())
        };
        Bus::connect(&config, service).await.unwrap()
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
        terms_sha256: None,
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
