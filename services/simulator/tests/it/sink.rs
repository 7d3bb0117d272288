use std::net::SocketAddr;

use lettre::{Message, SmtpTransport, Transport};
use neptune_runtime::Shutdown;
use neptune_runtime::service::install_crypto_provider;
use neptune_simulator::sink::{self, config::Config};
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

struct Sink {
    smtp: SocketAddr,
    url: String,
    client: Client,
    shutdown: Shutdown,
    folder: TempDir,
}

impl Sink {
    async fn start() -> Self {
        Self::start_in(tempfile::tempdir().unwrap()).await
    }

    async fn start_in(folder: TempDir) -> Self {
        install_crypto_provider();
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let config =
            Config { smtp_listen: any, http_listen: any, directory: folder.path().join("kept"), kept_count: 5 };
        let bound = sink::bind(config).await.unwrap();
        let shutdown = Shutdown::new();
        let (smtp, url) = (bound.smtp_address(), format!("http://{}", bound.http_address()));
        tokio::spawn(bound.serve(shutdown.clone()));
        Self { smtp, url, client: Client::builder().no_proxy().build().unwrap(), shutdown, folder }
    }

    async fn list(&self, what: &str) -> Vec<Value> {
        self.client.get(format!("{}/{what}", self.url)).send().await.unwrap().json().await.unwrap()
    }

    async fn hook(&self, name: &str, body: &'static str) -> StatusCode {
        let request = self.client.post(format!("{}/hook/{name}", self.url)).header("webhook-id", "msg_1");
        request.body(body).send().await.unwrap().status()
    }

    async fn send(&self, message: Message) -> bool {
        let transport = SmtpTransport::builder_dangerous(self.smtp.ip().to_string()).port(self.smtp.port()).build();
        tokio::task::spawn_blocking(move || transport.send(&message).is_ok()).await.unwrap()
    }
}

fn message(subject: &str, body: &str) -> Message {
    let builder = Message::builder().from("Neptune <neptune@example.org>".parse().unwrap());
    let builder = builder.to("ada@example.org".parse().unwrap()).cc("bob@example.org".parse().unwrap());
    builder.subject(subject).body(body.to_owned()).unwrap()
}

#[tokio::test]
async fn a_mail_by_lettre_is_kept_as_it_was_sent() {
    let sink = Sink::start().await;
    assert!(sink.send(message("Done", "Line one\r\n.\r\n..two")).await);
    let mails = sink.list("mails").await;
    assert_eq!(mails.len(), 1);
    let mail = &mails[0];
    assert_eq!(
        (&mail["number"], &mail["from"], &mail["subject"]),
        (&json!(1), &json!("neptune@example.org"), &json!("Done"))
    );
    assert_eq!(mail["to"], json!(["ada@example.org", "bob@example.org"]));
    assert_eq!(mail["headers"]["from"], "Neptune <neptune@example.org>");
    assert_eq!(mail["body"], "Line one\r\n.\r\n..two\r\n");
    let file = std::fs::read_to_string(mail["file"].as_str().unwrap()).unwrap();
    assert!(file.starts_with("Return-Path: <neptune@example.org>\r\nDelivered-To: ada@example.org\r\n"), "{file}");
}

#[tokio::test]
async fn several_mails_come_over_one_pipelined_connection() {
    let sink = Sink::start().await;
    let mut stream = TcpStream::connect(sink.smtp).await.unwrap();
    let mail =
        |body: &str| format!("MAIL FROM:<a@b.c>\r\nRCPT TO:<d@e.f>\r\nDATA\r\nSubject: {body}\r\n\r\n{body}\r\n.\r\n");
    let all = format!("EHLO test\r\n{}{}WRONG\r\nQUIT\r\n", mail("one"), mail("two"));
    stream.write_all(all.as_bytes()).await.unwrap();
    let mut replies = String::new();
    stream.read_to_string(&mut replies).await.unwrap();
    let codes: Vec<&str> = replies.lines().filter(|line| line.as_bytes()[3] == b' ').map(|line| &line[..3]).collect();
    assert_eq!(codes, ["220", "250", "250", "250", "354", "250", "250", "250", "354", "250", "500", "221"]);
    let subjects: Vec<Value> = sink.list("mails").await.iter().map(|mail| mail["subject"].clone()).collect();
    assert_eq!(subjects, ["one", "two"]);
}

