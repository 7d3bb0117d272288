//! A closed loop of requests: so many in flight, each followed by the next.

use serde_json::{Value, json};
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

/// What a run of requests gave.
#[derive(Clone, Debug, Default)]
pub struct Sample {
    /// Latencies in microseconds, sorted.
    pub latencies_us: Vec<u64>,
    /// Requests per second.
    pub per_second: f64,
    /// Requests that were not answered with success.
    pub failures: u64,
}

impl Sample {
    /// The latency that this share of requests stayed below.
    #[must_use]
    pub fn quantile_us(&self, share: f64) -> u64 {
        let last = self.latencies_us.len().saturating_sub(1);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "an index"
        )]
        let index = (last as f64 * share).round() as usize;
        self.latencies_us.get(index).copied().unwrap_or(0)
    }
}

/// Runs `in_flight` loops of requests to `url` for `duration`, after a fifth of it as warm-up.
pub async fn closed_loop(url: &str, key: &str, in_flight: usize, duration: Duration) -> Sample {
    looped(url, key, in_flight, (duration, &body)).await
}

/// The same, each time with this body.
pub async fn closed_loop_of(url: &str, key: &str, in_flight: usize, (duration, body): (Duration, &Value)) -> Sample {
    looped(url, key, in_flight, (duration, &|_| body.clone())).await
}

async fn looped(
    url: &str,
    key: &str,
    in_flight: usize,
    (duration, body): (Duration, &(dyn Fn(usize) -> Value + Sync)),
) -> Sample {
    let client = reqwest::Client::builder().no_proxy().tcp_nodelay(true).pool_max_idle_per_host(512).build().unwrap();
    let begin = Instant::now() + duration / 5;
    let end = begin + duration;
    let failures = Arc::new(AtomicU64::new(0));
    let loops = (0..in_flight).map(|index| {
        let (client, failures) = (client.clone(), failures.clone());
        let (url, key, body) = (url.to_owned(), key.to_owned(), body(index));
        tokio::spawn(async move {
            let mut latencies = Vec::new();
            while Instant::now() < end {
                let clock = Instant::now();
                let sent = client.post(&url).bearer_auth(&key).json(&body).send().await;
                let read = match sent {
                    Ok(answer) if answer.status().is_success() => answer.bytes().await.is_ok(),
                    _ => false,
                };
                if !read {
                    failures.fetch_add(1, Ordering::Relaxed);
                } else if clock >= begin {
                    latencies.push(u64::try_from(clock.elapsed().as_micros()).unwrap());
                }
            }
            latencies
        })
    });
    let mut latencies_us = Vec::new();
    for one in loops.collect::<Vec<_>>() {
        latencies_us.extend(one.await.unwrap());
    }
    latencies_us.sort_unstable();
    #[expect(clippy::cast_precision_loss, reason = "a rate")]
    let per_second = latencies_us.len() as f64 / duration.as_secs_f64();
    Sample { latencies_us, per_second, failures: failures.load(Ordering::Relaxed) }
}

/// About a kilobyte of a real request.
fn body(index: usize) -> Value {
    let ticket = "The pump in hall 3 leaks since Monday; the shift lead has closed the valve and wants to know whether the line can run until the weekend. ";
    json!({
        "model": "auto",
        "messages": [
            {"role": "system", "content": "You sort maintenance tickets for the shift lead."},
            {"role": "user", "content": format!("Please summarize ticket {index}: {}", ticket.repeat(5))}
        ],
        "max_tokens": 200
    })
}
