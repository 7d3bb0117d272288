//! Sending a webhook.

use crate::{
    address::{self, AddressError},
    domain::{
        retry::{Tried, of_status},
        signature::sign,
    },
};
use neptune_contracts::{Timestamp, delivery::Delivery};
use reqwest::{Client, Response, header::CONTENT_TYPE};
use serde_json::json;
use std::time::Duration;

/// The whole exchange, reading the answer included.
const EXCHANGE_TIMEOUT: Duration = Duration::from_secs(15);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// More of an answer is not read.
const ANSWER_LIMIT: usize = 64 * 1024;

/// Sends one webhook.
pub async fn send(delivery: &Delivery, secret: &str, allow_private: &[String]) -> Tried {
    let target = match address::check(&delivery.spec.to, allow_private).await {
        Ok(target) => target,
        Err(error @ AddressError::Unresolved) => return Tried::Passing { error: error.to_string(), after: None },
        Err(error) => return Tried::Final(format!("the webhook's URL {error}")),
    };
    let id = delivery.id.to_string();
    let now = Timestamp::now();
    let body = json!({"type": delivery.content.event, "timestamp": now, "data": delivery.content.data}).to_string();
    let signature = match sign(secret, &id, now.unix_seconds(), body.as_bytes()) {
        Ok(signature) => signature,
        Err(error) => return Tried::Passing { error: error.to_string(), after: None },
    };
    let Ok(client) = client(&target) else {
        return Tried::Passing { error: "the HTTP client cannot be made".into(), after: None };
    };
    let request = client
        .post(target.url)
        .header(CONTENT_TYPE, "application/json")
        .header("webhook-id", id)
        .header("webhook-timestamp", now.unix_seconds().to_string())
        .header("webhook-signature", signature)
        .body(body);
    match tokio::time::timeout(EXCHANGE_TIMEOUT, exchange(request)).await {
        Ok(tried) => tried,
        Err(_) => Tried::Passing { error: format!("no answer within {} s", EXCHANGE_TIMEOUT.as_secs()), after: None },
    }
}

async fn exchange(request: reqwest::RequestBuilder) -> Tried {
    let mut response = match request.send().await {
        Ok(response) => response,
        Err(error) if error.is_connect() => return Tried::Passing { error: "cannot connect".into(), after: None },
        Err(_) => return Tried::Passing { error: "the connection broke".into(), after: None },
    };
    let retry_after = retry_after(&response);
    let status = response.status().as_u16();
    let mut read = 0;
    while let Ok(Some(chunk)) = response.chunk().await {
        read += chunk.len();
        if read > ANSWER_LIMIT {
            break;
        }
    }
    of_status(status, retry_after)
}

fn retry_after(response: &Response) -> Option<Duration> {
    let seconds = response.headers().get("retry-after")?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}

/// A client bound to the addresses that were checked, without redirects and proxies.
fn client(target: &address::Target) -> Result<Client, reqwest::Error> {
    neptune_runtime::service::install_crypto_provider();
    let builder = Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .connect_timeout(CONNECT_TIMEOUT)
        .user_agent(concat!("neptune/", env!("CARGO_PKG_VERSION")));
    match &target.resolved {
        Some((host, addresses)) => builder.resolve_to_addrs(host, addresses).build(),
        None => builder.build(),
    }
}
