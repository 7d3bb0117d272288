//! Queries: request and reply, as endpoints of the NATS micro-service protocol, which also serves
//! discovery and health (`$SRV.PING`, `$SRV.INFO`, `$SRV.STATS`).

use crate::{Bus, BusError};
use async_nats::{
    client::RequestErrorKind,
    service::{Service as Micro, ServiceExt as _},
};
use futures::StreamExt as _;
use neptune_contracts::query::{Query, QueryError};
use neptune_runtime::Shutdown;

const ERROR_CODE: &str = "Nats-Service-Error-Code";
/// Questions a service answers at a time, per query.
const CONCURRENCY: usize = 32;

/// Why a question has no answer.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// Nobody is there to answer.
    #[error("no {service} service answers")]
    Unavailable {
        /// Who should have answered.
        service: &'static str,
    },
    /// The service says no.
    #[error("{}", .0.message)]
    Refused(QueryError),
    /// The exchange failed.
    #[error("the question could not be asked")]
    Exchange(#[source] async_nats::Error),
}

impl Bus {
    /// Asks, and waits up to five seconds for the answer.
    ///
    /// # Errors
    /// Nobody answers, the service refuses, or the exchange fails.
    pub async fn request<Q: Query>(&self, query: &Q) -> Result<Q::Reply, RequestError> {
        let subject = self.namespace().subject(Q::SUBJECT, &[]);
        let body = serde_json::to_vec(query).map_err(|error| RequestError::Exchange(error.into()))?;
        let answer = self.inner.client.request(subject, body.into()).await.map_err(|error| match error.kind() {
            RequestErrorKind::NoResponders | RequestErrorKind::TimedOut => {
                RequestError::Unavailable { service: Q::SERVICE.as_str() }
            }
            _ => RequestError::Exchange(error.into()),
        })?;
        let refused = answer.headers.as_ref().is_some_and(|headers| headers.get(ERROR_CODE).is_some());
        if refused {
            let error =
                serde_json::from_slice(&answer.payload).map_err(|error| RequestError::Exchange(error.into()))?;
            return Err(RequestError::Refused(error));
        }
        serde_json::from_slice(&answer.payload).map_err(|error| RequestError::Exchange(error.into()))
    }

    /// Answers a query until `shutdown`; replicas share the questions.
    ///
    /// # Errors
    /// The endpoint could not be opened.
    pub async fn serve<Q, H, F>(&self, shutdown: &Shutdown, handler: H) -> Result<(), BusError>
    where
        Q: Query,
        H: Fn(Q) -> F,
        F: Future<Output = Result<Q::Reply, QueryError>>,
    {
        let action = "open a query endpoint";
        let subject = self.namespace().subject(Q::SUBJECT, &[]);
        let name = Q::SUBJECT.replace('.', "-");
        let micro = self.micro(env!("CARGO_PKG_VERSION")).await?;
        let endpoint =
            micro.endpoint_builder().name(name).add(subject).await.map_err(|error| BusError::new(action, error))?;
        let answering = endpoint.for_each_concurrent(CONCURRENCY, |request| {
            let read = serde_json::from_slice::<Q>(&request.message.payload);
            let answer = read
                .map_err(|error| QueryError { code: "invalid_request".into(), message: error.to_string() })
                .map(&handler);
            async move {
                let answer = match answer {
                    Ok(answer) => answer.await,
                    Err(error) => Err(error),
                };
                respond(&request, &answer).await;
            }
        });
        shutdown.run_until_cancelled(answering).await;
        Ok(())
    }

    /// Makes the service known by the micro-service protocol until `shutdown`: discovery, health
    /// and statistics for any NATS tool.
    ///
    /// # Errors
    /// The protocol's endpoints could not be opened.
    pub async fn announce(&self, version: &str, shutdown: &Shutdown) -> Result<(), BusError> {
        self.micro(version).await?;
        shutdown.cancelled().await;
        Ok(())
    }

    async fn micro(&self, version: &str) -> Result<&Micro, BusError> {
        let start = || async {
            let name = format!("neptune-{}-{}", self.namespace(), self.service());
            let description = Some(format!("Neptune {}", self.service()));
            let config = async_nats::service::Config {
                name,
                version: version.to_owned(),
                description,
                stats_handler: None,
                metadata: None,
                queue_group: None,
            };
            self.inner.client.add_service(config).await.map_err(|error| BusError::new("announce the service", error))
        };
        self.inner.micro.get_or_try_init(start).await
    }

    /// The names of the services that answer a ping within `wait`, one entry a replica.
    ///
    /// # Errors
    /// The ping could not be sent.
    pub async fn ping_services(&self, wait: std::time::Duration) -> Result<Vec<String>, BusError> {
        let action = "ping the services";
        let inbox = self.inner.client.new_inbox();
        let mut answers =
            self.inner.client.subscribe(inbox.clone()).await.map_err(|error| BusError::new(action, error))?;
        self.inner
            .client
            .publish_with_reply("$SRV.PING", inbox, "".into())
            .await
            .map_err(|error| BusError::new(action, error))?;
        let own = format!("neptune-{}-", self.namespace());
        let mut names = Vec::new();
        let deadline = tokio::time::Instant::now() + wait;
        while let Ok(Some(answer)) = tokio::time::timeout_at(deadline, answers.next()).await {
            let pong = serde_json::from_slice::<serde_json::Value>(&answer.payload).ok();
            let name = pong.as_ref().and_then(|pong| pong.get("name")?.as_str()?.strip_prefix(&own));
            names.extend(name.map(str::to_owned));
        }
        names.sort();
        Ok(names)
    }
}

async fn respond<R: serde::Serialize>(request: &async_nats::service::Request, answer: &Result<R, QueryError>) {
    let (body, code) = match answer {
        Ok(reply) => (serde_json::to_vec(reply), None),
        Err(error) => (serde_json::to_vec(error), Some(if error.code == "not_found" { "404" } else { "400" })),
    };
    let mut headers = async_nats::HeaderMap::new();
    if let Some(code) = code {
        headers.insert(ERROR_CODE, code);
    }
    let Ok(body) = body else { return };
    let sent = request.respond_with_headers(Ok(body.into()), headers).await;
    if let Err(error) = sent {
        tracing::debug!(%error, "an answer could not be sent");
    }
}
