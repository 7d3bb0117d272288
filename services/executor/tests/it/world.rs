//! A broker, a governance that signs everything, a router with one fixed plan, and executors.

use crate::upstream::Upstream;
use base64::{Engine as _, prelude::BASE64_STANDARD};
use neptune_bus::{Bus, BusConfig, Cause, Incoming, Outcome, setup};
use neptune_contracts::{
    Timestamp,
    admission::{Admission, Task, TaskAdmitted},
    chat::ChatRequest,
    finished::TaskFinished,
    ids::TaskId,
    names::{Service, TaskType, Zone},
    parked::TaskResumed,
    plan::{Explanation, Plan, PlannedAttempt, Strategy, TaskRouted},
    resource::{Manifest, Metadata},
    subject::Namespace,
    task::TaskSubmitted,
    topology::{GOVERNANCE_RESUMED, GOVERNANCE_SUBMITTED, ROUTER_BATCH, ROUTER_REALTIME},
};
use neptune_executor::config::Config;
use neptune_runtime::Shutdown;
use neptune_testkit::{Nats, process::Server, wait_until};
use ring::{
    digest,
    signature::{Ed25519KeyPair, KeyPair as _},
};
use serde_json::{Value, json};
use std::{process::Command, sync::Arc, time::Duration};

/// Longer than a task takes that is handed out again after a crash.
pub(crate) const LONG: Duration = Duration::from_secs(30);

/// What the router plans: strategy, attempts and judge.
pub(crate) type Planned = (Strategy, Vec<PlannedAttempt>, Option<PlannedAttempt>);

pub(crate) struct World {
    pub(crate) nats: Nats,
    pub(crate) namespace: Namespace,
    pub(crate) operator: Bus,
    pub(crate) shutdown: Shutdown,
}

impl Drop for World {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

/// What a router does to a task besides planning it.
pub(crate) type ChangeTask = fn(&mut Task);

impl World {
    /// With a router that plans `attempts` and a governance that does `admit` to each admission
    /// after signing it.
    pub(crate) async fn start(attempts: Vec<PlannedAttempt>, tamper: fn(&mut Admission)) -> Self {
        Self::start_with((Strategy::Fallback, attempts, None), tamper).await
    }

    /// The same with any strategy, and a judge.
    pub(crate) async fn start_with(plan: Planned, tamper: fn(&mut Admission)) -> Self {
        Self::start_between(plan, tamper, |_| {}).await
    }

    /// The same with a router that changes tasks.
    pub(crate) async fn start_between(plan: Planned, tamper: fn(&mut Admission), change: ChangeTask) -> Self {
        let nats = Nats::start().await;
        let namespace = neptune_testkit::namespace();
        let operator = bus_of(&nats, &namespace, Service::Operator).await;
        setup::apply(&operator).await.unwrap();
        let world = Self { nats, namespace, operator, shutdown: Shutdown::new() };
        world.govern(tamper).await;
        world.route(plan, change).await;
        world
    }

    pub(crate) async fn bus(&self, service: Service) -> Bus {
        bus_of(&self.nats, &self.namespace, service).await
    }

    /// Declares a model that `upstream` answers for.
    pub(crate) async fn declare(&self, name: &str, zone: Zone, upstream: &Upstream) {
        let price = json!({"inputUsdPerMtok": "2", "cachedInputUsdPerMtok": "0.5", "outputUsdPerMtok": "8"});
        let spec = json!({
            "provider": "openai", "endpoint": upstream.endpoint(), "upstreamModel": "upstream-name", "zone": zone, "price": price,
            "credentialEnv": "MODEL_KEY", "allowPrivate": true
        });
        self.declare_spec(name, spec).await;
    }

    /// Declares a model with limits.
    pub(crate) async fn declare_limited(&self, name: &str, limits: Value, upstream: &Upstream) {
        let price = json!({"inputUsdPerMtok": "2", "outputUsdPerMtok": "8"});
        let spec = json!({
            "provider": "openai", "endpoint": upstream.endpoint(), "zone": "external", "price": price,
            "allowPrivate": true, "limits": limits
        });
        self.declare_spec(name, spec).await;
    }

