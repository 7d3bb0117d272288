//! Calling a model, whoever provides it.

mod authorize;
pub(crate) mod batches;
mod endpoint;
mod stream;

use crate::{
    config::Environment,
    domain::{
        answer::Answer,
        bindings::Bindings,
        embedding,
        failure::{Billed, Failure},
        note::takes_idempotency_key,
        prompt::Prompt,
        rate_headers, retry_after,
        wire::{self, Asked, Outgoing, Refusal, Wire},
    },
    http::Clients,
};
use bytes::Bytes;
use endpoint::Reach;
use neptune_contracts::{
    Timestamp, attempt::ErrorClass, chat::ChatRequest, ids::AttemptId, limits::RateLimits, resource::ModelSpec,
};
use reqwest::{
    Request, Response,
    header::{CONTENT_TYPE, HeaderName, HeaderValue},
};
use std::time::Duration;

/// The largest answer that is read.
pub const ANSWER_LIMIT_BYTES: usize = 32 * 1024 * 1024;

/// Not among the HTTP standard's headers, though the official clients send it.
const IDEMPOTENCY_KEY: &str = "idempotency-key";
/// The body of a refusal is waited for no longer.
const REFUSAL_TIMEOUT: Duration = Duration::from_secs(2);

/// Calls models over one HTTP client.
pub struct Provider {
    http: Clients,
    environment: Environment,
    bindings: Bindings,
}

/// One call.
pub struct Call<'c> {
    /// The model resource's name.
    pub name: &'c str,
    /// The model resource.
    pub model: &'c ModelSpec,
    /// What to ask.
    pub input: &'c ChatRequest,
    /// The same, written already.
    pub prompt: &'c Prompt,
    /// The attempt, sent as idempotency key.
    pub attempt: AttemptId,
    /// The whole exchange takes no longer.
    pub timeout: Duration,
}

impl Call<'_> {
    fn asked(&self) -> Asked<'_> {
        let upstream_model = upstream_name(self.name, self.model);
        Asked { upstream_model, model: self.model, input: self.input, prompt: self.prompt }
    }

    /// The body of a success.
    fn answer(&self, wire: &dyn Wire, body: &[u8]) -> Result<Answer, Failure> {
        match self.input.embedding {
            Some(spec) => embedding::answer(wire.vectors(body)?, self.name, (self.input, spec)),
            None => wire.answer(body, self.name, Timestamp::now()),
        }
    }
}

impl Provider {
    /// Calls over `http`, with endpoints and credentials filled in from `environment`; `bindings` say
    /// where credentials may go.
    #[must_use]
    pub fn new(http: Clients, environment: Environment, bindings: Bindings) -> Self {
        Self { http, environment, bindings }
    }

    /// The model's answer. Sending and reading together are bounded by the call's timeout, and the
    /// answer by [`ANSWER_LIMIT_BYTES`].
    ///
    /// # Errors
    /// The kind of failure, without the task's words or the provider's.
    pub async fn call(&self, call: Call<'_>) -> Result<Answer, Failure> {
        let timeout = call.timeout;
        let timed_out = |_| {
            Failure::new(ErrorClass::Timeout, format!("no answer within {} ms", timeout.as_millis()))
                .billed(Billed::Perhaps)
        };
        tokio::time::timeout(timeout, self.exchange(&call)).await.map_err(timed_out)?
    }

    async fn exchange(&self, call: &Call<'_>) -> Result<Answer, Failure> {
        let wire = wire::of(call.model.provider);
        let asked = call.asked();
        let outgoing = match call.input.embedding {
            Some(spec) => wire.embeddings_request(&asked, spec),
            None => wire.request(&asked),
        };
        let Outgoing { path, headers, body, warnings } = outgoing?;
        let request = self.request(call, &path, (headers, body))?;
        let mut response = self.execute(call, request).await?;
        let limits = limits(&response);
        let result = if response.status().is_success() {
            let body = read_body(&mut response).await;
            body.and_then(|body| call.answer(wire, &body))
        } else {
            Err(refused(wire, &mut response).await)
        };
        rate_headers::attach(result.map(|answer| Answer { warnings, ..answer }), limits)
    }

    /// Sends the request to where the model may be called.
    async fn execute(&self, call: &Call<'_>, request: Request) -> Result<Response, Failure> {
        let http = match endpoint::reach(call.model, request.url())? {
            Reach::Public => &self.http.public,
            Reach::Private => &self.http.private,
        };
        http.execute(request).await.map_err(|error| connection_failure(&error))
    }

