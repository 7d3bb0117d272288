//! A router between a governance that admits everything and an executor that the test plays.

use neptune_bus::{Accept, Bus, BusConfig, Cause, Incoming, Outcome, setup};
use neptune_contracts::{
    Timestamp,
    admission::BudgetPace,
    attempt::{Attempt, AttemptFailed},
    finished::{Outcome as TaskOutcome, TaskError, TaskFinished},
    ids::TaskId,
    names::Service,
    plan::TaskRouted,
    resource::{Manifest, Metadata, ModelSpec},
    subject::Namespace,
    task::TaskSubmitted,
    topology::{EXECUTOR_EXTERNAL_BATCH, EXECUTOR_EXTERNAL_REALTIME, GOVERNANCE_SUBMITTED},
};
use neptune_router::{config::Config, statistics::Store};
use neptune_runtime::Shutdown;
use neptune_testkit::{Nats, Redis, builders, wait_until};
use std::{sync::Arc, time::Duration};
use tokio::{
    sync::{Mutex, mpsc},
    task::JoinHandle,
};

pub(crate) const SOON: Duration = Duration::from_secs(10);

pub(crate) struct World {
    pub(crate) nats: Nats,
    pub(crate) redis: Redis,
    pub(crate) namespace: Namespace,
    pub(crate) executor: Bus,
    pub(crate) routed: Arc<Mutex<mpsc::UnboundedReceiver<Arrived>>>,
    pace: Arc<Mutex<Vec<BudgetPace>>>,
    routers: Mutex<Vec<JoinHandle<()>>>,
    shutdown: Shutdown,
}

/// A task as the executor gets it.
pub(crate) struct Arrived {
    pub(crate) routed: TaskRouted,
    accept: Accept,
    cause: Cause,
}

impl Drop for World {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

impl World {
    /// Servers, `models`, and a router.
    pub(crate) async fn start(models: &[(&str, ModelSpec)]) -> Self {
        let world = Self::without_router(models).await;
        world.start_router().await;
        world
    }

    pub(crate) async fn without_router(models: &[(&str, ModelSpec)]) -> Self {
        Self::with_redis(Redis::start().await, models).await
    }

    /// The same with a Redis that keeps its data over a restart.
    pub(crate) async fn durable(models: &[(&str, ModelSpec)]) -> Self {
        Self::with_redis(Redis::start_durable().await, models).await
    }

    async fn with_redis(redis: Redis, models: &[(&str, ModelSpec)]) -> Self {
        let (nats, namespace) = (Nats::start().await, neptune_testkit::namespace());
        let connect =
            async |service| Bus::connect(&BusConfig::open(nats.url(), namespace.clone()), service).await.unwrap();
        let operator = connect(Service::Operator).await;
        setup::apply(&operator).await.unwrap();
        for (name, spec) in models {
            operator.put_resource(&manifest("Model", name, spec)).await.unwrap();
        }
        let (governance, executor, shutdown) =
            (connect(Service::Governance).await, connect(Service::Executor).await, Shutdown::new());
        let names: Vec<String> = models.iter().map(|(name, _)| (*name).to_owned()).collect();
        let pace = Arc::<Mutex<Vec<BudgetPace>>>::default();
        admit_everything(governance, (names, pace.clone()), shutdown.clone());
        let (sender, routed) = mpsc::unbounded_channel();
        for spec in [&EXECUTOR_EXTERNAL_REALTIME, &EXECUTOR_EXTERNAL_BATCH] {
            let (bus, stop, sender) = (executor.clone(), shutdown.clone(), sender.clone());
            tokio::spawn(async move {
                let take = move |incoming: Incoming<TaskRouted>| {
                    let (accept, cause) = (incoming.accept().unwrap().clone(), incoming.cause());
                    sender.send(Arrived { routed: incoming.message, accept, cause }).ok();
                    std::future::ready(Outcome::HandedOn)
                };
                bus.consume(spec, 64, &stop, take).await.unwrap();
            });
        }
        let routers = Mutex::new(Vec::new());
        let routed = Arc::new(Mutex::new(routed));
        Self { nats, redis, namespace, executor, routed, pace, routers, shutdown }
    }

