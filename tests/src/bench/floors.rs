//! What any gateway pays, as a measure for ours: a proxy that only parses JSON, and the bare way
//! HTTP → JetStream → reply.

use async_nats::jetstream::{self, consumer::pull, stream};
use axum::{Router, body::Bytes, extract::State, routing::post};
use futures::StreamExt as _;
use serde_json::Value;
use std::{collections::HashMap, sync::Arc};
use tokio::{
    net::TcpListener,
    sync::{Mutex, oneshot},
};

/// Parses each request and answer as JSON, and does nothing with them.
pub async fn proxy(listen: &str, upstream: &str) {
    let client = reqwest::Client::builder().no_proxy().tcp_nodelay(true).pool_max_idle_per_host(512).build().unwrap();
    let upstream = Arc::new(format!("{upstream}/v1/chat/completions"));
    let handler = |State((client, upstream)): State<(reqwest::Client, Arc<String>)>, body: Bytes| async move {
        let request: Value = serde_json::from_slice(&body).unwrap();
        let sent = client
            .post(upstream.as_str())
            .header("content-type", "application/json")
            .body(serde_json::to_vec(&request).unwrap());
        let answer: Value = serde_json::from_slice(&sent.send().await.unwrap().bytes().await.unwrap()).unwrap();
        axum::Json(answer)
    };
    let router = Router::new().route("/v1/chat/completions", post(handler)).with_state((client, upstream));
    axum::serve(TcpListener::bind(listen).await.unwrap(), router).await.unwrap();
}

type Waiting = Arc<Mutex<HashMap<u64, oneshot::Sender<Bytes>>>>;

/// Publishes each request to a work queue on disk, pulls it back and answers over a core subject.
pub async fn bus(listen: &str, nats: &str) {
    let client = async_nats::connect(nats).await.unwrap();
    let context = jetstream::new(client.clone());
    let config = stream::Config {
        name: "FLOOR".into(),
        subjects: vec!["floor.task".into()],
        retention: stream::RetentionPolicy::WorkQueue,
        ..Default::default()
    };
    let queue = context.get_or_create_stream(config).await.unwrap();
    let consumer = queue
        .get_or_create_consumer("worker", pull::Config { durable_name: Some("worker".into()), ..Default::default() })
        .await
        .unwrap();
    let replier = client.clone();
    tokio::spawn(async move {
        let mut messages = consumer.stream().max_messages_per_batch(256).messages().await.unwrap();
        while let Some(Ok(message)) = messages.next().await {
            let reply = message.headers.as_ref().unwrap().get("reply").unwrap().as_str().to_owned();
            replier.publish(reply, message.payload.clone()).await.unwrap();
            message.ack().await.unwrap();
        }
    });
    let waiting = Waiting::default();
    let mut replies = client.subscribe("floor.reply.*").await.unwrap();
    let waiters = waiting.clone();
    tokio::spawn(async move {
        while let Some(reply) = replies.next().await {
            let id = reply.subject.rsplit('.').next().unwrap().parse().unwrap();
            if let Some(waiter) = waiters.lock().await.remove(&id) {
                waiter.send(reply.payload).ok();
            }
        }
    });
    let counter = Arc::new(std::sync::atomic::AtomicU64::new(0));
    let handler = move |body: Bytes| {
        let (context, waiting, counter) = (context.clone(), waiting.clone(), counter.clone());
        async move {
            let id = counter.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            let (sender, receiver) = oneshot::channel();
            waiting.lock().await.insert(id, sender);
            let mut headers = async_nats::HeaderMap::new();
            headers.insert("reply", format!("floor.reply.{id}"));
            context.publish_with_headers("floor.task", headers, body).await.unwrap().await.unwrap();
            receiver.await.unwrap()
        }
    };
    let router = Router::new().route("/v1/chat/completions", post(handler));
    axum::serve(TcpListener::bind(listen).await.unwrap(), router).await.unwrap();
}
