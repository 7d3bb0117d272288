//! Servers and services of one test, each a process of its own.

use crate::{
    keys::{PEPPER, key},
    resources::{CALLER, usual},
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use neptune_bus::{Bus, BusConfig, setup};
use neptune_contracts::{names::Service, query::BudgetQuery, resource::Manifest, subject::Namespace};
use neptune_testkit::{
    Nats, Postgres, Redis,
    process::{Server, free_port},
    wait_until,
};
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use std::{
    collections::BTreeMap,
    path::PathBuf,
    process::{Command, Output},
    sync::{Arc, LazyLock},
    time::Duration,
};
use tempfile::TempDir;
use tokio::sync::{OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock};

/// The services, in the order of a task's way.
pub const SERVICES: [&str; 6] = ["governance", "router", "executor", "metering", "notifier", "ingress"];

const SEED: [u8; 32] = [7; 32];
const APPROVAL_SECRET: &str = "links of tests are signed by this secret";
const WEBHOOK_SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";

/// A whole system.
pub struct Stack {
    /// The broker.
    pub nats: Nats,
    /// Hot statistics and holds.
    pub redis: Redis,
    /// The ledger.
    pub postgres: Postgres,
    /// An operator's connection.
    pub bus: Bus,
    /// Where logs and captured deliveries are.
    pub folder: TempDir,
    /// Address of the ingress.
    pub url: String,
    /// Address of the simulator.
    pub simulator_url: String,
    /// Address of the sink's HTTP side.
    pub sink_url: String,
    namespace: Namespace,
    http: reqwest::Client,
    everywhere: Environment,
    processes: BTreeMap<String, (Environment, u16, Server)>,
    /// Dropped last, when nothing of it runs any more.
    _turn: Turn,
}

/// Systems run side by side, but for one that is loaded against the clock.
static TURNS: LazyLock<Arc<RwLock<()>>> = LazyLock::new(Arc::default);

/// The right to run.
enum Turn {
    Shared { _guard: OwnedRwLockReadGuard<()> },
    Alone { _guard: OwnedRwLockWriteGuard<()> },
}

type Environment = Vec<(String, String)>;

impl Stack {
    /// Starts everything and waits until it is ready.
    pub async fn start() -> Self {
        Self::start_with("").await
    }

    /// The same, when no other system of this process runs, nor will until this one is dropped.
    pub async fn start_alone() -> Self {
        let turn = Turn::Alone { _guard: Arc::clone(&TURNS).write_owned().await };
        Self::start_at(turn, "", &[]).await
    }

    /// The same with further JetStream settings.
    pub async fn start_with(nats_config: &str) -> Self {
        Self::start_in(nats_config, &[]).await
    }

    /// The same with further variables for every service.
    pub async fn start_in(nats_config: &str, everywhere: &[(&str, &str)]) -> Self {
        let turn = Turn::Shared { _guard: Arc::clone(&TURNS).read_owned().await };
        Self::start_at(turn, nats_config, everywhere).await
    }

    async fn start_at(turn: Turn, nats_config: &str, everywhere: &[(&str, &str)]) -> Self {
        neptune_runtime::service::install_crypto_provider();
        let (nats, redis, postgres) =
            (Nats::start_with(nats_config).await, Redis::start().await, Postgres::start().await);
        let namespace: Namespace = "neptune".parse().unwrap();
        let bus = Bus::connect(&BusConfig::open(nats.url(), namespace.clone()), Service::Operator).await.unwrap();
        setup::apply(&bus).await.unwrap();
        let (ingress, simulator, sink, smtp) = (free_port(), free_port(), free_port(), free_port());
        let mut stack = Self {
            nats,
            redis,
            postgres,
            bus,
            folder: tempfile::Builder::new().prefix("neptune-stack-").tempdir().unwrap(),
            url: format!("http://127.0.0.1:{ingress}"),
            simulator_url: format!("http://127.0.0.1:{simulator}"),
            sink_url: format!("http://127.0.0.1:{sink}"),
            namespace,
            http: reqwest::Client::builder().no_proxy().build().unwrap(),
            everywhere: everywhere.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
            processes: BTreeMap::new(),
            _turn: turn,
        };
        stack.start_stand_ins(simulator, sink, smtp).await;
        stack.apply(&usual(&format!("127.0.0.1:{sink}"))).await;
        for service in SERVICES {
            stack.start_service(service, ingress, smtp);
        }
        stack.ready().await;
        stack
    }

    async fn start_stand_ins(&mut self, simulator: u16, sink: u16, smtp: u16) {
        let config = self.folder.path().join("simulator.yaml");
        std::fs::write(&config, simulator_config()).unwrap();
        let simulator_env = [
            ("NEPTUNE_SIMULATOR_LISTEN", format!("127.0.0.1:{simulator}")),
            ("NEPTUNE_SIMULATOR_CONFIG", config.display().to_string()),
        ];
        self.launch("simulator", simulator, &simulator_env);
        let sink_env = [
            ("NEPTUNE_SINK_SMTP_LISTEN", format!("127.0.0.1:{smtp}")),
            ("NEPTUNE_SINK_HTTP_LISTEN", format!("127.0.0.1:{sink}")),
            ("NEPTUNE_SINK_DIRECTORY", self.folder.path().join("sink").display().to_string()),
        ];
        self.launch("sink", sink, &sink_env);
    }

    fn start_service(&mut self, service: &str, ingress: u16, smtp: u16) {
        let seed = Ed25519KeyPair::from_seed_unchecked(&SEED).unwrap();
        let own: Vec<(&str, String)> = match service {
            "ingress" => {
                vec![
                    ("NEPTUNE_INGRESS_LISTEN", format!("127.0.0.1:{ingress}")),
                    ("NEPTUNE_KEY_PEPPER", PEPPER.into()),
                    ("NEPTUNE_APPROVAL_SECRET", APPROVAL_SECRET.into()),
                ]
            }
            "governance" => vec![
                ("NEPTUNE_GOVERNANCE_REDIS_URL", self.redis.url()),
                ("NEPTUNE_GOVERNANCE_SIGNING_KEY", BASE64_STANDARD.encode(SEED)),
            ],
            "router" => vec![("NEPTUNE_ROUTER_REDIS_URL", self.redis.url())],
            "executor" => vec![
                ("NEPTUNE_GOVERNANCE_PUBLIC_KEY", BASE64_STANDARD.encode(seed.public_key().as_ref())),
                ("NEPTUNE_SIMULATOR_URL", self.simulator_url.clone()),
            ],
            "metering" => vec![("NEPTUNE_METERING_DATABASE_URL", self.postgres.url())],
            _ => vec![
                ("NEPTUNE_WEBHOOK_SECRET", WEBHOOK_SECRET.into()),
                ("NEPTUNE_APPROVAL_SECRET", APPROVAL_SECRET.into()),
                ("NEPTUNE_NOTIFIER_LINK_URL", format!("http://127.0.0.1:{ingress}")),
                ("NEPTUNE_SMTP_URL", format!("smtp://127.0.0.1:{smtp}")),
            ],
        };
        let port = if service == "ingress" { ingress } else { 0 };
        self.launch(service, port, &own);
    }

    fn launch(&mut self, name: &str, port: u16, own: &[(&str, String)]) {
        let mut environment: Vec<(String, String)> =
            own.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        environment.push(("NEPTUNE_NATS_URL".into(), self.nats.url()));
        environment.push(("NEPTUNE_NAMESPACE".into(), self.namespace.to_string()));
        environment.push(("NEPTUNE_LOG".into(), std::env::var("NEPTUNE_TEST_LOG").unwrap_or_else(|_| "warn".into())));
        environment.extend(self.everywhere.iter().cloned());
        let server = self.spawn(name, port, &environment);
        self.processes.insert(name.to_owned(), (environment, port, server));
    }

    fn spawn(&self, name: &str, port: u16, environment: &[(String, String)]) -> Server {
        let service = name.split('.').next().unwrap();
        let mut command = Command::new(binary(service));
        command.env_clear().envs(environment.iter().map(|(name, value)| (name, value)));
        Server::start(command, port, &self.folder.path().join(format!("{name}.log")))
    }

    /// Waits until the ingress takes tasks, every service answers, and budgets know what was spent.
    pub async fn ready(&self) {
        let all = || async {
            let pings = self.bus.ping_services(Duration::from_millis(200)).await.unwrap_or_default();
            let open = self
                .http
                .get(format!("{}/readyz", self.url))
                .send()
                .await
                .is_ok_and(|answer| answer.status().is_success());
            open && SERVICES.iter().all(|service| pings.iter().any(|ping| ping == service))
        };
        wait_until("the whole system is ready", Duration::from_secs(60), all).await;
        let budgets = BudgetQuery { team: "poor".parse().unwrap() };
        let known = || async { self.bus.request(&budgets).await.is_ok() };
        wait_until("budgets know what was spent", Duration::from_secs(60), known).await;
    }

    /// Kills a service without warning.
    pub fn kill(&mut self, name: &str) {
        self.processes.get_mut(name).unwrap().2.kill();
    }

    /// Starts a killed service again.
    pub fn restart(&mut self, name: &str) {
        let (environment, port, _) = self.processes.get(name).unwrap();
        let server = self.spawn(name, *port, environment);
        self.processes.get_mut(name).unwrap().2 = server;
    }

    /// Starts another process of a service under a name of its own, which begins with the service's and a dot.
    ///
    /// # Panics
    /// The service does not run.
    pub fn join(&mut self, service: &str, name: &str) {
        let environment = self.processes.get(service).unwrap().0.clone();
        let server = self.spawn(name, 0, &environment);
        self.processes.insert(name.to_owned(), (environment, 0, server));
    }

    /// Process ids by name.
    #[must_use]
    pub fn pids(&self) -> BTreeMap<String, u32> {
        let mut pids: BTreeMap<String, u32> =
            self.processes.iter().map(|(name, process)| (name.clone(), process.2.pid())).collect();
        pids.insert("nats-server".into(), self.nats.pid());
        pids
    }

    /// Stores resources.
    pub async fn apply(&self, manifests: &[Manifest]) {
        for manifest in manifests {
            self.bus.put_resource(manifest).await.unwrap();
        }
    }

    /// A request to the ingress with the usual key.
    pub fn post(&self, path: &str) -> reqwest::RequestBuilder {
        self.http.post(format!("{}{path}", self.url)).bearer_auth(key(CALLER).key)
    }

    /// A read from the ingress with the usual key.
    pub fn get(&self, path: &str) -> reqwest::RequestBuilder {
        self.http.get(format!("{}{path}", self.url)).bearer_auth(key(CALLER).key)
    }

    /// An HTTP client for everything else.
    #[must_use]
    pub fn http(&self) -> &reqwest::Client {
        &self.http
    }

    /// Runs the operator's command against this system.
    ///
    /// # Panics
    /// The command cannot be started.
    pub async fn neptune(&self, arguments: &[&str]) -> Output {
        self.neptune_with(&[], arguments).await
    }

    /// The same with further variables.
    ///
    /// # Panics
    /// The command cannot be started.
    pub async fn neptune_with(&self, variables: &[(&str, &str)], arguments: &[&str]) -> Output {
        let mut command = tokio::process::Command::new(command());
        command.env_clear().env("NEPTUNE_NATS_URL", self.nats.url()).env("NEPTUNE_NAMESPACE", self.namespace.as_str());
        command.env("NEPTUNE_STATE_DIR", self.folder.path()).current_dir(self.folder.path());
        command.envs(variables.iter().copied()).args(arguments).output().await.unwrap()
    }

    /// What a service has logged.
    #[must_use]
    pub fn log(&self, name: &str) -> String {
        std::fs::read_to_string(self.folder.path().join(format!("{name}.log"))).unwrap_or_default()
    }
}

/// The program of a service, beside the running test or bench.
#[must_use]
pub fn binary(name: &str) -> PathBuf {
    let own = std::env::current_exe().unwrap();
    let folder = own.ancestors().find(|folder| folder.join("neptune-executor").is_file());
    let folder =
        folder.unwrap_or_else(|| panic!("the services are not built; run `cargo build --workspace --bins` first"));
    folder.join(format!("neptune-{name}"))
}

/// The operator's command.
#[must_use]
pub fn command() -> PathBuf {
    binary("executor").with_file_name("neptune")
}

fn simulator_config() -> String {
    let models = ["openai/gpt-4.1", "openai/gpt-4.1-mini", "anthropic/claude-haiku-4.5", "meta/llama-3.3-70b"];
    let entries: String = models.iter().map(|name| format!("  {name:?}: {{}}\n")).collect();
    // Other names are answered too, so that the bench can ask the simulator itself.
    format!("default: {{}}\nmodels:\n{entries}")
}
