//! A broker, a Postgres, and metering between them.

use neptune_bus::{Bus, BusConfig, Cause, setup};
use neptune_contracts::{
    Message, PicoUsd,
    names::Service,
    query::{SpendGroup, SpendQuery, SpendReport},
    subject::Namespace,
    topology::{
        ConsumerSpec, METERING_DELIVERY_ATTEMPTED, METERING_DELIVERY_FINISHED, METERING_FAILED, METERING_FEEDBACK,
        METERING_FINISHED, METERING_RUN_CHANGED, METERING_RUN_FINISHED,
    },
};
use neptune_metering::{config::Config, run};
use neptune_runtime::{Shutdown, config::Secret};
use neptune_testkit::{Nats, Postgres, wait_until};
use sea_orm::{ConnectionTrait as _, Database, DatabaseConnection, DbBackend, Statement};
use std::time::Duration;

/// Everything here is over in seconds; this only bounds a hang.
pub const PATIENCE: Duration = Duration::from_secs(60);

pub struct World {
    pub nats: Nats,
    pub postgres: Postgres,
    pub namespace: Namespace,
    pub operator: Bus,
    pub executor: Bus,
    shutdown: Shutdown,
    running: Option<tokio::task::JoinHandle<()>>,
}

impl World {
    pub async fn start() -> Self {
        let (nats, postgres) = (Nats::start().await, Postgres::start().await);
        let namespace = neptune_testkit::namespace();
        let operator = connect(&nats, &namespace, Service::Operator).await;
        let executor = connect(&nats, &namespace, Service::Executor).await;
        setup::apply(&operator).await.unwrap();
        let mut world =
            Self { nats, postgres, namespace, operator, executor, shutdown: Shutdown::new(), running: None };
        world.start_metering();
        world
    }

    pub fn config(&self) -> Config {
        Config {
            bus: BusConfig::open(self.nats.url(), self.namespace.clone()),
            database_url: Secret::new(self.postgres.url()),
            migrate: true,
        }
    }

    pub fn start_metering(&mut self) {
        self.shutdown = Shutdown::new();
        let (config, shutdown) = (self.config(), self.shutdown.clone());
        self.running = Some(tokio::spawn(async move { run(config, shutdown).await.unwrap() }));
    }

    pub async fn stop_metering(&mut self) {
        self.shutdown.cancel();
        self.running.take().unwrap().await.unwrap();
    }

    pub async fn store<M: Message>(&self, fact: &M) {
        self.executor.publish(fact, &Cause::root()).await.unwrap();
    }

    pub async fn database(&self) -> DatabaseConnection {
        Database::connect(self.postgres.url()).await.unwrap()
    }

    pub async fn number(&self, sql: &str) -> i64 {
        let database = self.database().await;
        let row = database.query_one_raw(Statement::from_string(DbBackend::Postgres, sql)).await.unwrap().unwrap();
        let number = row.try_get_by_index(0).unwrap();
        database.close().await.unwrap();
        number
    }

    /// Spend as the query tells it; nothing while metering cannot answer.
    pub async fn spend(&self, group_by: SpendGroup) -> Option<SpendReport> {
        self.operator.request(&SpendQuery { team: None, since: None, until: None, group_by }).await.ok()
    }

    pub async fn until_spent(&self, total: PicoUsd, tasks: u64) {
        let spent = || async {
            let report = self.spend(SpendGroup::Team).await;
            report.is_some_and(|report| {
                report.total_usd == total && report.rows.iter().map(|row| row.tasks).sum::<u64>() == tasks
            })
        };
        wait_until("the ledger has everything", PATIENCE, spent).await;
    }

    /// Waits until metering's consumers have nothing left to hand out or to acknowledge.
    pub async fn until_settled(&self) {
        let client = self.nats.client().await;
        for spec in OURS {
            let stream = self.namespace.resource(spec.stream.as_str());
            let subject = format!("$JS.API.CONSUMER.INFO.{stream}.{}", spec.name);
            let settled = || async {
                let answer = client.request(subject.clone(), "".into()).await.unwrap();
                let info: serde_json::Value = serde_json::from_slice(&answer.payload).unwrap();
                info["num_pending"] == 0 && info["num_ack_pending"] == 0
            };
            wait_until("every message is acknowledged", PATIENCE, settled).await;
        }
    }

    /// How many facts are being handed out for more than the first time.
    pub async fn redelivered(&self) -> u64 {
        let stream = self.namespace.resource(METERING_FINISHED.stream.as_str());
        let subject = format!("$JS.API.CONSUMER.INFO.{stream}.{}", METERING_FINISHED.name);
        let answer = self.nats.client().await.request(subject, "".into()).await.unwrap();
        let info: serde_json::Value = serde_json::from_slice(&answer.payload).unwrap();
        info["num_redelivered"].as_u64().unwrap_or(0)
    }

    /// Makes the broker hand out everything again, as if no acknowledgement had arrived.
    pub async fn forget_acknowledgements(&self) {
        let client = self.nats.client().await;
        for spec in OURS {
            let stream = self.namespace.resource(spec.stream.as_str());
            client.request(format!("$JS.API.CONSUMER.DELETE.{stream}.{}", spec.name), "".into()).await.unwrap();
        }
        setup::apply(&self.operator).await.unwrap();
    }
}

const OURS: [&ConsumerSpec; 7] = [
    &METERING_FINISHED,
    &METERING_FAILED,
    &METERING_DELIVERY_ATTEMPTED,
    &METERING_DELIVERY_FINISHED,
    &METERING_FEEDBACK,
    &METERING_RUN_CHANGED,
    &METERING_RUN_FINISHED,
];

async fn connect(nats: &Nats, namespace: &Namespace, service: Service) -> Bus {
    Bus::connect(&BusConfig::open(nats.url(), namespace.clone()), service).await.unwrap()
}