    /// Checks that no credential leaves for a host it is not bound to, wherever the resource names it.
    fn check_credentials(&self, model: &ModelSpec, host: &str) -> Result<(), Failure> {
        let is_own = endpoint::is_named_by_environment(model);
        let elsewhere = model.headers.values().map(String::as_str).chain([model.endpoint.as_str()]);
        let named = elsewhere.flat_map(endpoint::variables).filter(|variable| self.bindings.is_credential(variable));
        for variable in model.credential_env.as_deref().into_iter().chain(named) {
            let bound = self.bindings.check(variable, host, is_own);
            bound.map_err(|reason| Failure::new(ErrorClass::Auth, reason))?;
        }
        Ok(())
    }

    fn request(
        &self,
        call: &Call<'_>,
        path: &str,
        (headers, body): (Vec<(&'static str, String)>, Vec<u8>),
    ) -> Result<Request, Failure> {
        let url = endpoint::url(call.model, path, &self.environment)?;
        let mut request = Request::new(reqwest::Method::POST, url);
        let fields = request.headers_mut();
        fields.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if takes_idempotency_key(call.model.provider) {
            fields.insert(IDEMPOTENCY_KEY, header(call.attempt.to_string())?);
        }
        for (name, value) in headers {
            fields.insert(name, header(value)?);
        }
        for (name, value) in &call.model.headers {
            let name: HeaderName = name.parse().map_err(|_| unusable_header())?;
            fields.insert(name, header(endpoint::fill_in(value, &self.environment)?)?);
        }
        *request.body_mut() = Some(body.into());
        self.check_credentials(call.model, request.url().host_str().unwrap_or_default())?;
        authorize::authorize(&mut request, call.model, &self.environment)?;
        Ok(request)
    }
}

/// What the headers of a response say about rate limits.
fn limits(response: &Response) -> Option<Box<RateLimits>> {
    let header = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok());
    rate_headers::read(header, Timestamp::now())
}

async fn refused(wire: &dyn Wire, response: &mut Response) -> Failure {
    let text = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok());
    let retry_after_ms = retry_after::wait_ms(text("retry-after-ms"), text("retry-after"), Timestamp::now());
    let error_type = text("x-amzn-errortype").map(str::to_owned);
    let status = response.status().as_u16();
    // A status says enough when its body is lost or late.
    let body = tokio::time::timeout(REFUSAL_TIMEOUT, read_body(response)).await;
    let body = body.ok().and_then(Result::ok).unwrap_or_default();
    wire.refused(&Refusal { status, error_type: error_type.as_deref(), body: &body, retry_after_ms })
}

fn header(text: String) -> Result<HeaderValue, Failure> {
    HeaderValue::from_str(&text).map_err(|_| unusable_header())
}

fn unusable_header() -> Failure {
    Failure::new(ErrorClass::Unsupported, "the model resource names a header that cannot be sent (spec.headers)")
}

/// The name the provider knows a model by.
#[must_use]
pub fn upstream_name<'m>(name: &'m str, model: &'m ModelSpec) -> &'m str {
    let own_name = name.split_once('/').map_or(name, |(_, name)| name);
    model.upstream_model.as_deref().unwrap_or(own_name)
}

fn connection_failure(error: &reqwest::Error) -> Failure {
    if error.is_builder() {
        return Failure::new(ErrorClass::Network, "the request cannot be made");
    }
    if neptune_runtime::http::is_forbidden(error) {
        return Failure::new(ErrorClass::Network, endpoint::NOT_PUBLIC);
    }
    if error.is_connect() {
        return Failure::new(ErrorClass::Network, "cannot connect");
    }
    Failure::new(ErrorClass::Network, "the connection broke").billed(Billed::Perhaps)
}

/// Reads a body up to the limit.
async fn read_body(response: &mut reqwest::Response) -> Result<Bytes, Failure> {
    let too_large = || {
        Failure::new(ErrorClass::Malformed, format!("the answer is larger than {ANSWER_LIMIT_BYTES} bytes"))
            .billed(Billed::Perhaps)
    };
    if response.content_length().is_some_and(|length| length > ANSWER_LIMIT_BYTES as u64) {
        return Err(too_large());
    }
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| connection_failure(&error))? {
        if body.is_empty() && response.content_length() == Some(chunk.len() as u64) {
            return Ok(chunk);
        }
        if body.len() + chunk.len() > ANSWER_LIMIT_BYTES {
            return Err(too_large());
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.into())
}
