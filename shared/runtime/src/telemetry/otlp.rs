//! The OTLP exporters: batches over HTTP from threads of their own, never from a task of the service.

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::trace::TracerProvider;
use opentelemetry_otlp::{ExporterBuildError, MetricExporter, Protocol, SpanExporter, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::metrics::SdkMeterProvider;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;

use super::BoxedLayer;
use crate::config::ConfigError;

/// How long the end of a process may wait for a collector.
pub(super) const FLUSH_LIMIT: Duration = Duration::from_secs(3);

/// One export call; below [`FLUSH_LIMIT`], so that a collector that hangs is noticed in time.
const EXPORT_TIMEOUT: Duration = Duration::from_secs(2);

pub(super) struct Exporters {
    traces: SdkTracerProvider,
    pub(super) metrics: SdkMeterProvider,
}

impl Exporters {
    /// `variable` is the one the endpoint came from, for the error.
    pub(super) fn new(service: &str, variable: &str, endpoint: &str) -> Result<Self, ConfigError> {
        let unusable = |_| ConfigError::unusable(variable, "it is no http:// or https:// URL");
        if !endpoint.starts_with("http://") && !endpoint.starts_with("https://") {
            return Err(ConfigError::unusable(variable, "it is no http:// or https:// URL"));
        }
        let base = endpoint.trim_end_matches('/');
        let resource = resource(service);
        let spans = span_exporter(base).map_err(unusable)?;
        let metrics = metric_exporter(base).map_err(unusable)?;
        let traces = SdkTracerProvider::builder().with_batch_exporter(spans).with_resource(resource.clone()).build();
        let metrics = SdkMeterProvider::builder().with_periodic_exporter(metrics).with_resource(resource).build();
        opentelemetry::global::set_tracer_provider(traces.clone());
        opentelemetry::global::set_meter_provider(metrics.clone());
        Ok(Self { traces, metrics })
    }

    pub(super) fn layer(&self) -> BoxedLayer {
        // Only our own crates: spans of the exporter's HTTP client would make each export cause the next one.
        let filter = Targets::new().with_target("neptune", tracing::Level::INFO);
        let layer = tracing_opentelemetry::layer().with_tracer(self.traces.tracer("neptune"));
        layer.with_location(false).with_threads(false).with_filter(filter).boxed()
    }

    pub(super) fn flush(self) {
        // The metric provider ignores the timeout it is given, so the bound is kept here.
        let (done, wait) = mpsc::channel();
        thread::spawn(move || {
            // A collector that is gone at the end of a process is nobody's failure.
            let _ = self.traces.shutdown_with_timeout(FLUSH_LIMIT);
            let _ = self.metrics.shutdown_with_timeout(FLUSH_LIMIT);
            let _ = done.send(());
        });
        let _ = wait.recv_timeout(FLUSH_LIMIT);
    }
}

fn resource(service: &str) -> Resource {
    let host = std::env::var("HOSTNAME").unwrap_or_else(|_| "localhost".to_owned());
    Resource::builder()
        .with_service_name(format!("neptune-{service}"))
        .with_attribute(KeyValue::new("service.namespace", "neptune"))
        .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
        .with_attribute(KeyValue::new("service.instance.id", format!("{host}:{}", std::process::id())))
        .build()
}

fn span_exporter(base: &str) -> Result<SpanExporter, ExporterBuildError> {
    let exporter = SpanExporter::builder().with_http().with_protocol(Protocol::HttpBinary);
    exporter.with_endpoint(format!("{base}/v1/traces")).with_timeout(EXPORT_TIMEOUT).build()
}

fn metric_exporter(base: &str) -> Result<MetricExporter, ExporterBuildError> {
    let exporter = MetricExporter::builder().with_http().with_protocol(Protocol::HttpBinary);
    exporter.with_endpoint(format!("{base}/v1/metrics")).with_timeout(EXPORT_TIMEOUT).build()
}
