//! Webhooks as Standard Webhooks has them.

use super::http;
use crate::domain::{
    signature::{Secrets, body},
    verdict::{Again, Verdict, of_http_status, retry_after},
};
use neptune_contracts::{
    Timestamp,
    address::{Reach, reach},
    delivery::Delivery,
};
use reqwest::{Client, Response, header};

/// Of an answer's body this much is read, so that the connection can be used again; of a larger one
/// the connection is closed.
const MAX_ANSWER_BYTES: usize = 64 * 1024;

/// Sends webhooks.
pub struct Webhook {
    public: Client,
    unrestricted: Client,
}

impl Webhook {
    /// A sender.
    ///
    /// # Errors
    /// The HTTP clients cannot be made.
    pub fn new() -> Result<Self, reqwest::Error> {
        Ok(Self { public: http::public()?, unrestricted: http::unrestricted()? })
    }

    /// Makes one try.
    pub async fn send(&self, delivery: &Delivery, secret: &str, allowed: &[String]) -> Verdict {
        let secrets = match Secrets::read(secret) {
            Ok(secrets) => secrets,
            Err(error) => return Verdict::passing(error.to_string()),
        };
        let (client, url) = match reach(&delivery.spec.to, allowed) {
            Ok(Reach::Public(url)) => (&self.public, url),
            Ok(Reach::Allowed(url)) => (&self.unrestricted, url),
            Err(refused) => return Verdict::failed(refused.to_string(), Again::No),
        };
        let body = match body(delivery) {
            Ok(body) => body,
            Err(error) => return Verdict::failed(format!("the content is not JSON: {error}"), Again::No),
        };
        let (id, now) = (delivery.id.to_string(), Timestamp::now().unix_seconds());
        let request = client
            .post(url)
            .header(header::CONTENT_TYPE, "application/json")
            .header("webhook-signature", secrets.sign(&id, now, &body))
            .header("webhook-id", id)
            .header("webhook-timestamp", now)
            .body(body);
        match request.send().await {
            Ok(answer) => judge(answer).await,
            Err(error) => failed(&error),
        }
    }
}

/// The status decides, and it is there before the body; a body that is too slow or too large is the
/// receiver's loss, not a failure.
async fn judge(mut answer: Response) -> Verdict {
    let wish = answer.headers().get(header::RETRY_AFTER).and_then(|value| value.to_str().ok());
    let verdict = of_http_status(answer.status().as_u16(), retry_after(wish));
    let mut read = 0;
    while let Ok(Some(piece)) = answer.chunk().await {
        read += piece.len();
        if read > MAX_ANSWER_BYTES {
            break;
        }
    }
    verdict
}

/// In words without the address, which may hold a credential.
fn failed(error: &reqwest::Error) -> Verdict {
    if http::is_not_public(error) {
        return Verdict::failed(http::NotPublic.to_string(), Again::No);
    }
    if error.is_timeout() {
        return Verdict::passing("the receiver did not answer in time");
    }
    if error.is_builder() {
        return Verdict::failed("the request cannot be made", Again::No);
    }
    Verdict::passing(if error.is_connect() { "no connection to the receiver" } else { "the connection broke off" })
}
