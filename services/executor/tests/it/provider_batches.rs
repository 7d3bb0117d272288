//! A simulated provider of batches, and a world whose models send theirs there.

use crate::world::{World, planned};
use neptune_contracts::{
    PicoUsd, Timestamp,
    attempt::BATCH,
    chat::ChatRequest,
    finished::TaskFinished,
    ids::TaskId,
    names::{Lane, Zone},
};
use neptune_runtime::{Shutdown, config::Secret};
use neptune_simulator::{
    config::{Config, Declared},
    domain::outcomes::Outcomes,
};
use neptune_testkit::wait_until;
use serde_json::{Value, json};
use std::{net::SocketAddr, time::Duration};

/// Longer than a crash and a batch take together.
pub(crate) const LONGER: Duration = Duration::from_secs(60);

/// Where batches are at each provider.
pub(crate) const PROVIDERS: [(&str, &str); 2] = [("openai", "/v1/batches"), ("anthropic", "/v1/messages/batches")];

pub(crate) struct Simulator {
    url: String,
    http: reqwest::Client,
    shutdown: Shutdown,
}

impl Drop for Simulator {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

impl Simulator {
    /// A provider whose model behaves like this in batches.
    pub(crate) async fn start(batch: Value) -> Self {
        neptune_runtime::service::install_crypto_provider();
        let config = Config {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            address_file: None,
            declared: Declared::parse("models: {}").unwrap(),
            api_key: Some(Secret::new("sk-test")),
            calls_kept: 100,
            outcomes: Outcomes::default(),
        };
        let bound = neptune_simulator::bind(config).await.unwrap();
        let (url, shutdown) = (format!("http://{}", bound.address()), Shutdown::new());
        tokio::spawn(bound.serve(shutdown.clone()));
        let simulator = Self { url, http: reqwest::Client::builder().no_proxy().build().unwrap(), shutdown };
        simulator.behave(batch).await;
        simulator
    }

    /// Changes how batches go from now on.
    pub(crate) async fn behave(&self, batch: Value) {
        let price = json!({"inputUsdPerMtok": "2", "cachedInputUsdPerMtok": "0.5", "outputUsdPerMtok": "8"});
        let behaviour = json!({"price": price, "tokens": {"cachedShare": 0.3, "reasoning": 5}, "batch": batch});
        let sent = self.http.put(format!("{}/admin/models/model", self.url)).json(&behaviour).send().await.unwrap();
        assert_eq!(sent.status(), 200);
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        let asked = self.http.get(format!("{}{path}", self.url)).header("authorization", "Bearer sk-test");
        let answer = asked.header("anthropic-version", "2023-06-01").send().await.unwrap();
        assert_eq!(answer.status(), 200, "{path}");
        answer.json().await.unwrap()
    }

    /// How many there are under this path.
    pub(crate) async fn count(&self, path: &str) -> usize {
        self.get(path).await["data"].as_array().unwrap().len()
    }

    pub(crate) async fn charged(&self) -> PicoUsd {
        let account = self.get("/admin/account").await;
        PicoUsd(account["models"]["model"]["cost_pico_usd"].as_str().unwrap().parse().unwrap())
    }

    /// Keys and charges of the calls and items that were answered.
    pub(crate) async fn answered(&self) -> Vec<(String, PicoUsd)> {
        let calls = self.get("/admin/calls?limit=100").await;
        let of = |call: &Value| {
            let key = call["idempotency_key"].as_str().unwrap_or_default().to_owned();
            (key, PicoUsd(call["cost_pico_usd"].as_str().unwrap().parse().unwrap()))
        };
        calls.as_array().unwrap().iter().filter(|call| call["outcome"] == "success").map(of).collect()
    }

    /// Declares `acme/a`, whose tasks are collected for two seconds.
    pub(crate) async fn declare(&self, world: &World, provider: &str, change: impl FnOnce(&mut Value)) {
        self.declare_as(world, ("acme/a", provider), change).await;
    }

    /// The same under another name.
    pub(crate) async fn declare_as(
        &self,
        world: &World,
        (name, provider): (&str, &str),
        change: impl FnOnce(&mut Value),
    ) {
        let price = json!({"inputUsdPerMtok": "2", "cachedInputUsdPerMtok": "0.5", "outputUsdPerMtok": "8"});
        let batch =
            json!({"enabled": true, "maxWaitSeconds": 2, "pollSeconds": 1, "withinSeconds": 60, "pricePercent": 50});
        let mut spec = json!({
            "provider": provider, "endpoint": format!("{}/v1", self.url), "upstreamModel": "model", "price": price,
            "credentialEnv": "MODEL_KEY", "allowPrivate": true, "batch": batch
        });
        change(&mut spec);
        world.declare_spec(name, spec).await;
    }
}

pub(crate) async fn world() -> World {
    World::start(vec![planned("acme/a", Zone::External)], |_| {}).await
}

/// Submits a task that can wait.
pub(crate) async fn submit(world: &World, text: &str, deadline_in_ms: Option<i64>) -> TaskId {
    let change = |task: &mut neptune_contracts::task::TaskSubmitted| {
        task.input = ChatRequest::user(text);
        task.constraints.lane = Lane::Batch;
        task.constraints.deadline = deadline_in_ms.map(|ms| Timestamp::now().plus_millis(ms));
    };
    world.submit(change).await
}

pub(crate) async fn submit_all(world: &World, count: usize) -> Vec<TaskId> {
    let mut tasks = Vec::new();
    for number in 0..count {
        tasks.push(submit(world, &format!("question {number}"), None).await);
    }
    tasks
}

/// Messages in a stream.
pub(crate) async fn number_of(world: &World, stream: &str) -> u64 {
    world.nats.stream_messages(&world.namespace.resource(stream)).await
}

/// The facts of tasks, once all are there, and nothing waits any more, neither an accept nor an item.
pub(crate) async fn finished(world: &World, tasks: &[TaskId]) -> Vec<TaskFinished> {
    let team = "support".parse().unwrap();
    let over = || async {
        for task in tasks {
            if world.operator.result(&team, *task).await.unwrap().is_none() {
                return false;
            }
        }
        number_of(world, "TASKS").await == 0
            && number_of(world, "BATCHES").await == 0
            && number_of(world, "TIMERS").await == 0
    };
    wait_until("all tasks are finished and nothing is left", LONGER, over).await;
    let mut facts = Vec::new();
    for task in tasks {
        facts.push(world.operator.result(&team, *task).await.unwrap().unwrap());
    }
    facts
}

/// Each task was answered by one item, once, and paid for as the provider says.
pub(crate) async fn answered_once(simulator: &Simulator, facts: &[TaskFinished]) {
    let answered = simulator.answered().await;
    for fact in facts {
        let [attempt] = fact.attempts.as_slice() else { panic!("one attempt: {:?}", fact.attempts) };
        assert_eq!((attempt.purpose.as_deref(), attempt.error.as_ref()), (Some(BATCH), None));
        assert!(fact.text().is_some_and(|text| !text.is_empty()) && !attempt.estimated);
        let id = attempt.id.to_string();
        let items: Vec<PicoUsd> = answered.iter().filter(|(key, _)| *key == id).map(|(_, cost)| *cost).collect();
        assert_eq!(items, [attempt.cost_usd], "{id}");
        assert_eq!(fact.cost_usd, attempt.cost_usd);
    }
    assert_eq!(answered.len(), facts.len());
    assert_eq!(facts.iter().map(|fact| fact.cost_usd).sum::<PicoUsd>(), simulator.charged().await);
}
