//! A broker, and the notifier on it.

use neptune_bus::{Bus, BusConfig, Cause, Incoming, Outcome, setup};
use neptune_contracts::{
    Message, Timestamp,
    delivery::{Delivery, DeliveryAdmitted, DeliveryAttempted, DeliveryContent, DeliveryFinished, DeliverySpec},
    ids::DeliveryId,
    names::{Channel, Service},
    resource::{API_VERSION, Manifest, Metadata},
    subject::Namespace,
    topology::{ConsumerSpec, METERING_DELIVERY_ATTEMPTED, METERING_DELIVERY_FINISHED},
};
use neptune_notifier::{config::Config, run};
use neptune_runtime::Shutdown;
use neptune_testkit::{Nats, wait_until};
use serde_json::{Value, json};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

/// Everything here is over in seconds; this only bounds a hang.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// Four tries in quick succession.
const SCHEDULE: &[Duration] = &[Duration::from_millis(20); 3];
pub const SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";

pub struct World {
    pub nats: Nats,
    pub namespace: Namespace,
    pub operator: Bus,
    pub governance: Bus,
    environment: HashMap<String, String>,
    attempted: Arc<Mutex<Vec<DeliveryAttempted>>>,
    finished: Arc<Mutex<Vec<DeliveryFinished>>>,
    shutdown: Shutdown,
}

impl World {
    /// A notifier whose e-mail goes to `smtp`.
    pub async fn start(smtp: &str) -> Self {
        neptune_runtime::service::install_crypto_provider();
        let (nats, namespace) = (Nats::start().await, neptune_testkit::namespace());
        let operator = connect(&nats, &namespace, Service::Operator).await;
        setup::apply(&operator).await.unwrap();
        let governance = connect(&nats, &namespace, Service::Governance).await;
        let environment = [("HOOK_SECRET", SECRET), ("SMTP_URL", smtp)];
        let environment = environment.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let (attempted, finished) = (Arc::default(), Arc::default());
        let world =
            Self { nats, namespace, operator, governance, environment, attempted, finished, shutdown: Shutdown::new() };
        world.watch(&METERING_DELIVERY_ATTEMPTED, &world.attempted).await;
        world.watch(&METERING_DELIVERY_FINISHED, &world.finished).await;
        world.start_notifier();
        world
    }

    pub fn start_notifier(&self) {
        let config = Config {
            bus: BusConfig::open(self.nats.url(), self.namespace.clone()),
            concurrency: 8,
            schedule: SCHEDULE,
            links: None,
            environment: Arc::new(self.environment.clone()),
        };
        let shutdown = self.shutdown.clone();
        tokio::spawn(async move { run(config, shutdown).await.unwrap() });
    }

    pub async fn configure(&self, channel: &str, spec: Value) {
        let metadata = Metadata { name: channel.into() };
        let manifest = Manifest { api_version: API_VERSION.into(), kind: "Channel".into(), metadata, spec };
        manifest.check().unwrap();
        self.operator.put_resource(&manifest).await.unwrap();
    }

    pub async fn configure_webhook(&self, allowed: &[String]) {
        self.configure("webhook", json!({"type": "webhook", "secretEnv": "HOOK_SECRET", "allowPrivate": allowed}))
            .await;
    }

    pub async fn configure_email(&self, from: &str) {
        self.configure("email", json!({"type": "email", "smtpEnv": "SMTP_URL", "from": from})).await;
    }

    /// Admits a delivery and returns it.
    pub async fn admit(&self, channel: Channel, to: &str) -> Delivery {
        let delivery = delivery(channel, to);
        self.admit_as_is(&delivery).await;
        delivery
    }

    pub async fn admit_as_is(&self, delivery: &Delivery) {
        let admitted = DeliveryAdmitted { delivery: delivery.clone(), policy_version: "r1".into() };
        self.governance.publish(&admitted, &Cause::root()).await.unwrap();
    }

    /// The end of a delivery.
    pub async fn ended(&self, id: DeliveryId) -> DeliveryFinished {
        let find = || self.finished.lock().unwrap().iter().find(|finished| finished.id == id).cloned();
        wait_until("the delivery ends", PATIENCE, || async { find().is_some() }).await;
        find().unwrap()
    }

    /// The errors of a delivery's tries, in order; at least `count` of them.
    pub async fn tries(&self, id: DeliveryId, count: usize) -> Vec<Option<String>> {
        let find = || {
            let attempted = self.attempted.lock().unwrap();
            let mut found: Vec<_> = attempted.iter().filter(|attempted| attempted.id == id).cloned().collect();
            found.sort_by_key(|attempted| attempted.attempt);
            found.into_iter().map(|attempted| attempted.error).collect::<Vec<_>>()
        };
        wait_until("the tries are told", PATIENCE, || async { find().len() >= count }).await;
        find()
    }

    async fn watch<M: Message + Clone>(&self, spec: &'static ConsumerSpec, kept: &Arc<Mutex<Vec<M>>>) {
        let bus = connect(&self.nats, &self.namespace, Service::Metering).await;
        let (kept, stop) = (kept.clone(), self.shutdown.clone());
        tokio::spawn(async move {
            let keep = move |incoming: Incoming<M>| {
                kept.lock().unwrap().push(incoming.message);
                async { Outcome::Done }
            };
            bus.consume(spec, 1, &stop, keep).await.unwrap();
        });
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

pub async fn connect(nats: &Nats, namespace: &Namespace, service: Service) -> Bus {
    Bus::connect(&BusConfig::open(nats.url(), namespace.clone()), service).await.unwrap()
}

pub fn delivery(channel: Channel, to: &str) -> Delivery {
    Delivery {
        id: DeliveryId::mint(),
        team: "support".parse().unwrap(),
        task: None,
        run: None,
        spec: DeliverySpec { channel, to: to.into(), subject: None },
        class: Default::default(),
        requested_at: Timestamp::from_unix_micros(1_800_000_000_000_000).unwrap(),
        content: DeliveryContent {
            event: "task.completed".into(),
            text: "Hello <b>\n\nthere".into(),
            data: json!({"task": "t1"}),
        },
    }
}