#[tokio::test]
async fn an_unfinished_mail_is_not_kept() {
    let sink = Sink::start().await;
    let mut stream = BufReader::new(TcpStream::connect(sink.smtp).await.unwrap());
    let start = "EHLO test\r\nMAIL FROM:<a@b.c>\r\nRCPT TO:<d@e.f>\r\nDATA\r\nSubject: half\r\n";
    stream.write_all(start.as_bytes()).await.unwrap();
    let mut line = String::new();
    while !line.starts_with("354") {
        line.clear();
        stream.read_line(&mut line).await.unwrap();
    }
    sink.shutdown.cancel();
    line.clear();
    stream.read_line(&mut line).await.unwrap();
    assert!(line.starts_with("421"), "{line}");
    let next = Sink::start_in(sink.folder).await;
    assert!(next.list("mails").await.is_empty());
}

#[tokio::test]
async fn endless_lines_are_refused() {
    let sink = Sink::start().await;
    let mut stream = TcpStream::connect(sink.smtp).await.unwrap();
    stream.write_all(&[b'x'; 5_000]).await.unwrap();
    let mut replies = Vec::new();
    // The connection may be reset, since not everything sent was read.
    let _ = stream.read_to_end(&mut replies).await;
    assert!(String::from_utf8_lossy(&replies).contains("500 line too long"));
}

#[tokio::test]
async fn a_hook_is_kept_with_its_headers_and_exact_body() {
    let sink = Sink::start().await;
    assert_eq!(sink.hook("tickets", "{ \"a\": 1 }\n").await, StatusCode::OK);
    let hooks = sink.list("hooks").await;
    let (name, status, body) = (&hooks[0]["name"], &hooks[0]["status"], &hooks[0]["body"]);
    assert_eq!((name, status, body), (&json!("tickets"), &json!(200), &json!("{ \"a\": 1 }\n")));
    assert_eq!(hooks[0]["headers"]["webhook-id"], "msg_1");
}

#[tokio::test]
async fn a_hook_answers_what_it_is_told() {
    let sink = Sink::start().await;
    let set = async |wanted: Value| {
        let request = sink.client.put(format!("{}/hook/a/status", sink.url)).json(&wanted);
        request.send().await.unwrap().status()
    };
    assert_eq!(set(json!({"status": 503, "times": 1})).await, StatusCode::NO_CONTENT);
    assert_eq!(
        (sink.hook("a", "1").await, sink.hook("a", "2").await),
        (StatusCode::SERVICE_UNAVAILABLE, StatusCode::OK)
    );
    assert_eq!(set(json!(410)).await, StatusCode::NO_CONTENT);
    assert_eq!((sink.hook("a", "3").await, sink.hook("b", "4").await), (StatusCode::GONE, StatusCode::OK));
    assert_eq!(set(json!(99)).await, StatusCode::BAD_REQUEST);
    let statuses: Vec<Value> = sink.list("hooks").await.iter().map(|hook| hook["status"].clone()).collect();
    assert_eq!(statuses, [503, 200, 410, 200]);
}

#[tokio::test]
async fn a_full_sink_refuses_until_it_is_reset() {
    let sink = Sink::start().await;
    for _ in 0..5 {
        assert_eq!(sink.hook("a", "x").await, StatusCode::OK);
        assert!(sink.send(message("One", "Two")).await);
    }
    assert_eq!(sink.hook("a", "x").await, StatusCode::INSUFFICIENT_STORAGE);
    assert!(!sink.send(message("One", "Two")).await);
    sink.client.post(format!("{}/reset", sink.url)).send().await.unwrap();
    assert!(sink.list("mails").await.is_empty() && sink.list("hooks").await.is_empty());
    assert_eq!(sink.hook("a", "x").await, StatusCode::OK);
}

#[tokio::test]
async fn what_was_kept_is_there_after_a_restart() {
    let sink = Sink::start().await;
    assert!(sink.send(message("One", "Two")).await);
    sink.shutdown.cancel();
    let next = Sink::start_in(sink.folder).await;
    assert!(next.send(message("Two", "Three")).await);
    let numbers: Vec<Value> = next.list("mails").await.iter().map(|mail| mail["number"].clone()).collect();
    assert_eq!(numbers, [1, 2]);
}
