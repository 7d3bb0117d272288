use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::thread;

use opentelemetry::metrics::MeterProvider;

use super::*;

fn check(environment: &'static [(&'static str, &'static str)], expected: Result<bool, &str>) {
    crate::service::install_crypto_provider();
    let values = Values::load(&[VARIABLES], &move |name| {
        environment.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
    });
    let got = Telemetry::start("test", &values).map(|started| {
        let exports = started.exporters.is_some();
        started.flush();
        exports
    });
    assert_eq!(got.map_err(|error| error.to_string()), expected.map_err(str::to_owned));
}

#[test]
fn starts_exporters_only_when_an_endpoint_is_set() {
    check(&[], Ok(false));
    check(&[("NEPTUNE_LOG", "warn,neptune_bus=debug")], Ok(false));
    // Port 9 (discard) has no collector: a service starts and stops all the same.
    check(&[("NEPTUNE_OTLP_ENDPOINT", "http://127.0.0.1:9/")], Ok(true));
    check(&[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")], Ok(true));
}

#[test]
fn refuses_what_it_cannot_read_without_quoting_it() {
    let url = "it is no http:// or https:// URL";
    check(&[("NEPTUNE_OTLP_ENDPOINT", "hunter2")], Err(&format!("NEPTUNE_OTLP_ENDPOINT cannot be used: {url}")));
    check(
        &[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://not a url")],
        Err(&format!("OTEL_EXPORTER_OTLP_ENDPOINT cannot be used: {url}")),
    );
    check(
        &[("NEPTUNE_LOG", "info,=,hunter2=maybe")],
        Err("NEPTUNE_LOG cannot be used: it is no list of levels and module=level pairs"),
    );
}

#[test]
fn sends_spans_and_metrics_before_the_process_ends() {
    crate::service::install_crypto_provider();
    let collector = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", collector.local_addr().unwrap());
    let collected = thread::spawn(move || [accept(&collector), accept(&collector)]);

    let exporters = otlp::Exporters::new("test", "NEPTUNE_OTLP_ENDPOINT", &endpoint).unwrap();
    tracing::subscriber::with_default(tracing_subscriber::registry().with(exporters.layer()), || {
        tracing::info_span!("a span of ours").in_scope(|| {});
    });
    exporters.metrics.meter("test").u64_counter("a.counter").build().add(1, &[]);
    exporters.flush();

    let requests = collected.join().unwrap();
    let sent = |path: &str| requests.iter().find(|request| request.starts_with(&format!("POST {path} "))).unwrap();
    assert!(sent("/v1/traces").contains("a span of ours"));
    assert!(sent("/v1/traces").contains("neptune-test"));
    assert!(sent("/v1/metrics").contains("a.counter"));
}

/// Answers one HTTP request with an empty 200 and returns it as text.
fn accept(collector: &TcpListener) -> String {
    let mut reader = BufReader::new(collector.accept().unwrap().0);
    let (mut text, mut length) = (String::new(), 0);
    while !text.ends_with("\r\n\r\n") {
        let start = text.len();
        reader.read_line(&mut text).unwrap();
        if let Some(value) = text[start..].to_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    reader.get_mut().write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").unwrap();
    text + &String::from_utf8_lossy(&body)
}
