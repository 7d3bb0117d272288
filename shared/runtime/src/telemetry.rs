//! Logs always; OTLP traces and metrics when an endpoint is set.
//!
//! Logs go to standard error: pretty on a terminal, one JSON object per line otherwise. Spans leave the process
//! whatever the log filter says, so quieter logs do not tear holes into traces. A collector that is absent costs a
//! service nothing but the spans.

mod otlp;

use std::io::{self, IsTerminal};

use opentelemetry_sdk::propagation::TraceContextPropagator;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry};

use crate::config::{ConfigError, Values, Variable};

/// What every process reads for its telemetry.
pub const VARIABLES: &[Variable] = &[
    Variable {
        name: "NEPTUNE_LOG",
        default: Some("info"),
        help: "What is logged: error, warn, info, debug or trace, also per module as in info,neptune_bus=debug.",
    },
    Variable {
        name: "NEPTUNE_OTLP_ENDPOINT",
        default: Some(""),
        help: "OTLP collector (HTTP, protobuf) for traces and metrics, such as http://127.0.0.1:4318.",
    },
    Variable {
        name: "OTEL_EXPORTER_OTLP_ENDPOINT",
        default: Some(""),
        help: "The same by its standard name; NEPTUNE_OTLP_ENDPOINT wins.",
    },
];

type BoxedLayer = Box<dyn Layer<Registry> + Send + Sync>;

/// Holds the exporters; [`Telemetry::flush`] sends what they still hold.
pub struct Telemetry {
    exporters: Option<otlp::Exporters>,
}

impl Telemetry {
    /// Installs the process-wide logger, tracer, meter and the W3C trace context propagator. `service` becomes
    /// `service.name = neptune-<service>`.
    ///
    /// # Errors
    /// The log filter or the endpoint cannot be read. A collector that does not answer is no error.
    pub fn start(service: &str, values: &Values) -> Result<Self, ConfigError> {
        let filter: String = values.get("NEPTUNE_LOG")?;
        let filter = EnvFilter::builder()
            .parse(filter)
            .map_err(|_| ConfigError::unusable("NEPTUNE_LOG", "it is no list of levels and module=level pairs"))?;
        opentelemetry::global::set_text_map_propagator(TraceContextPropagator::new());
        let exporters = endpoint(values)?.map(|(name, url)| otlp::Exporters::new(service, name, &url)).transpose()?;
        let mut layers: Vec<BoxedLayer> = vec![log_layer(filter)];
        layers.extend(exporters.as_ref().map(otlp::Exporters::layer));
        // A second call in one process (tests boot several services) keeps the first subscriber.
        let _ = tracing_subscriber::registry().with(layers).try_init();
        Ok(Self { exporters })
    }

    /// Sends what is still buffered and stops exporting; returns after three seconds at the latest. Blocks,
    /// so it is called after the async runtime has ended.
    pub fn flush(self) {
        if let Some(exporters) = self.exporters {
            exporters.flush();
        }
    }
}

fn endpoint(values: &Values) -> Result<Option<(&'static str, String)>, ConfigError> {
    for name in ["NEPTUNE_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"] {
        if let Some(url) = values.optional::<String>(name)? {
            return Ok(Some((name, url)));
        }
    }
    Ok(None)
}

fn log_layer(filter: EnvFilter) -> BoxedLayer {
    let layer = tracing_subscriber::fmt::layer().with_writer(io::stderr);
    if io::stderr().is_terminal() {
        layer.with_target(false).with_filter(filter).boxed()
    } else {
        layer.json().flatten_event(true).with_span_list(false).with_filter(filter).boxed()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
mod tests;