    /// Declares a model as given.
    pub(crate) async fn declare_spec(&self, name: &str, spec: Value) {
        let manifest = Manifest {
            api_version: "neptune/v1".into(),
            kind: "Model".into(),
            metadata: Metadata { name: name.into() },
            spec,
        };
        manifest.check().unwrap();
        self.operator.put_resource(&manifest).await.unwrap();
    }

    pub(crate) fn config(&self, zones: &[Zone]) -> Config {
        Config {
            bus: BusConfig::open(self.nats.url(), self.namespace.clone()),
            zones: zones.to_vec(),
            realtime_concurrency: 64,
            batch_concurrency: 4,
            park_at_most_ms: 600_000,
            runs: zones.len() > 1,
            run_hosts: vec!["127.0.0.1".to_owned()],
            governance_key: signing_key().public_key().as_ref().try_into().unwrap(),
            credential_hosts: "MODEL_KEY=127.0.0.1,TEST_SECRET_ACCESS_KEY=127.0.0.1".parse().unwrap(),
            environment: Arc::new(
                ["MODEL_KEY", "TEST_ACCESS_KEY_ID", "TEST_SECRET_ACCESS_KEY"]
                    .map(|name| (name.to_owned(), "sk-test".to_owned()))
                    .into(),
            ),
        }
    }

    /// Starts an executor as a process of its own, which can be killed.
    pub(crate) fn process(&self, zones: &str) -> Server {
        self.process_through(zones, &self.nats.url())
    }

    /// The same, which reaches the broker at `url`.
    pub(crate) fn process_through(&self, zones: &str, url: &str) -> Server {
        let mut command = Command::new(env!("CARGO_BIN_EXE_neptune-executor"));
        let key = BASE64_STANDARD.encode(signing_key().public_key().as_ref());
        command
            .env("NEPTUNE_NATS_URL", url)
            .env("NEPTUNE_NAMESPACE", self.namespace.to_string())
            .env("NEPTUNE_EXECUTOR_ZONES", zones)
            .env("NEPTUNE_GOVERNANCE_PUBLIC_KEY", key)
            .env("NEPTUNE_EXECUTOR_CREDENTIAL_HOSTS", "MODEL_KEY=127.0.0.1")
            .env("NEPTUNE_EXECUTOR_RUN_HOSTS", "127.0.0.1")
            .env("MODEL_KEY", "sk-test");
        Server::start(command, 0, &std::env::temp_dir().join(format!("{}-executor.log", self.namespace)))
    }

    /// Starts an executor that lives as long as the world.
    pub(crate) fn execute(&self, zones: &[Zone]) {
        tokio::spawn(neptune_executor::run(self.config(zones), self.shutdown.clone()));
    }

    pub(crate) async fn submit(&self, change: impl FnOnce(&mut TaskSubmitted)) -> TaskId {
        let mut task = TaskSubmitted::new("support".parse().unwrap(), ChatRequest::user("hello"));
        change(&mut task);
        self.operator.publish(&task, &Cause::root()).await.unwrap();
        task.id.unwrap()
    }

    /// The finished fact of a task, once it is there and the accept is gone.
    pub(crate) async fn finished(&self, task: TaskId) -> TaskFinished {
        let team = "support".parse().unwrap();
        let accepts = self.namespace.resource("TASKS");
        let ended = || async {
            self.operator.result(&team, task).await.unwrap().is_some() && self.nats.stream_messages(&accepts).await == 0
        };
        wait_until("the task is finished and its accept acknowledged", LONG, ended).await;
        self.operator.result(&team, task).await.unwrap().unwrap()
    }

