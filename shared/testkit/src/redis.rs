//! A private Redis.

use crate::process::{Server, free_port, program};
use std::{path::Path, process::Command};
use tempfile::TempDir;

/// A Redis of a test's own.
#[derive(Debug)]
pub struct Redis {
    server: Server,
    folder: TempDir,
    port: u16,
    is_durable: bool,
}

impl Redis {
    /// Starts a Redis that keeps nothing on disk.
    ///
    /// # Panics
    /// There is no redis-server, or it does not start.
    pub async fn start() -> Self {
        Self::launched(false)
    }

    /// Starts a Redis that has written each change to disk before it answers.
    ///
    /// # Panics
    /// There is no redis-server, or it does not start.
    pub async fn start_durable() -> Self {
        Self::launched(true)
    }

    fn launched(is_durable: bool) -> Self {
        let folder = tempfile::Builder::new().prefix("neptune-redis-").tempdir().unwrap();
        let port = free_port();
        Self { server: launch(&folder, port, is_durable), folder, port, is_durable }
    }

    /// Its address.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Kills it without warning; it forgets everything, unless it is durable.
    pub async fn kill(&mut self) {
        self.server.kill();
    }

    /// Starts it again on the same port, with what it did not forget.
    pub async fn restart(&mut self) {
        self.server.kill();
        self.server = launch(&self.folder, self.port, self.is_durable);
    }

    /// A copy of what it has on disk.
    ///
    /// # Panics
    /// There is no room for it.
    #[must_use]
    pub fn copy(&self) -> TempDir {
        let copy = tempfile::Builder::new().prefix("neptune-redis-").tempdir().unwrap();
        copy_files(self.folder.path(), copy.path());
        copy
    }

    /// Starts it again on the same port, with what it had when `copy` was made.
    ///
    /// # Panics
    /// The copy cannot be read.
    pub async fn restart_from(&mut self, copy: TempDir) {
        self.server.kill();
        self.server = launch(&copy, self.port, self.is_durable);
        self.folder = copy;
    }
}

fn copy_files(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            std::fs::create_dir(&target).unwrap();
            copy_files(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), &target).unwrap();
        }
    }
}

fn launch(folder: &TempDir, port: u16, is_durable: bool) -> Server {
    let mut command = Command::new(program("NEPTUNE_TEST_REDIS_BIN", "redis-server", &[]));
    let port_text = port.to_string();
    command.args(["--port", &port_text, "--bind", "127.0.0.1", "--save", ""]);
    command.args(["--appendonly", if is_durable { "yes" } else { "no" }, "--appendfsync", "always"]);
    command.arg("--dir").arg(folder.path());
    Server::start(command, port, &folder.path().join("log"))
}
