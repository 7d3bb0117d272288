//! A private Redis.

use crate::process::{Server, free_port, program};
use std::process::Command;
use tempfile::TempDir;

/// A Redis of a test's own, without persistence.
#[derive(Debug)]
pub struct Redis {
    server: Server,
    folder: TempDir,
    port: u16,
}

impl Redis {
    /// Starts a Redis.
    ///
    /// # Panics
    /// There is no redis-server, or it does not start.
    pub async fn start() -> Self {
        let folder = tempfile::Builder::new().prefix("neptune-redis-").tempdir().unwrap();
        let port = free_port();
        Self { server: launch(&folder, port), folder, port }
    }

    /// Its address.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Kills it without warning; it forgets everything.
    pub async fn kill(&mut self) {
        self.server.kill();
    }

    /// Starts it again on the same port, empty.
    pub async fn restart(&mut self) {
        self.server.kill();
        self.server = launch(&self.folder, self.port);
    }
}

fn launch(folder: &TempDir, port: u16) -> Server {
    let mut command = Command::new(program("NEPTUNE_TEST_REDIS_BIN", "redis-server", &[]));
    let port_text = port.to_string();
    command.args(["--port", &port_text, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]);
    command.arg("--dir").arg(folder.path());
    Server::start(command, port, &folder.path().join("log"))
}