    async fn govern(&self, tamper: fn(&mut Admission)) {
        let (bus, stop) = (self.bus(Service::Governance).await, self.shutdown.clone());
        tokio::spawn(async move {
            let publisher = bus.clone();
            let admit = move |task: Task, cause: Cause| {
                let bus = publisher.clone();
                async move {
                    let mut admission = admission(&task);
                    tamper(&mut admission);
                    bus.hand_on(&TaskAdmitted { task, admission }, &cause).await.unwrap();
                    Outcome::HandedOn
                }
            };
            let again = admit.clone();
            let submitted = bus.consume(&GOVERNANCE_SUBMITTED, 64, &stop, move |incoming: Incoming<TaskSubmitted>| {
                let cause = incoming.cause();
                admit(incoming.message.settle(TaskId::mint(), incoming.meta.stored_at).unwrap(), cause)
            });
            let resumed = bus.consume(&GOVERNANCE_RESUMED, 64, &stop, move |incoming: Incoming<TaskResumed>| {
                let cause = incoming.cause();
                again(incoming.message.task.resumed(incoming.meta.stored_at), cause)
            });
            tokio::try_join!(submitted, resumed).unwrap();
        });
    }

    async fn route(&self, plan: Planned, change: ChangeTask) {
        let (bus, stop) = (self.bus(Service::Router).await, self.shutdown.clone());
        tokio::spawn(async move {
            let publisher = bus.clone();
            let handler = move |incoming: Incoming<TaskAdmitted>| {
                let (bus, (strategy, attempts, judge)) = (publisher.clone(), plan.clone());
                async move {
                    let cause = incoming.cause();
                    let TaskAdmitted { mut task, admission } = incoming.message;
                    change(&mut task);
                    let plan =
                        Plan { routed_at: Timestamp::now(), strategy, attempts, judge, explanation: explanation() };
                    bus.hand_on(&TaskRouted { task, admission, plan, attempts_made: Vec::new() }, &cause)
                        .await
                        .unwrap();
                    Outcome::HandedOn
                }
            };
            let batch = bus.consume(&ROUTER_BATCH, 64, &stop, handler.clone());
            tokio::try_join!(bus.consume(&ROUTER_REALTIME, 64, &stop, handler), batch).unwrap();
        });
    }
}

async fn bus_of(nats: &Nats, namespace: &Namespace, service: Service) -> Bus {
    Bus::connect(&BusConfig::open(nats.url(), namespace.clone()), service).await.unwrap()
}

pub(crate) fn planned(model: &str, zone: Zone) -> PlannedAttempt {
    PlannedAttempt {
        model: model.into(),
        zone,
        timeout_ms: 30_000,
        expected_cost_usd: "0.01".parse().unwrap(),
        expected_latency_ms: 100,
    }
}

fn signing_key() -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap()
}

fn admission(task: &Task) -> Admission {
    let now = Timestamp::now();
    let input = serde_json::to_vec(&task.input).unwrap();
    let mut admission = Admission {
        admitted_at: now,
        expires_at: now.plus_millis(300_000),
        class: Default::default(),
        findings: Vec::new(),
        allowed_models: ["acme/a", "acme/b", "acme/d", "acme/judge"].map(str::to_owned).to_vec(),
        excluded_models: Vec::new(),
        allowed_zones: vec![Zone::External, Zone::Onprem],
        max_cost_usd: task.constraints.max_cost_usd.or(Some("1".parse().unwrap())),
        hold: None,
        pace: Vec::new(),
        policy_version: "r1".into(),
        input_sha256: BASE64_STANDARD.encode(digest::digest(&digest::SHA256, &input).as_ref()),
        terms_sha256: task.terms_sha256(),
        signed_by: "g1".into(),
        signature: String::new(),
    };
    admission.signature =
        BASE64_STANDARD.encode(signing_key().sign(&admission.signed_bytes(task.id, &task.team)).as_ref());
    admission
}

fn explanation() -> Explanation {
    Explanation {
        part: None,
        route: "auto".into(),
        task_type: TaskType::Chat,
        task_type_by: "default".into(),
        task_type_confidence: 0.5,
        config_revision: 1,
        statistics_age_ms: None,
        value_usd: "0.1".parse().unwrap(),
        money: None,
        removed: Vec::new(),
        candidates: Vec::new(),
        relaxed: Vec::new(),
        because: "the test says so".into(),
        decided_in_us: 1,
        propensity: None,
        shadows: Vec::new(),
        judged_by: None,
        learning: None,
        strategy: None,
    }
}