    /// Declares a resource.
    pub(crate) async fn declare(&self, kind: &str, name: &str, spec: &impl serde::Serialize) {
        self.executor.put_resource(&manifest(kind, name, spec)).await.unwrap();
    }

    /// From now on tasks are admitted with this news of their budgets.
    pub(crate) async fn pace(&self, pace: Vec<BudgetPace>) {
        *self.pace.lock().await = pace;
    }

    /// A router of its own process, as far as it can tell; returns once it routes.
    pub(crate) async fn start_router(&self) {
        let config = Config {
            bus: BusConfig::open(self.nats.url(), self.namespace.clone()),
            concurrency: 16,
            batch_concurrency: 4,
            redis_url: self.redis.url(),
            redis_timeout: SOON,
            park_at_most_ms: 600_000,
            embeddings: None,
        };
        let shutdown = self.shutdown.clone();
        let running = tokio::spawn(async move { neptune_router::run(config, shutdown).await.unwrap() });
        self.routers.lock().await.push(running);
        self.ask("are you there?").await;
    }

    /// Ends every router where it stands, as a kill does.
    pub(crate) async fn kill_routers(&self) {
        for router in self.routers.lock().await.drain(..) {
            router.abort();
            router.await.unwrap_err();
        }
    }

    pub(crate) fn store(&self) -> Store {
        Store::open(&self.redis.url(), self.namespace.as_str(), crate::support::SOON).unwrap()
    }

    pub(crate) async fn client(&self) -> Bus {
        Bus::connect(&BusConfig::open(self.nats.url(), self.namespace.clone()), Service::Client).await.unwrap()
    }

    pub(crate) async fn submit(&self, task: &TaskSubmitted) -> TaskId {
        self.client().await.publish(task, &Cause::root()).await.unwrap();
        task.id.unwrap()
    }

    /// Submits a task and takes it as the executor does.
    pub(crate) async fn ask(&self, text: &str) -> Arrived {
        self.follow(&submitted(text)).await
    }

    pub(crate) async fn follow(&self, task: &TaskSubmitted) -> Arrived {
        let id = self.submit(task).await;
        self.arrival(id).await
    }

    /// Takes a task as the executor does, when it comes; those before it are left.
    pub(crate) async fn arrival(&self, id: TaskId) -> Arrived {
        let mut routed = self.routed.lock().await;
        loop {
            let arrived = tokio::time::timeout(2 * SOON, routed.recv()).await.expect("no plan").unwrap();
            if arrived.routed.task.id == id {
                return arrived;
            }
        }
    }

    /// The model that a new task goes to first.
    pub(crate) async fn favourite(&self) -> String {
        self.ask("What is a router?").await.first().to_owned()
    }

    /// The model that `task` goes to first.
    pub(crate) async fn favourite_of(&self, task: &TaskSubmitted) -> String {
        self.follow(task).await.first().to_owned()
    }

    /// Waits until the task has its finished fact.
    pub(crate) async fn result(&self, task: &TaskSubmitted) -> TaskFinished {
        let (team, id) = (task.team.clone().unwrap(), task.id.unwrap());
        wait_until("the task is finished", SOON, async || self.executor.result(&team, id).await.unwrap().is_some())
            .await;
        self.executor.result(&team, id).await.unwrap().unwrap()
    }

    /// Tells that an attempt failed, as the executor does.
    pub(crate) async fn fail(&self, attempt: Attempt) {
        let failed = AttemptFailed { task: TaskId::mint(), team: "support".parse().unwrap(), attempt };
        self.executor.publish(&failed, &Cause::root()).await.unwrap();
    }

