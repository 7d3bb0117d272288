//! A provider on a port of its own, which answers by a script and remembers what it was asked.

use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::Semaphore,
};

/// What a provider was asked.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) path: String,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Value,
}

/// What it does then.
#[derive(Clone)]
pub(crate) enum Reply {
    /// Answers with status, further header lines and body.
    With(u16, &'static str, String),
    /// Closes the connection in the middle of the body.
    Cut,
    /// Closes the connection without a word.
    Reset,
    /// Says nothing more after the first bytes of the body.
    Stalled,
    /// Sends a body without end.
    Endless,
    /// Answers with these texts in turn, and with the last one from then on.
    InTurn(Arc<Mutex<Vec<&'static str>>>),
    /// Answers after a while.
    Slow(Duration, String),
    /// Answers once the test allows it.
    Held(Arc<Semaphore>, String),
    /// Does the one thing the first time, and the other from then on.
    Once(Arc<AtomicBool>, Box<Reply>, Box<Reply>),
    /// Fails so many times, and does the other thing from then on.
    Failing(Arc<AtomicUsize>, Box<Reply>),
}

impl Reply {
    /// What it does with the next request.
    fn due(&self) -> Self {
        match self {
            Self::Failing(left, then) => {
                let fails = left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok();
                if fails { Self::With(500, "", "{}".to_owned()) } else { then.due() }
            }
            Self::Once(is_over, first, then) => {
                let due = if is_over.swap(true, Ordering::SeqCst) { then } else { first };
                due.due()
            }
            other => other.clone(),
        }
    }
}

pub(crate) struct Upstream {
    port: u16,
    asked: Arc<Mutex<Vec<Asked>>>,
    at_once: Arc<AtOnce>,
}

/// Requests that are answered at a time.
#[derive(Default)]
struct AtOnce {
    now: AtomicUsize,
    most: AtomicUsize,
}

/// An answer of 1,000 input tokens, of which 200 come from a cache, and 100 output tokens.
pub(crate) fn answer(text: &str) -> String {
    let message = json!({"role": "assistant", "content": text});
    let usage =
        json!({"prompt_tokens": 1_000, "completion_tokens": 100, "prompt_tokens_details": {"cached_tokens": 200}});
    json!({"id": "c1", "object": "chat.completion", "created": 1, "model": "upstream-name", "choices": [{"index": 0, "message": message, "finish_reason": "stop"}], "usage": usage}).to_string()
}

impl Upstream {
    /// A provider that always does the same.
    pub(crate) async fn that(reply: Reply) -> Self {
        Self::on(TcpListener::bind("127.0.0.1:0").await.unwrap(), reply)
    }

    /// The same on a port that was open before.
    pub(crate) fn on(listener: TcpListener, reply: Reply) -> Self {
        let port = listener.local_addr().unwrap().port();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let at_once = Arc::new(AtOnce::default());
        let (remembered, counted) = (asked.clone(), at_once.clone());
        tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                tokio::spawn(serve(connection, reply.clone(), (remembered.clone(), counted.clone())));
            }
        });
        Self { port, asked, at_once }
    }

    pub(crate) async fn answering(text: &str) -> Self {
        Self::that(Reply::With(200, "", answer(text))).await
    }

    pub(crate) async fn saying(texts: &[&'static str]) -> Self {
        Self::that(Reply::InTurn(Arc::new(Mutex::new(texts.to_vec())))).await
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}/v1", self.port)
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// The most requests that were answered at a time.
    pub(crate) fn most_at_once(&self) -> usize {
        self.at_once.most.load(Ordering::SeqCst)
    }

    pub(crate) fn calls(&self) -> usize {
        self.asked.lock().unwrap().len()
    }
}

async fn serve(mut connection: TcpStream, reply: Reply, (asked, at_once): (Arc<Mutex<Vec<Asked>>>, Arc<AtOnce>)) {
    let peer = connection.peer_addr().unwrap().to_string();
    while let Some(mut request) = read(&mut connection).await {
        request.headers.insert("x-peer".into(), peer.clone());
        asked.lock().unwrap().push(request);
        let now = at_once.now.fetch_add(1, Ordering::SeqCst) + 1;
        at_once.most.fetch_max(now, Ordering::SeqCst);
        let stays = act(&mut connection, &reply.due(), &at_once).await;
        if !stays {
            return;
        }
    }
}

/// Reads a request with a content length; nothing when the connection ends.
async fn read(connection: &mut TcpStream) -> Option<Asked> {
    let mut bytes = Vec::new();
    let head_end = loop {
        if let Some(at) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break at;
        }
        if connection.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8(bytes[..head_end].to_vec()).unwrap();
    let mut lines = head.lines();
    let path = lines.next()?.split(' ').nth(1)?.to_owned();
    let headers: BTreeMap<String, String> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    let length: usize = headers.get("content-length").map_or(0, |length| length.parse().unwrap());
    let mut body = bytes.split_off(head_end + 4);
    while body.len() < length {
        if connection.read_buf(&mut body).await.ok()? == 0 {
            return None;
        }
    }
    let body = if body.is_empty() { Value::Null } else { serde_json::from_slice(&body).unwrap() };
    Some(Asked { path, headers, body })
}

/// Whether the connection stays open.
async fn act(connection: &mut TcpStream, reply: &Reply, at_once: &AtOnce) -> bool {
    let full = |status: u16, headers: &str, body: &str| {
        format!("HTTP/1.1 {status} X\r\n{headers}content-length: {}\r\n\r\n{body}", body.len())
    };
    let text = match reply {
        Reply::With(status, headers, body) => full(*status, headers, body),
        Reply::Cut | Reply::Stalled => "HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n{\"choices\":".to_owned(),
        Reply::Reset | Reply::Failing(..) | Reply::Once(..) => {
            at_once.now.fetch_sub(1, Ordering::SeqCst);
            return false;
        }
        Reply::Endless => "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".to_owned(),
        Reply::InTurn(texts) => {
            let mut texts = texts.lock().unwrap();
            let text = if texts.len() > 1 { texts.remove(0) } else { texts[0] };
            full(200, "", &answer(text))
        }
        Reply::Slow(pause, body) => {
            tokio::time::sleep(*pause).await;
            full(200, "", body)
        }
        Reply::Held(gate, body) => {
            gate.acquire().await.unwrap().forget();
            full(200, "", body)
        }
    };
    // Before the answer, because whoever has it may ask again at once.
    at_once.now.fetch_sub(1, Ordering::SeqCst);
    let written = connection.write_all(text.as_bytes()).await.is_ok();
    match reply {
        Reply::Cut => false,
        Reply::Stalled => connection.read_u8().await.is_ok(),
        Reply::Endless => {
            let chunk = format!("{:x}\r\n{}\r\n", 65_536, " ".repeat(65_536));
            while connection.write_all(chunk.as_bytes()).await.is_ok() {}
            false
        }
        _ => written,
    }
}
