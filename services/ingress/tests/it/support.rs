//! A broker, an ingress in this process, and one consumer that plays the rest of the system.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use neptune_bus::{Bus, BusConfig, Incoming, Outcome as Handled, setup};
use neptune_contracts::{
    Timestamp,
    admission::Task,
    finished::{Outcome, TaskError, TaskFinished},
    ids::{AttemptId, TaskId},
    names::Service,
    resource::{API_VERSION, Manifest, Metadata, Resources},
    subject::Namespace,
    task::TaskSubmitted,
    topology::GOVERNANCE_SUBMITTED,
};
use neptune_ingress::{Error, config};
use neptune_runtime::{Shutdown, config::Values};
use neptune_testkit::{Nats, wait_until};
use reqwest::{Client, RequestBuilder, Response};
use ring::{digest, hmac};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tempfile::TempDir;
use tokio::{sync::Semaphore, task::JoinHandle};

const PEPPER: &str = "a pepper for tests";
/// Long enough for a loaded machine; nothing waits that long when all is well.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// A caller key of team `support`, one of `sales`, an admin's, and two that are void.
pub const SUPPORT: &str = "support00001";
pub const SALES: &str = "sales0000001";
pub const ADMIN: &str = "admin0000001";
pub const DISABLED: &str = "disabled0001";
pub const EXPIRED: &str = "expired00001";

pub struct World {
    pub nats: Nats,
    pub namespace: Namespace,
    pub ingress: Ingress,
    pub rest: Rest,
}

/// A running ingress.
pub struct Ingress {
    pub shutdown: Shutdown,
    pub running: JoinHandle<Result<(), Error>>,
    pub url: String,
    pub http: Client,
    _folder: TempDir,
}

/// What the rest of the system does, as the last word of the first message tells it:
/// `hold` waits until it is let go, `spliced` too after the first pieces of two attempts, `<outcome>:<code>` ends without an answer, anything else is
/// answered with itself.
#[derive(Clone)]
pub struct Rest {
    pub seen: Arc<AtomicUsize>,
    pub let_go: Arc<Semaphore>,
    stop: Shutdown,
}

impl World {
    pub async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// Starts with further variables of the ingress.
    pub async fn start_with(variables: &[(&str, &str)]) -> Self {
        let nats = Nats::start().await;
        let namespace = neptune_testkit::namespace();
        set_up(&nats, &namespace).await;
        let rest = Rest::start(&nats, &namespace).await;
        let ingress = Ingress::launch(&nats, &namespace, variables, true).await;
        Self { nats, namespace, ingress, rest }
    }

    pub fn post(&self, path: &str, key: &str, body: &Value) -> RequestBuilder {
        self.ingress.post(path, key).json(body)
    }
}

/// Creates the streams, and the keys, teams, models and routes of the tests.
pub async fn set_up(nats: &Nats, namespace: &Namespace) {
    let operator = connect(nats, namespace, Service::Operator).await;
    setup::apply(&operator).await.unwrap();
    let price = json!({"inputUsdPerMtok": "1", "outputUsdPerMtok": "2"});
    let model = json!({"provider": "openai", "endpoint": "http://127.0.0.1:1", "price": price});
    for (kind, name, spec) in [
        ("Team", "support", json!({"models": ["openai/*"], "channels": ["webhook", "email"]})),
        ("Team", "sales", json!({})),
        ("Model", "openai/gpt-4.1", model.clone()),
        ("Model", "meta/llama", model),
        ("Route", "triage", json!({})),
        ("Channel", "webhook", json!({"type": "webhook", "secretEnv": "SECRET"})),
        ("Key", SUPPORT, json!({"team": "support", "hash": hash(SUPPORT)})),
        ("Key", SALES, json!({"team": "sales", "hash": hash(SALES)})),
        ("Key", ADMIN, json!({"team": "sales", "role": "admin", "hash": hash(ADMIN)})),
        ("Key", DISABLED, json!({"team": "support", "disabled": true, "hash": hash(DISABLED)})),
        ("Key", EXPIRED, json!({"team": "support", "expiresAt": "2020-01-01T00:00:00Z", "hash": hash(EXPIRED)})),
    ] {
        Resources::default().insert(kind, name, spec.clone()).unwrap();
        let metadata = Metadata { name: name.into() };
        operator
            .put_resource(&Manifest { api_version: API_VERSION.into(), kind: kind.into(), metadata, spec })
            .await
            .unwrap();
    }
}

