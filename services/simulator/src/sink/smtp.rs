//! SMTP connections.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use neptune_runtime::Shutdown;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_util::task::TaskTracker;

use super::mails;
use super::store::Store;
use crate::domain::smtp::{Envelope, Message, Session, Step};

/// Further clients wait until one of these has gone.
const CONNECTIONS_LIMIT: usize = 64;
/// Longer than RFC 5321 asks for, because addresses may be UTF-8.
const LINE_LIMIT: usize = 4_096;
/// What RFC 5321, 4.5.3.2.7 gives a client for its next command.
const IDLE_LIMIT: Duration = Duration::from_secs(300);
/// After a failed accept (usually: no file descriptors left), the system gets this long to recover.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

struct Connection {
    stream: BufReader<TcpStream>,
    store: Arc<Store>,
}

/// Serves until the shutdown; connections that are open then end with it.
pub(super) async fn serve(listener: TcpListener, store: Arc<Store>, shutdown: Shutdown) {
    let permits = Arc::new(Semaphore::new(CONNECTIONS_LIMIT));
    let tasks = TaskTracker::new();
    let accepting = async {
        while let Ok(permit) = Arc::clone(&permits).acquire_owned().await {
            let Ok((stream, _)) = listener.accept().await else {
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            };
            let (store, shutdown) = (Arc::clone(&store), shutdown.clone());
            tasks.spawn(async move {
                talk(stream, store, shutdown).await;
                drop(permit);
            });
        }
    };
    tokio::select! {
        () = accepting => {}
        () = shutdown.cancelled() => {}
    }
    tasks.close();
    tasks.wait().await;
}

async fn talk(stream: TcpStream, store: Arc<Store>, shutdown: Shutdown) {
    let mut connection = Connection { stream: BufReader::new(stream), store };
    let ended = tokio::select! {
        ended = connection.converse() => ended,
        () = shutdown.cancelled() => connection.reply(421, "closing").await,
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a mail client went away");
    }
}

impl Connection {
    async fn converse(&mut self) -> io::Result<()> {
        let mut session = Session::default();
        self.reply(220, "neptune-sink ESMTP").await?;
        while let Some(line) = self.line().await? {
            match session.command(&line) {
                Step::Reply(code, lines) => self.reply_lines(code, &lines).await?,
                Step::Receive(envelope) => self.receive(&envelope).await?,
                Step::Close => return self.reply(221, "bye").await,
            }
        }
        Ok(())
    }

    async fn receive(&mut self, envelope: &Envelope) -> io::Result<()> {
        self.reply(354, "end with a dot alone on a line").await?;
        let mut message = Message::default();
        while !message.is_complete() {
            let bytes = timeout(IDLE_LIMIT, self.stream.fill_buf()).await??;
            if bytes.is_empty() {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let taken = message.take(bytes);
            self.stream.consume(taken);
        }
        let Some(content) = message.content() else { return self.reply(552, "too large").await };
        match self.store.mails.add(|_| mails::eml(envelope, &content)).await {
            Ok(number) => self.reply(250, &format!("kept as {number}")).await,
            Err(error) => {
                tracing::error!(%error, "a mail cannot be kept");
                self.reply(452, "cannot be kept").await
            }
        }
    }

    /// The next command without its line end; nothing when the client has gone.
    async fn line(&mut self) -> io::Result<Option<String>> {
        let mut line = Vec::new();
        loop {
            let bytes = timeout(IDLE_LIMIT, self.stream.fill_buf()).await??;
            if bytes.is_empty() {
                return Ok(None);
            }
            let end = bytes.iter().position(|byte| *byte == b'\n');
            let taken = end.map_or(bytes.len(), |end| end + 1);
            line.extend_from_slice(bytes.get(..taken).unwrap_or(bytes));
            self.stream.consume(taken);
            if line.len() > LINE_LIMIT {
                self.reply(500, "line too long").await?;
                return Ok(None);
            }
            if end.is_some() {
                return Ok(Some(String::from_utf8_lossy(line.trim_ascii_end()).into_owned()));
            }
        }
    }

    async fn reply(&mut self, code: u16, text: &str) -> io::Result<()> {
        self.reply_lines(code, &[text.to_owned()]).await
    }

    async fn reply_lines(&mut self, code: u16, lines: &[String]) -> io::Result<()> {
        let mut text = String::new();
        for (position, line) in lines.iter().enumerate() {
            let separator = if position + 1 == lines.len() { ' ' } else { '-' };
            text.push_str(&format!("{code}{separator}{line}\r\n"));
        }
        self.stream.write_all(text.as_bytes()).await
    }
}
