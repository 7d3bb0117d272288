//! A mail server on a socket: speaks enough SMTP to take messages, or to refuse them.

use std::sync::{Arc, Mutex};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
};

/// What the server does with a message.
#[derive(Clone, Copy, Debug)]
pub enum Mood {
    Takes,
    /// Answers the recipient with this line.
    Refuses(&'static str),
    /// Takes the content and hangs up without a word.
    HangsUp,
}

pub struct Sink {
    pub port: u16,
    mood: Arc<Mutex<Mood>>,
    messages: Arc<Mutex<Vec<String>>>,
}

impl Sink {
    pub async fn start(mood: Mood) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (mood, messages) = (Arc::new(Mutex::new(mood)), Arc::new(Mutex::new(Vec::new())));
        let sink = Self { port, mood: mood.clone(), messages: messages.clone() };
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (mood, messages) = (mood.clone(), messages.clone());
                tokio::spawn(async move { talk(BufReader::new(stream), &mood, &messages).await });
            }
        });
        sink
    }

    pub fn url(&self) -> String {
        format!("smtp://127.0.0.1:{}", self.port)
    }

    pub fn set(&self, mood: Mood) {
        *self.mood.lock().unwrap() = mood;
    }

    /// Envelope recipients and content, as they came.
    pub fn messages(&self) -> Vec<String> {
        self.messages.lock().unwrap().clone()
    }
}

async fn talk(mut stream: BufReader<TcpStream>, mood: &Mutex<Mood>, messages: &Mutex<Vec<String>>) -> Option<()> {
    say(&mut stream, "220 sink").await?;
    let mut message = String::new();
    loop {
        let line = hear(&mut stream).await?;
        let now = *mood.lock().unwrap();
        let word = line.split([' ', ':', '\r']).next().unwrap().to_ascii_uppercase();
        match (word.as_str(), now) {
            ("RCPT", Mood::Refuses(answer)) => say(&mut stream, answer).await?,
            ("RCPT", _) => {
                message = line;
                say(&mut stream, "250 ok").await?;
            }
            ("DATA", _) => {
                say(&mut stream, "354 go on").await?;
                loop {
                    let line = hear(&mut stream).await?;
                    if line == ".\r\n" {
                        break;
                    }
                    message.push_str(&line);
                }
                messages.lock().unwrap().push(std::mem::take(&mut message));
                if matches!(now, Mood::HangsUp) {
                    return None;
                }
                say(&mut stream, "250 2.0.0 queued as Q1").await?;
            }
            ("QUIT", _) => return say(&mut stream, "221 bye").await,
            _ => say(&mut stream, "250 ok").await?,
        }
    }
}

async fn hear(stream: &mut BufReader<TcpStream>) -> Option<String> {
    let mut line = String::new();
    stream.read_line(&mut line).await.ok().filter(|read| *read > 0)?;
    Some(line)
}

async fn say(stream: &mut BufReader<TcpStream>, line: &str) -> Option<()> {
    stream.write_all(format!("{line}\r\n").as_bytes()).await.ok()
}