pub async fn connect(nats: &Nats, namespace: &Namespace, service: Service) -> Bus {
    Bus::connect(&BusConfig::open(nats.url(), namespace.clone()), service).await.unwrap()
}

fn secret(id: &str) -> String {
    format!("{:x<43}", id)
}

fn hash(id: &str) -> String {
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, PEPPER.as_bytes()), secret(id).as_bytes());
    tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The whole key of an id, as its owner has it.
pub fn api_key(id: &str) -> String {
    const DIGITS: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let body = format!("npt_test_{id}_{}", secret(id));
    let mut rest = crc32fast::hash(body.as_bytes()) as usize;
    let mut checksum = Vec::new();
    for _ in 0..6 {
        checksum.insert(0, char::from(DIGITS[rest % 62]));
        rest /= 62;
    }
    format!("{body}_{}", checksum.into_iter().collect::<String>())
}

impl Ingress {
    /// Starts an ingress, and waits until it serves requests when `ready`, else until it listens.
    pub async fn launch(nats: &Nats, namespace: &Namespace, variables: &[(&str, &str)], ready: bool) -> Self {
        neptune_runtime::service::install_crypto_provider();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("address");
        let port = if ready { 0 } else { free_port() };
        let mut given = BTreeMap::from([
            ("NEPTUNE_INGRESS_LISTEN".to_owned(), format!("127.0.0.1:{port}")),
            ("NEPTUNE_INGRESS_ADDRESS_FILE".to_owned(), file.display().to_string()),
            ("NEPTUNE_KEY_PEPPER".to_owned(), PEPPER.to_owned()),
            ("NEPTUNE_NATS_URL".to_owned(), nats.url()),
            ("NEPTUNE_NAMESPACE".to_owned(), namespace.to_string()),
        ]);
        given.extend(variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let values =
            Values::load(&[config::VARIABLES, neptune_bus::config::VARIABLES], &|name| given.get(name).cloned());
        let shutdown = Shutdown::new();
        let running = tokio::spawn(neptune_ingress::run(config::Config::read(&values).unwrap(), shutdown.clone()));
        let address = if ready { written(&file).await } else { format!("127.0.0.1:{port}") };
        let ingress =
            Self { shutdown, running, url: format!("http://{address}"), http: Client::new(), _folder: folder };
        let sign = if ready { "/readyz" } else { "/healthz" };
        let alive = || async { ingress.get(sign).send().await.is_ok_and(|answer| answer.status() == 200) };
        wait_until("the ingress listens", PATIENCE, alive).await;
        ingress
    }

    pub fn get(&self, path: &str) -> RequestBuilder {
        self.http.get(format!("{}{path}", self.url))
    }

    pub fn post(&self, path: &str, key: &str) -> RequestBuilder {
        self.http.post(format!("{}{path}", self.url)).bearer_auth(api_key(key))
    }

    pub async fn stop(self) {
        self.shutdown.cancel();
        tokio::time::timeout(PATIENCE, self.running).await.expect("the ingress stops").unwrap().unwrap();
    }
}

async fn written(file: &std::path::Path) -> String {
    let exists = || async { std::fs::read_to_string(file).is_ok_and(|address| !address.is_empty()) };
    wait_until("the address is written", PATIENCE, exists).await;
    std::fs::read_to_string(file).unwrap()
}

fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

impl Rest {
    pub async fn start(nats: &Nats, namespace: &Namespace) -> Self {
        let bus = connect(nats, namespace, Service::Governance).await;
        let rest = Self { seen: Arc::default(), let_go: Arc::new(Semaphore::new(0)), stop: Shutdown::new() };
        let (on, stop, player) = (bus.clone(), rest.stop.clone(), rest.clone());
        tokio::spawn(async move {
            let handler = move |incoming| play(on.clone(), player.clone(), incoming);
            bus.consume(&GOVERNANCE_SUBMITTED, 32, &stop, handler).await.unwrap();
        });
        rest
    }

