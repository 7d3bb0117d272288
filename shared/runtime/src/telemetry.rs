//! Logs to standard error; traces and metrics to an OTLP collector when one is configured.
//!
//! An absent or slow collector never fails or delays a service: exports run on their own threads,
//! drop what does not fit, and get a bounded time at the end.

use opentelemetry::{KeyValue, global, trace::TracerProvider as _};
use opentelemetry_otlp::{MetricExporter, SpanExporter, WithExportConfig as _};
use opentelemetry_sdk::{
    Resource, metrics::SdkMeterProvider, propagation::TraceContextPropagator, trace::SdkTracerProvider,
};
use std::{io::IsTerminal as _, time::Duration};
use tracing_subscriber::{EnvFilter, Layer as _, layer::SubscriberExt as _, util::SubscriberInitExt as _};

use crate::config::Variable;

/// Variables of telemetry.
pub const VARIABLES: &[Variable] = &[
    Variable { name: "NEPTUNE_LOG", default: Some("info"), help: "what to log: a level, or module=level pairs" },
    Variable { name: "NEPTUNE_OTLP_ENDPOINT", default: Some(""), help: "base URL of an OTLP/HTTP collector, for example http://127.0.0.1:4318; traces and metrics are sent there" },
];

const EXPORT_TIMEOUT: Duration = Duration::from_secs(3);

/// Keeps the exporters; ends them on drop.
pub struct Telemetry {
    traces: Option<SdkTracerProvider>,
    metrics: Option<SdkMeterProvider>,
}

/// Why telemetry could not start.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The log filter is malformed.
    #[error("NEPTUNE_LOG is not valid: {0}")]
    Filter(String),
    /// The exporter cannot be made from the endpoint.
    #[error("NEPTUNE_OTLP_ENDPOINT is not usable")]
    Exporter(#[source] opentelemetry_otlp::ExporterBuildError),
}

/// Starts logs, and traces and metrics when `endpoint` is given.
///
/// # Errors
/// The filter or the endpoint is malformed.
pub fn start(service: &'static str, filter: &str, endpoint: Option<&str>) -> Result<Telemetry, TelemetryError> {
    global::set_text_map_propagator(TraceContextPropagator::new());
    let filter = EnvFilter::try_new(filter).map_err(|error| TelemetryError::Filter(error.to_string()))?;
    let terminal = std::io::stderr().is_terminal();
    let logs = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let logs = if terminal { logs.boxed() } else { logs.json().flatten_event(true).with_span_list(false).boxed() };
    let registry = tracing_subscriber::registry().with(logs.with_filter(filter));
    let Some(endpoint) = endpoint else {
        registry.try_init().ok();
        return Ok(Telemetry { traces: None, metrics: None });
    };
    let traces = traces(service, endpoint).map_err(TelemetryError::Exporter)?;
    let metrics = metrics(service, endpoint).map_err(TelemetryError::Exporter)?;
    let spans = tracing_opentelemetry::layer().with_tracer(traces.tracer("neptune"));
    registry.with(spans.with_filter(tracing_subscriber::filter::LevelFilter::INFO)).try_init().ok();
    global::set_meter_provider(metrics.clone());
    Ok(Telemetry { traces: Some(traces), metrics: Some(metrics) })
}

fn resource(service: &'static str) -> Resource {
    let attributes = [
        KeyValue::new("service.namespace", "neptune"),
        KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
        KeyValue::new("process.pid", i64::from(std::process::id())),
    ];
    Resource::builder().with_service_name(format!("neptune-{service}")).with_attributes(attributes).build()
}

fn traces(service: &'static str, endpoint: &str) -> Result<SdkTracerProvider, opentelemetry_otlp::ExporterBuildError> {
    let url = format!("{}/v1/traces", endpoint.trim_end_matches('/'));
    let exporter = SpanExporter::builder().with_http().with_endpoint(url).with_timeout(EXPORT_TIMEOUT).build()?;
    Ok(SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource(service)).build())
}

fn metrics(service: &'static str, endpoint: &str) -> Result<SdkMeterProvider, opentelemetry_otlp::ExporterBuildError> {
    let url = format!("{}/v1/metrics", endpoint.trim_end_matches('/'));
    let exporter = MetricExporter::builder().with_http().with_endpoint(url).with_timeout(EXPORT_TIMEOUT).build()?;
    Ok(SdkMeterProvider::builder().with_periodic_exporter(exporter).with_resource(resource(service)).build())
}

impl Drop for Telemetry {
    fn drop(&mut self) {
        if let Some(traces) = &self.traces {
            traces.shutdown_with_timeout(EXPORT_TIMEOUT).ok();
        }
        if let Some(metrics) = &self.metrics {
            metrics.shutdown_with_timeout(EXPORT_TIMEOUT).ok();
        }
    }
}