    /// Finishes a task with these attempts, as the executor does.
    pub(crate) async fn finish(&self, arrived: Arrived, attempts: Vec<Attempt>) {
        arrived.end(&self.executor, attempts).await;
    }

    /// Completes a task with what the model that was to be tried first says, as the executor does.
    pub(crate) async fn complete(&self, arrived: &Arrived, says: &str) -> TaskFinished {
        let TaskRouted { task, admission, plan, .. } = &arrived.routed;
        let fact = TaskFinished {
            output: Some(serde_json::json!({"choices": [{"message": {"role": "assistant", "content": says}}]})),
            attempts: vec![builders::answered(arrived.first())],
            task_type: Some(plan.explanation.task_type),
            admission: Some(admission.clone()),
            route: Some(plan.explanation.clone()),
            ..TaskFinished::without_calls(task, TaskOutcome::Completed, Timestamp::now())
        };
        self.executor.finish(&fact, &arrived.accept, &arrived.cause).await.unwrap();
        fact
    }

    /// Finishes a task with the answer of one attempt.
    pub(crate) async fn answer(&self, arrived: Arrived, attempt: Attempt) {
        self.finish(arrived, vec![attempt]).await;
    }
}

impl Arrived {
    /// Ends the task with these attempts, as the executor does.
    pub(crate) async fn end(self, executor: &Bus, attempts: Vec<Attempt>) {
        let error = TaskError {
            code: "test".into(),
            message: "ended by a test".into(),
            problems: Vec::new(),
            retry_after_ms: None,
        };
        let fact = TaskFinished::without_attempts(&self.routed.task, TaskOutcome::Failed, error, Timestamp::now());
        let task_type = Some(self.routed.plan.explanation.task_type);
        let route = Some(self.routed.plan.explanation.clone());
        let fact = TaskFinished { attempts, task_type, route, ..fact };
        executor.finish(&fact, &self.accept, &self.cause).await.unwrap();
    }

    /// The model to try first.
    pub(crate) fn first(&self) -> &str {
        &self.routed.plan.attempts[0].model
    }
}

fn admit_everything(bus: Bus, (models, pace): (Vec<String>, Arc<Mutex<Vec<BudgetPace>>>), shutdown: Shutdown) {
    tokio::spawn(async move {
        let publisher = bus.clone();
        let admit = move |incoming: Incoming<TaskSubmitted>| {
            let (bus, models, pace) = (publisher.clone(), models.clone(), pace.clone());
            async move {
                let cause = incoming.cause();
                let task = incoming.message.settle(TaskId::mint(), Timestamp::now()).unwrap();
                let models: Vec<&str> = models.iter().map(String::as_str).collect();
                let mut admission = builders::admission(&models);
                admission.max_cost_usd = task.constraints.max_cost_usd;
                admission.pace = pace.lock().await.clone();
                bus.hand_on(&neptune_contracts::admission::TaskAdmitted { task, admission }, &cause).await.unwrap();
                Outcome::HandedOn
            }
        };
        bus.consume(&GOVERNANCE_SUBMITTED, 64, &shutdown, admit).await.unwrap();
    });
}

pub(crate) fn submitted(text: &str) -> TaskSubmitted {
    TaskSubmitted::new("support".parse().unwrap(), neptune_contracts::chat::ChatRequest::user(text))
}

pub(crate) fn manifest(kind: &str, name: &str, spec: &impl serde::Serialize) -> Manifest {
    let spec = serde_json::to_value(spec).unwrap();
    Manifest { api_version: "neptune/v1".into(), kind: kind.into(), metadata: Metadata { name: name.into() }, spec }
}

/// A model that `auto` prefers, and one that it falls back on.
pub(crate) fn two_models() -> [(&'static str, ModelSpec); 2] {
    [
        ("a/first", builders::model(0.9, "1")),
        ("b/second", ModelSpec { endpoint: "http://127.0.0.1:8/v1".into(), ..builders::model(0.8, "1") }),
    ]
}