    pub fn seen(&self) -> usize {
        self.seen.load(Ordering::SeqCst)
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.rest.stop.cancel();
        self.ingress.shutdown.cancel();
    }
}

async fn play(bus: Bus, rest: Rest, incoming: Incoming<TaskSubmitted>) -> Handled {
    rest.seen.fetch_add(1, Ordering::SeqCst);
    let (accept, cause) = (incoming.accept().unwrap().clone(), incoming.cause());
    let submitted = serde_json::to_value(&incoming.message).unwrap();
    let task = incoming.message.settle(TaskId::mint(), Timestamp::now()).unwrap();
    let text: String = task.input.texts().collect();
    let order = text.rsplit(' ').next().unwrap_or_default().to_owned();
    if order == "spliced" {
        for word in ["first", "second"] {
            let piece = json!({"id": "c1", "choices": [{"index": 0, "delta": {"content": word}}]});
            let passage = bus.passage((&task.team, task.id), AttemptId::mint());
            passage.pass_on(0, piece.to_string().into()).await.unwrap();
        }
    }
    if ["hold", "spliced"].contains(&order.as_str()) {
        rest.let_go.acquire().await.unwrap().forget();
    }
    bus.finish(&ending(&task, &order, submitted), &accept, &cause).await.unwrap();
    Handled::HandedOn
}

fn ending(task: &Task, order: &str, submitted: Value) -> TaskFinished {
    let outcome = |name: &str| serde_json::from_value::<Outcome>(json!(name)).ok();
    let ended = order.split_once(':').and_then(|(name, code)| Some((outcome(name)?, code)));
    let error = |code: &str| {
        let message = format!("because {code}");
        TaskError { code: code.into(), message, problems: Vec::new(), retry_after_ms: None }
    };
    let (ended, code) = ended.unwrap_or((Outcome::Completed, ""));
    let mut finished = TaskFinished::without_attempts(task, ended, error(code), Timestamp::now());
    finished.admission = (ended != Outcome::Rejected).then(|| admission(task));
    if ended == Outcome::Completed {
        let message = json!({"role": "assistant", "content": "done"});
        let choice = json!({"index": 0, "message": message, "finish_reason": "stop"});
        finished.error = None;
        if order == "attempt" {
            finished.attempts = vec![neptune_testkit::builders::answered("openai/gpt-4.1")];
        }
        finished.output =
            Some(json!({"id": "c1", "object": "chat.completion", "choices": [choice], "submitted": submitted}));
    }
    finished
}

fn admission(task: &Task) -> neptune_contracts::admission::Admission {
    let sum = digest::digest(&digest::SHA256, &serde_json::to_vec(&task.input).unwrap());
    let now = Timestamp::now();
    serde_json::from_value(json!({
        "admitted_at": now, "expires_at": now, "class": "internal", "allowed_models": ["m"], "allowed_zones": [],
        "policy_version": "r1", "input_sha256": BASE64_STANDARD.encode(sum.as_ref()), "signed_by": "g1", "signature": "",
    }))
    .unwrap()
}

/// A request of one user message.
pub fn chat(text: &str) -> Value {
    json!({"messages": [{"role": "user", "content": text}]})
}

/// A task of one user message.
pub fn task(text: &str) -> Value {
    json!({"input": chat(text)})
}

/// A header of an answer, empty when it is not there.
pub fn header(answer: &Response, name: &str) -> String {
    answer.headers().get(name).map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default()
}

/// The status and the body of an answer.
pub async fn read(request: RequestBuilder) -> (u16, Value) {
    let answer = request.send().await.unwrap();
    let status = answer.status().as_u16();
    (status, answer.json().await.unwrap())
}
