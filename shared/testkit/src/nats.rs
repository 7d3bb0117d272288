//! A private broker.

use crate::process::{Server, free_port, program};
use bytes::Bytes;
use std::{path::PathBuf, process::Command};
use tempfile::TempDir;

/// A broker of a test's own, with JetStream in a temporary folder.
#[derive(Debug)]
pub struct Nats {
    server: Server,
    folder: TempDir,
    port: u16,
    extra: String,
}

impl Nats {
    /// Starts a broker that syncs lazily.
    ///
    /// # Panics
    /// There is no nats-server, or it does not start.
    pub async fn start() -> Self {
        Self::start_with("").await
    }

    /// Starts a broker with further JetStream settings.
    ///
    /// # Panics
    /// There is no nats-server, or it does not start.
    pub async fn start_with(extra: &str) -> Self {
        let folder = tempfile::Builder::new().prefix("neptune-nats-").tempdir().unwrap();
        let port = free_port();
        let extra = extra.to_owned();
        let server = launch(&folder, port, &extra);
        Self { server, folder, port, extra }
    }

    /// Its address.
    #[must_use]
    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// Kills it without warning.
    pub async fn kill(&mut self) {
        self.server.kill();
    }

    /// Starts it again on the same port and data.
    pub async fn restart(&mut self) {
        self.server.kill();
        self.server = launch(&self.folder, self.port, &self.extra);
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.server.pid()
    }

    /// A bare connection, as a client of any language has it.
    pub async fn client(&self) -> async_nats::Client {
        async_nats::connect(self.url()).await.unwrap()
    }

    /// Publishes raw bytes, as a client that knows nothing of our types, and waits for the
    /// broker's word.
    pub async fn publish(&self, subject: &str, body: Bytes) {
        let context = async_nats::jetstream::new(self.client().await);
        context.publish(subject.to_owned(), body).await.unwrap().await.unwrap();
    }

    /// How many messages a consumer has yet to hand out, or handed out and was not told what became of.
    pub async fn unsettled(&self, stream: &str, consumer: &str) -> u64 {
        let context = async_nats::jetstream::new(self.client().await);
        let consumer: async_nats::jetstream::consumer::PullConsumer =
            context.get_consumer_from_stream(consumer, stream).await.unwrap();
        let state = consumer.cached_info();
        state.num_pending + u64::try_from(state.num_ack_pending).unwrap()
    }

    /// How many messages a stream holds.
    pub async fn stream_messages(&self, stream: &str) -> u64 {
        let context = async_nats::jetstream::new(self.client().await);
        context.get_stream(stream).await.unwrap().cached_info().state.messages
    }
}

fn launch(folder: &TempDir, port: u16, extra: &str) -> Server {
    let binary = program(
        "NEPTUNE_TEST_NATS_BIN",
        "nats-server",
        &[
            PathBuf::from("../.neptune/tools/nats-server-2.15.1/bin"),
            PathBuf::from("../../.neptune/tools/nats-server-2.15.1/bin"),
        ],
    );
    let config = folder.path().join("nats.conf");
    let store = folder.path().join("store");
    let text = format!(
        "listen: 127.0.0.1:{port}\nmax_payload: 2MB\njetstream {{ store_dir: {store:?}, max_mem: 2GB, max_file: 50GB\n{extra} }}\n"
    );
    std::fs::write(&config, text).unwrap();
    let mut command = Command::new(binary);
    command.arg("-c").arg(config);
    Server::start(command, port, &folder.path().join("log"))
}
