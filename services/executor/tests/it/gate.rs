//! A gate before the broker: from a message of choice on it lets nothing more of what a client sends through, as if
//! the client had died in that very moment. What the broker says still comes.

use neptune_testkit::{Nats, wait_until};
use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

/// Where the gate closes.
#[derive(Clone)]
pub(crate) enum Close {
    /// Before a message to a subject with this text.
    Before(String),
    /// After it.
    After(String),
    /// Before one of several, counted from 1.
    BeforeNth(String, usize),
}

pub(crate) struct Gate {
    port: u16,
    is_closed: Arc<AtomicBool>,
}

impl Gate {
    pub(crate) async fn before(nats: &Nats, close: Close) -> Self {
        let broker: u16 = nats.url().rsplit(':').next().unwrap().parse().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let gate = Self { port: listener.local_addr().unwrap().port(), is_closed: Arc::default() };
        let is_closed = gate.is_closed.clone();
        let seen = Arc::new(AtomicUsize::new(0));
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(pass(client, broker, (close.clone(), seen.clone()), is_closed.clone()));
            }
        });
        gate
    }

    pub(crate) fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    pub(crate) async fn closed(&self) {
        let is_closed = || async { self.is_closed.load(Ordering::SeqCst) };
        wait_until("the gate closes", crate::world::LONG, is_closed).await;
    }
}

async fn pass(client: TcpStream, broker: u16, (close, seen): (Close, Arc<AtomicUsize>), is_closed: Arc<AtomicBool>) {
    let broker = TcpStream::connect(("127.0.0.1", broker)).await.unwrap();
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_broker, mut to_broker) = broker.into_split();
    tokio::spawn(async move { tokio::io::copy(&mut from_broker, &mut to_client).await });
    let mut bytes = Vec::new();
    while from_client.read_buf(&mut bytes).await.is_ok_and(|count| count > 0) {
        while let Some(length) = frame(&bytes) {
            let message: Vec<u8> = bytes.drain(..length).collect();
            let is_closing = match &close {
                Close::Before(text) | Close::After(text) => is_to(&message, text),
                Close::BeforeNth(text, nth) => is_to(&message, text) && seen.fetch_add(1, Ordering::SeqCst) + 1 == *nth,
            };
            if is_closing && !matches!(close, Close::After(_)) || is_closed.load(Ordering::SeqCst) {
                is_closed.store(true, Ordering::SeqCst);
                continue;
            }
            if to_broker.write_all(&message).await.is_err() {
                return;
            }
            if is_closing {
                is_closed.store(true, Ordering::SeqCst);
            }
        }
    }
}

/// The length of the first message of the client's protocol, when all of it is there.
fn frame(bytes: &[u8]) -> Option<usize> {
    let line = bytes.windows(2).position(|window| window == b"\r\n")?;
    let head = std::str::from_utf8(&bytes[..line]).unwrap();
    let body = if head.starts_with("PUB ") || head.starts_with("HPUB ") {
        head.rsplit(' ').next().unwrap().parse::<usize>().unwrap() + 2
    } else {
        0
    };
    let length = line + 2 + body;
    (bytes.len() >= length).then_some(length)
}

/// Whether the message is published to a subject with this text.
fn is_to(message: &[u8], text: &str) -> bool {
    let line = message.split(|byte| *byte == b'\r').next().unwrap();
    let line = std::str::from_utf8(line).unwrap();
    let is_published = line.starts_with("PUB ") || line.starts_with("HPUB ");
    is_published && line.split(' ').nth(1).unwrap().contains(text)
}
