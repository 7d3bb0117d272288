//! Vectors of texts, from an endpoint of the operator's own that speaks OpenAI's `/embeddings`.
//!
//! Texts leave the router for it, and governance admits no such call: so it may only be an address in
//! a network of one's own, which is checked where the name leads, at each connection.

use crate::domain::cache::meaning::narrow;
use neptune_contracts::address::{is_host, is_public};
use neptune_runtime::{
    config::Secret,
    http::{Settings, builder},
};
use reqwest::{Client, Url};
use serde::Deserialize;
use serde_json::json;
use std::{net::IpAddr, time::Duration};

/// A task waits no longer for its vector.
const TIMEOUT: Duration = Duration::from_millis(50);
const CONNECT_TIMEOUT: Duration = Duration::from_millis(50);
/// A vector of more coordinates is not taken.
const MOST_COORDINATES: usize = 8_192;

/// How the endpoint is set up.
#[derive(Clone)]
pub struct EmbeddingsConfig {
    /// Base URL, for example `http://10.0.0.7:8080/v1`.
    pub url: Url,
    /// The model to ask for.
    pub model: String,
    /// Its key, when it wants one.
    pub key: Option<Secret>,
}

/// Asks for vectors.
pub struct Embedder {
    http: Client,
    url: Url,
    config: EmbeddingsConfig,
}

#[derive(Deserialize)]
struct Answer {
    data: Vec<Item>,
}

#[derive(Deserialize)]
struct Item {
    embedding: Vec<f32>,
}

impl Embedder {
    /// An embedder that connects when it is first asked.
    ///
    /// # Errors
    /// The TLS set-up of the machine cannot be used.
    pub fn new(config: EmbeddingsConfig) -> Result<Self, reqwest::Error> {
        neptune_runtime::service::install_crypto_provider();
        let settings = Settings {
            user_agent: concat!("neptune/", env!("CARGO_PKG_VERSION")),
            connect_timeout: CONNECT_TIMEOUT,
            may_dial: is_own,
        };
        let mut url = config.url.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().push("embeddings");
        }
        Ok(Self { http: builder(&settings).timeout(TIMEOUT).build()?, url, config })
    }

    /// The vector of `text`; nothing when the endpoint does not answer in time, or not with one.
    pub async fn vector(&self, text: &str) -> Option<Vec<i8>> {
        let vector = self.ask(text).await.inspect_err(|error| {
            tracing::debug!(error = error as &dyn std::error::Error, "no vector; the cache looks at the words alone");
        });
        vector.ok().filter(|vector| (1..=MOST_COORDINATES).contains(&vector.len())).map(|vector| narrow(&vector))
    }

    async fn ask(&self, text: &str) -> Result<Vec<f32>, reqwest::Error> {
        let body = json!({"model": self.config.model, "input": text, "encoding_format": "float"});
        let mut request = self.http.post(self.url.clone()).json(&body);
        if let Some(key) = &self.config.key {
            request = request.bearer_auth(key.expose());
        }
        let answer: Answer = request.send().await?.error_for_status()?.json().await?;
        Ok(answer.data.into_iter().next().map(|item| item.embedding).unwrap_or_default())
    }
}

/// Whether a URL may name such an endpoint; a name is checked when it is looked up.
#[must_use]
pub fn may_be(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    matches!(url.scheme(), "http" | "https") && !host.is_empty() && host.parse().map_or(true, is_own)
}

/// Whether an address is in a network of the operator's own.
#[must_use]
pub fn is_own(address: IpAddr) -> bool {
    is_host(address) && !is_public(address)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn only_an_endpoint_of_ones_own_is_taken() {
        for (url, wanted) in [
            ("http://127.0.0.1:8080/v1", true),
            ("http://10.1.2.3/v1", true),
            ("http://[fd12::1]/v1", true),
            ("http://embeddings.internal/v1", true),
            ("https://8.8.8.8/v1", false),
            ("http://169.254.169.254/v1", false),
            ("ftp://10.1.2.3/v1", false),
        ] {
            assert_eq!(may_be(&url.parse().unwrap()), wanted, "{url}");
        }
    }
}
