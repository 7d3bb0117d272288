//! A webhook receiver on a socket: answers as it is told and keeps what it was sent.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
};

#[derive(Clone, Debug)]
pub struct Received {
    pub path: String,
    pub headers: HashMap<String, String>,
    pub body: Vec<u8>,
}

/// What the receiver does with its nth request; the last entry holds for all further ones.
#[derive(Clone, Debug)]
pub enum Answer {
    Whole(&'static str),
    /// Headers, and then a body without end.
    Endless,
    /// Headers, and then nothing.
    Silent,
}

pub const OK: Answer = Answer::Whole("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");

pub struct Hook {
    pub port: u16,
    received: Arc<Mutex<Vec<Received>>>,
}

impl Hook {
    pub async fn start(answers: &[Answer]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let received = Arc::new(Mutex::new(Vec::new()));
        let (answers, kept) = (answers.to_vec(), received.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, answers.clone(), kept.clone()));
            }
        });
        Self { port, received }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    pub fn place(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    pub fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }
}

async fn serve(stream: TcpStream, answers: Vec<Answer>, received: Arc<Mutex<Vec<Received>>>) {
    let mut stream = BufReader::new(stream);
    while let Some(request) = read(&mut stream).await {
        let index = {
            let mut received = received.lock().unwrap();
            received.push(request);
            received.len() - 1
        };
        match &answers[index.min(answers.len() - 1)] {
            Answer::Whole(text) => stream.write_all(text.as_bytes()).await.unwrap(),
            Answer::Silent => {
                stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n").await.unwrap();
                std::future::pending::<()>().await;
            }
            Answer::Endless => {
                stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000000000\r\n\r\n").await.unwrap();
                while stream.write_all(&[b'x'; 8_192]).await.is_ok() {}
                return;
            }
        }
    }
}

async fn read(stream: &mut BufReader<TcpStream>) -> Option<Received> {
    let mut line = String::new();
    stream.read_line(&mut line).await.ok().filter(|read| *read > 0)?;
    let path = line.split(' ').nth(1)?.to_owned();
    let mut headers = HashMap::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await.ok()?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        headers.insert(name.to_ascii_lowercase(), value.to_owned());
    }
    let length = headers.get("content-length").map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    Some(Received { path, headers, body })
}
