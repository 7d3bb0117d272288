//! A simulator inside the test, on a port of its own.

use std::net::SocketAddr;

use neptune_runtime::Shutdown;
use neptune_runtime::config::Secret;
use neptune_runtime::service::install_crypto_provider;
use neptune_simulator::Config;
use neptune_simulator::config::Declared;
use neptune_simulator::domain::outcomes::Outcomes;
use reqwest::{Client, Response, StatusCode};
use serde_json::{Value, json};

pub(crate) struct Server {
    url: String,
    client: Client,
    shutdown: Shutdown,
}

impl Server {
    /// With the models this YAML declares.
    pub(crate) async fn start(declared: &str) -> Self {
        Self::start_with_key(declared, None).await
    }

    pub(crate) async fn start_with_key(declared: &str, key: Option<&str>) -> Self {
        Self::start_with(declared, key, Outcomes::default()).await
    }

    pub(crate) async fn start_with(declared: &str, key: Option<&str>, outcomes: Outcomes) -> Self {
        install_crypto_provider();
        let config = Config {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            address_file: None,
            declared: Declared::parse(declared).unwrap(),
            api_key: key.map(Secret::new),
            calls_kept: 100,
            outcomes,
        };
        let bound = neptune_simulator::bind(config).await.unwrap();
        let url = format!("http://{}", bound.address());
        let shutdown = Shutdown::new();
        tokio::spawn(bound.serve(shutdown.clone()));
        Self { url, client: Client::builder().no_proxy().build().unwrap(), shutdown }
    }

    pub(crate) fn post(&self, path: &str) -> reqwest::RequestBuilder {
        self.client.post(format!("{}{path}", self.url))
    }

    /// A question to a model.
    pub(crate) async fn ask(&self, model: &str, text: &str) -> reqwest::Result<Response> {
        self.chat(json!({"model": model, "messages": [{"role": "user", "content": text}]})).await
    }

    pub(crate) async fn chat(&self, body: Value) -> reqwest::Result<Response> {
        self.post("/v1/chat/completions").json(&body).send().await
    }

    pub(crate) async fn get(&self, path: &str) -> (StatusCode, Value) {
        let response = self.client.get(format!("{}{path}", self.url)).send().await.unwrap();
        (response.status(), response.json().await.unwrap())
    }

    pub(crate) async fn put(&self, model: &str, behaviour: Value) -> (StatusCode, Value) {
        let response =
            self.client.put(format!("{}/admin/models/{model}", self.url)).json(&behaviour).send().await.unwrap();
        (response.status(), response.json().await.unwrap())
    }

    pub(crate) async fn delete(&self, model: &str) -> StatusCode {
        self.client.delete(format!("{}/admin/models/{model}", self.url)).send().await.unwrap().status()
    }

    /// A model's account.
    pub(crate) async fn account(&self, model: &str) -> Value {
        self.get("/admin/account").await.1["models"][model].clone()
    }

    pub(crate) fn stop(&self) {
        self.shutdown.cancel();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

/// The text of the first choice.
pub(crate) fn text(completion: &Value) -> &str {
    completion["choices"][0]["message"]["content"].as_str().unwrap()
}
