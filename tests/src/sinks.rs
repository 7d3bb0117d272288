//! What webhooks and mail servers received, and what the simulator saw.

use crate::stack::Stack;
use serde_json::Value;

impl Stack {
    /// Webhooks the sink received.
    pub async fn hooks(&self) -> Vec<Value> {
        self.list("hooks").await
    }

    /// E-mails the sink received.
    pub async fn mails(&self) -> Vec<Value> {
        self.list("mails").await
    }

    async fn list(&self, what: &str) -> Vec<Value> {
        let answer = self.http().get(format!("{}/{what}", self.sink_url)).send().await.unwrap();
        answer.json().await.unwrap()
    }

    /// The simulator's own account.
    pub async fn account(&self) -> Value {
        let answer = self.http().get(format!("{}/admin/account", self.simulator_url)).send().await.unwrap();
        answer.json().await.unwrap()
    }

    /// Changes how a simulated model behaves.
    pub async fn simulate(&self, model: &str, behaviour: Value) {
        let answer = self
            .http()
            .put(format!("{}/admin/models/{model}", self.simulator_url))
            .json(&behaviour)
            .send()
            .await
            .unwrap();
        assert!(answer.status().is_success(), "{}", answer.text().await.unwrap_or_default());
    }
}
