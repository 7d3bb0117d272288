//! One trace from the HTTP request to the delivery, at any OTLP collector.

use crate::support::{SOON, ask};
use axum::{Router, body::Bytes, extract::State, routing::post};
use neptune_testkit::wait_until;
use neptune_tests::stack::{SERVICES, Stack};
use serde_json::json;
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;

type Exports = Arc<Mutex<Vec<Bytes>>>;

/// Takes whatever is exported, as a collector does.
async fn collector() -> (String, Exports) {
    let exports = Exports::default();
    let take = |State(exports): State<Exports>, body: Bytes| async move {
        exports.lock().unwrap().push(body);
        ([("content-type", "application/x-protobuf")], Bytes::new())
    };
    let router = Router::new()
        .route("/v1/traces", post(take))
        .route("/v1/metrics", post(|| async { "" }))
        .with_state(exports.clone());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    (address, exports)
}

#[tokio::test(flavor = "multi_thread")]
async fn one_trace_goes_through_every_service() {
    let (address, exports) = collector().await;
    let stack = Stack::start_in("", &[("NEPTUNE_OTLP_ENDPOINT", &address)]).await;
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let mut body = ask("hello");
    body["deliver"] = json!([{"channel": "webhook", "to": format!("{}/hook/traced", stack.sink_url)}]);
    let sent =
        stack.post("/v1/tasks?wait=30").header("traceparent", format!("00-{trace}-00f067aa0ba902b7-01")).json(&body);
    assert_eq!(sent.send().await.unwrap().status(), 200);
    wait_until("the webhook arrives", SOON, || async { stack.hooks().await.len() == 1 }).await;
    // Ids are raw bytes in the exported protocol buffers, the service's name is text.
    let id: Vec<u8> = (0..16).map(|at| u8::from_str_radix(&trace[at * 2..at * 2 + 2], 16).unwrap()).collect();
    let contains = |body: &Bytes, part: &[u8]| body.windows(part.len()).any(|window| window == part);
    for service in SERVICES {
        let name = format!("neptune-{service}");
        let exported = || async {
            exports.lock().unwrap().iter().any(|body| contains(body, name.as_bytes()) && contains(body, &id))
        };
        wait_until(&format!("{service} exports a span of the trace"), SOON, exported).await;
    }
}
