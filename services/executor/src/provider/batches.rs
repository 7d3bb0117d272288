//! Exchanges with a provider's batch API.

use super::{Provider, authorize, connection_failure, endpoint, header, read_body, refused, unusable_header};
use crate::domain::{
    batch::api::Request as Asked,
    failure::Failure,
    wire::{self, headers},
};
use bytes::Bytes;
use neptune_contracts::{attempt::ErrorClass, ids::AttemptId, resource::ModelSpec};
use reqwest::{
    Method, Request, Response,
    header::{CONTENT_TYPE, HeaderName},
};
use serde_json::Value;
use std::time::Duration;

/// An exchange takes no longer, sending a whole batch included.
const EXCHANGE_TIMEOUT: Duration = Duration::from_secs(120);
/// Nothing comes for so long: what is being read is given up.
const SILENCE: Duration = Duration::from_secs(30);
/// The largest answer of an item.
const LINE_LIMIT_BYTES: usize = super::ANSWER_LIMIT_BYTES;

impl Provider {
    /// The answer as JSON. A request that makes something says so by `key`, which repeats have too.
    ///
    /// # Errors
    /// The kind of failure, without the provider's words.
    pub async fn ask_batches(&self, model: &ModelSpec, asked: Asked, key: Option<AttemptId>) -> Result<Value, Failure> {
        let exchange = async {
            let mut response = self.begin(model, asked, key).await?;
            let body = read_body(&mut response).await?;
            serde_json::from_slice(&body)
                .map_err(|_| Failure::new(ErrorClass::Malformed, "the batch API's answer is not JSON"))
        };
        tokio::time::timeout(EXCHANGE_TIMEOUT, exchange).await.map_err(|_| timed_out())?
    }

    /// The lines of an answer, as they come.
    ///
    /// # Errors
    /// The kind of failure, without the provider's words.
    pub async fn lines(&self, model: &ModelSpec, asked: Asked) -> Result<Lines, Failure> {
        let response = tokio::time::timeout(EXCHANGE_TIMEOUT, self.begin(model, asked, None)).await;
        Ok(Lines { response: response.map_err(|_| timed_out())??, held: Vec::new(), is_over: false })
    }

    async fn begin(&self, model: &ModelSpec, asked: Asked, key: Option<AttemptId>) -> Result<Response, Failure> {
        let request = self.batch_request(model, asked, key)?;
        let http = match endpoint::reach(model, request.url())? {
            endpoint::Reach::Public => &self.http.public,
            endpoint::Reach::Private => &self.http.private,
        };
        let mut response = http.execute(request).await.map_err(|error| connection_failure(&error))?;
        if response.status().is_success() {
            return Ok(response);
        }
        Err(refused(wire::of(model.provider), &mut response).await)
    }

    fn batch_request(&self, model: &ModelSpec, asked: Asked, key: Option<AttemptId>) -> Result<Request, Failure> {
        let url = endpoint::url(model, &asked.path, &self.environment)?;
        let mut request = Request::new(if asked.is_post { Method::POST } else { Method::GET }, url);
        let fields = request.headers_mut();
        if asked.is_post {
            fields.insert(CONTENT_TYPE, header(asked.content_type)?);
        }
        if let Some(key) = key {
            fields.insert(super::IDEMPOTENCY_KEY, header(key.to_string())?);
        }
        for (name, value) in headers(model) {
            fields.insert(name, header(value)?);
        }
        for (name, value) in &model.headers {
            let name: HeaderName = name.parse().map_err(|_| unusable_header())?;
            fields.insert(name, header(endpoint::fill_in(value, &self.environment)?)?);
        }
        if asked.is_post {
            *request.body_mut() = Some(asked.body.into());
        }
        self.check_credentials(model, request.url().host_str().unwrap_or_default())?;
        authorize::authorize(&mut request, model, &self.environment)?;
        Ok(request)
    }
}

/// The lines of an answer that is read piece by piece.
pub struct Lines {
    response: Response,
    held: Vec<u8>,
    is_over: bool,
}

impl Lines {
    /// The next line that is not empty; nothing after the last one.
    ///
    /// # Errors
    /// The connection broke, nothing came for long, or a line is too long.
    pub async fn next(&mut self) -> Result<Option<Vec<u8>>, Failure> {
        loop {
            if let Some(end) = self.held.iter().position(|byte| *byte == b'\n') {
                let mut line: Vec<u8> = self.held.drain(..=end).collect();
                line.pop();
                if line.iter().all(u8::is_ascii_whitespace) {
                    continue;
                }
                return Ok(Some(line));
            }
            if self.is_over {
                let rest = std::mem::take(&mut self.held);
                return Ok(Some(rest).filter(|rest| !rest.iter().all(u8::is_ascii_whitespace)));
            }
            match self.more().await? {
                Some(bytes) if self.held.len() + bytes.len() <= LINE_LIMIT_BYTES => self.held.extend_from_slice(&bytes),
                Some(_) => {
                    let message = format!("a line of the batch's results is larger than {LINE_LIMIT_BYTES} bytes");
                    return Err(Failure::new(ErrorClass::Malformed, message));
                }
                None => self.is_over = true,
            }
        }
    }

    async fn more(&mut self) -> Result<Option<Bytes>, Failure> {
        let chunk = tokio::time::timeout(SILENCE, self.response.chunk()).await.map_err(|_| timed_out())?;
        chunk.map_err(|error| connection_failure(&error))
    }
}

fn timed_out() -> Failure {
    Failure::new(ErrorClass::Timeout, "the batch API did not answer in time")
}
