//! A broker, a Redis and governance in this process.

use crate::{
    metering::Metering,
    samples::{SEED, organisation},
};
use futures::StreamExt as _;
use neptune_bus::{Bus, BusConfig, Cause, Incoming, Outcome, setup};
use neptune_contracts::{
    Message, PicoUsd, Timestamp,
    admission::TaskAdmitted,
    finished::{Outcome as TaskOutcome, TaskFinished},
    ids::TaskId,
    names::{Service, Team},
    query::{BudgetQuery, BudgetView},
    resource::Manifest,
    subject::Namespace,
    task::TaskSubmitted,
    topology::ROUTER_REALTIME,
};
use neptune_governance::{Error, budget::address, config::Config, domain::admit::refusal, run, signing::Signer};
use neptune_runtime::Shutdown;
use neptune_testkit::{Nats, Redis, wait_until};
use std::time::Duration;
use tokio::{
    sync::mpsc::{UnboundedReceiver, unbounded_channel},
    task::JoinHandle,
    time::timeout,
};

/// Longer than anything here takes, also on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct World {
    pub(crate) nats: Nats,
    pub(crate) redis: Redis,
    pub(crate) namespace: Namespace,
    /// Stands in for clients and the operator.
    pub(crate) bus: Bus,
    /// Stands in for the ledger.
    pub(crate) metering: Metering,
    admitted: UnboundedReceiver<Incoming<TaskAdmitted>>,
    shutdown: Shutdown,
    governance: JoinHandle<Result<(), Error>>,
}

pub(crate) fn config(nats_url: &str, redis_url: &str, namespace: &Namespace) -> Config {
    Config {
        bus: BusConfig::open(nats_url, namespace.clone()),
        redis: address(redis_url).unwrap(),
        redis_timeout: Duration::from_secs(5),
        signer: Signer::from_seed(SEED).unwrap(),
        concurrency: 16,
    }
}

impl World {
    /// Starts everything, with the sample organisation and `further` resources.
    pub(crate) async fn start(further: &[Manifest]) -> Self {
        Self::start_with(Redis::start().await, further).await
    }

    pub(crate) async fn start_with(redis: Redis, further: &[Manifest]) -> Self {
        let (nats, namespace) = (Nats::start().await, neptune_testkit::namespace());
        let bus = Bus::connect(&BusConfig::open(nats.url(), namespace.clone()), Service::Operator).await.unwrap();
        setup::apply(&bus).await.unwrap();
        for manifest in organisation().iter().chain(further) {
            bus.put_resource(manifest).await.unwrap();
        }
        let shutdown = Shutdown::new();
        let metering = Metering::start(&nats, &namespace, &shutdown).await;
        let governance = tokio::spawn(run(config(&nats.url(), &redis.url(), &namespace), shutdown.clone()));
        let admitted = routing(&nats, &namespace, &shutdown).await;
        Self { nats, redis, namespace, bus, metering, admitted, shutdown, governance }
    }

    pub(crate) async fn submit(&self, task: &TaskSubmitted) {
        self.bus.publish(task, &Cause::root()).await.unwrap();
    }

    /// Submits a task whose answer somebody waits for.
    pub(crate) async fn ask(&self, task: &TaskSubmitted) {
        self.bus.publish(task, &Cause::root().with_reply_to("_INBOX.somebody")).await.unwrap();
    }

    /// The next admitted task, as the router gets it.
    pub(crate) async fn admitted(&mut self) -> Incoming<TaskAdmitted> {
        timeout(PATIENCE, self.admitted.recv()).await.expect("a task is admitted in time").unwrap()
    }

    /// The finished fact of a task.
    pub(crate) async fn finished(&self, team: &str, task: TaskId) -> TaskFinished {
        let team: Team = team.parse().unwrap();
        wait_until("the task is finished", PATIENCE, async || self.bus.result(&team, task).await.unwrap().is_some())
            .await;
        self.bus.result(&team, task).await.unwrap().unwrap()
    }

    /// Finishes an admitted task as the executor does.
    pub(crate) async fn finish(&self, admitted: &Incoming<TaskAdmitted>, cost: PicoUsd) {
        let TaskAdmitted { task, admission } = &admitted.message;
        let fact = TaskFinished::without_attempts(
            task,
            TaskOutcome::Failed,
            refusal("test", "ended by a test"),
            Timestamp::now(),
        );
        let fact = TaskFinished { admission: Some(admission.clone()), cost_usd: cost, ..fact };
        self.bus.finish(&fact, admitted.accept().unwrap(), &admitted.cause()).await.unwrap();
    }

    /// Waits until a team's only budget stands as given.
    pub(crate) async fn budget_stands_at(&self, team: &str, spent: PicoUsd, held: PicoUsd) {
        let stands =
            async || self.budget(team).await.is_some_and(|budget| (budget.spent_usd, budget.held_usd) == (spent, held));
        let what = format!("the budget of {team} stands at {spent} spent and {held} held");
        wait_until(&what, PATIENCE, stands).await;
    }

    pub(crate) async fn budget(&self, team: &str) -> Option<BudgetView> {
        let report = self.bus.request(&BudgetQuery { team: team.parse().unwrap() }).await;
        report.ok()?.budgets.into_iter().next()
    }

    /// Live copies of a message.
    pub(crate) async fn listen<M: Message>(&self) -> UnboundedReceiver<M> {
        let (sender, receiver) = unbounded_channel();
        let mut copies = Box::pin(self.bus.listen::<M>().await.unwrap());
        tokio::spawn(async move {
            while let Some(copy) = copies.next().await {
                sender.send(copy).ok();
            }
        });
        receiver
    }

    /// Waits until no accepted task is open any more.
    pub(crate) async fn all_accepts_are_settled(&self) {
        let tasks = self.namespace.resource("TASKS");
        wait_until("every accept is settled", PATIENCE, async || self.nats.stream_messages(&tasks).await == 0).await;
    }

    pub(crate) async fn stop(self) {
        self.shutdown.cancel();
        timeout(PATIENCE, self.governance).await.expect("governance stops in time").unwrap().unwrap();
    }
}

/// Takes admitted tasks in the router's place, with the accepts they carry.
async fn routing(nats: &Nats, namespace: &Namespace, shutdown: &Shutdown) -> UnboundedReceiver<Incoming<TaskAdmitted>> {
    let (sender, receiver) = unbounded_channel();
    let bus = Bus::connect(&BusConfig::open(nats.url(), namespace.clone()), Service::Router).await.unwrap();
    let stop = shutdown.clone();
    tokio::spawn(async move {
        let take = move |incoming: Incoming<TaskAdmitted>| {
            sender.send(incoming).ok();
            std::future::ready(Outcome::HandedOn)
        };
        bus.consume(&ROUTER_REALTIME, 16, &stop, take).await.unwrap();
    });
    receiver
}

pub(crate) async fn next<M>(messages: &mut UnboundedReceiver<M>) -> M {
    timeout(PATIENCE, messages.recv()).await.expect("a message comes in time").unwrap()
}
