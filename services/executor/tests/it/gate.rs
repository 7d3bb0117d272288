//! A gate before the broker: from a message of choice on it lets nothing more of what a client sends through, as if
//! the client had died in that very moment. What the broker says still comes.

use neptune_testkit::{Nats, wait_until};
use std::sync::{
    Arc, Mutex,
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
    /// After it the connection is cut, so that the client never hears whether it was stored. Later ones pass.
    Cut(String),
}

/// What the connections of a gate share.
#[derive(Default)]
struct State {
    close: Mutex<Option<Close>>,
    /// Messages that may be the one of several.
    seen: AtomicUsize,
    /// It has closed, or has cut.
    is_closed: AtomicBool,
}

pub(crate) struct Gate {
    port: u16,
    state: Arc<State>,
}

impl Gate {
    pub(crate) async fn before(nats: &Nats, close: Close) -> Self {
        let gate = Self::open(nats).await;
        gate.arm(close);
        gate
    }

    /// One that lets everything through until it is told otherwise.
    pub(crate) async fn open(nats: &Nats) -> Self {
        let broker: u16 = nats.url().rsplit(':').next().unwrap().parse().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let gate = Self { port: listener.local_addr().unwrap().port(), state: Arc::default() };
        let state = gate.state.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(pass(client, broker, state.clone()));
            }
        });
        gate
    }

    /// Says where it closes.
    pub(crate) fn arm(&self, close: Close) {
        *self.state.close.lock().unwrap() = Some(close);
    }

    pub(crate) fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    pub(crate) async fn closed(&self) {
        let is_closed = || async { self.state.is_closed.load(Ordering::SeqCst) };
        wait_until("the gate closes", crate::world::LONG, is_closed).await;
    }
}

/// What becomes of a message.
#[derive(PartialEq)]
enum Fate {
    Passes,
    IsLast,
    IsLastOfConnection,
    IsHeld,
}

impl State {
    fn fate(&self, message: &[u8]) -> Fate {
        let close = self.close.lock().unwrap().clone();
        let was_closed = self.is_closed.load(Ordering::SeqCst);
        let fate = match close {
            Some(Close::Cut(text)) if !was_closed && is_to(message, &text) => Fate::IsLastOfConnection,
            Some(Close::Cut(_)) | None => Fate::Passes,
            Some(Close::Before(_) | Close::BeforeNth(..) | Close::After(_)) if was_closed => Fate::IsHeld,
            Some(Close::Before(text)) if is_to(message, &text) => Fate::IsHeld,
            Some(Close::After(text)) if is_to(message, &text) => Fate::IsLast,
            Some(Close::BeforeNth(text, nth)) if is_to(message, &text) => {
                let is_it = self.seen.fetch_add(1, Ordering::SeqCst) + 1 == nth;
                if is_it { Fate::IsHeld } else { Fate::Passes }
            }
            Some(Close::Before(_) | Close::BeforeNth(..) | Close::After(_)) => Fate::Passes,
        };
        if fate == Fate::IsHeld {
            self.is_closed.store(true, Ordering::SeqCst);
        }
        fate
    }
}

async fn pass(client: TcpStream, broker: u16, state: Arc<State>) {
    let broker = TcpStream::connect(("127.0.0.1", broker)).await;
    let Ok(broker) = broker else { return };
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_broker, mut to_broker) = broker.into_split();
    let answering = tokio::spawn(async move { tokio::io::copy(&mut from_broker, &mut to_client).await });
    let mut bytes = Vec::new();
    while from_client.read_buf(&mut bytes).await.is_ok_and(|count| count > 0) {
        while let Some(length) = frame(&bytes) {
            let message: Vec<u8> = bytes.drain(..length).collect();
            let fate = state.fate(&message);
            if fate == Fate::IsHeld {
                continue;
            }
            if fate == Fate::IsLastOfConnection {
                answering.abort();
            }
            if to_broker.write_all(&message).await.is_err() {
                return;
            }
            if fate != Fate::Passes {
                state.is_closed.store(true, Ordering::SeqCst);
            }
            if fate == Fate::IsLastOfConnection {
                return;
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
