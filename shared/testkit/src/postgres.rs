//! A private Postgres. It refuses to run as root, so root starts it as `postgres` or `nobody`.

use crate::process::{Server, free_port, program};
use std::{
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};
use tempfile::TempDir;

/// A Postgres of a test's own, with a user and a database named `neptune`.
#[derive(Debug)]
pub struct Postgres {
    server: Option<Server>,
    folder: TempDir,
    port: u16,
}

impl Postgres {
    /// Makes a cluster and starts it; about two seconds.
    ///
    /// # Panics
    /// There is no Postgres, or it does not start.
    pub async fn start() -> Self {
        let folder = tempfile::Builder::new().prefix("neptune-postgres-").tempdir_in("/var/tmp").unwrap();
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o777)).unwrap();
        let data = folder.path().join("data");
        let mut init = unprivileged(&binary("initdb"));
        init.args(["-U", "neptune", "-A", "trust", "--no-sync", "-E", "UTF8", "-D"]).arg(&data);
        let made = init.current_dir("/").output().unwrap();
        assert!(made.status.success(), "initdb: {}", String::from_utf8_lossy(&made.stderr));
        let port = free_port();
        let mut postgres = Self { server: Some(launch(folder.path(), port)), folder, port };
        postgres.create_database("neptune").await;
        postgres.server.as_mut().unwrap();
        postgres
    }

    /// The address of its database.
    #[must_use]
    pub fn url(&self) -> String {
        format!("postgres://neptune@127.0.0.1:{}/neptune", self.port)
    }

    /// Kills it without warning.
    pub async fn kill(&mut self) {
        if let Some(mut server) = self.server.take() {
            // The postmaster's children end by themselves when it is gone.
            server.kill();
        }
    }

    /// Starts it again on the same port and data.
    pub async fn restart(&mut self) {
        self.kill().await;
        // Children of the killed server end by themselves, but hold its memory until then.
        let data = self.folder.path().join("data");
        crate::wait_until("the killed Postgres is gone", Duration::from_secs(20), || async { !is_in_use(&data) }).await;
        std::fs::remove_file(data.join("postmaster.pid")).ok();
        self.server = Some(launch(self.folder.path(), self.port));
    }

    async fn create_database(&self, name: &str) {
        let made = Command::new(program("NEPTUNE_TEST_PSQL_BIN", "psql", &folders()))
            .args(["-q", "-h", "127.0.0.1", "-p", &self.port.to_string(), "-U", "neptune", "-d", "postgres"])
            .args(["-c", &format!("CREATE DATABASE {name}")])
            .output()
            .unwrap();
        assert!(made.status.success(), "psql: {}", String::from_utf8_lossy(&made.stderr));
    }
}

/// Whether any process still works in the data folder.
fn is_in_use(data: &Path) -> bool {
    let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    processes.filter_map(|process| std::fs::read_link(process.path().join("cwd")).ok()).any(|folder| folder == data)
}

fn folders() -> Vec<PathBuf> {
    let mut versions: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path().join("bin"))
        .collect();
    versions.sort();
    versions.reverse();
    versions
}

fn binary(name: &str) -> PathBuf {
    program("NEPTUNE_TEST_POSTGRES_BIN_DIR", name, &folders())
}

fn unprivileged(binary: &Path) -> Command {
    let is_root = std::fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0);
    if !is_root {
        return Command::new(binary);
    }
    let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let user = if users.lines().any(|line| line.starts_with("postgres:")) { "postgres" } else { "nobody" };
    let mut command = Command::new("setpriv");
    command.arg(format!("--reuid={user}")).args(["--regid=nogroup", "--clear-groups", "--"]).arg(binary);
    command
}

fn launch(folder: &Path, port: u16) -> Server {
    let mut command = unprivileged(&binary("postgres"));
    command.arg("-D").arg(folder.join("data")).args(["-p", &port.to_string(), "-h", "127.0.0.1", "-k", ""]);
    command.args(["-c", "fsync=off", "-c", "max_connections=50", "-c", "shared_buffers=32MB"]).current_dir("/");
    let server = Server::start(command, port, &folder.join("log"));
    wait_ready(port);
    server
}

fn wait_ready(port: u16) {
    let psql = program("NEPTUNE_TEST_PSQL_BIN", "psql", &folders());
    for _ in 0..300 {
        let asked = Command::new(&psql)
            .args([
                "-q",
                "-h",
                "127.0.0.1",
                "-p",
                &port.to_string(),
                "-U",
                "neptune",
                "-d",
                "postgres",
                "-c",
                "SELECT 1",
            ])
            .output()
            .unwrap();
        if asked.status.success() {
            return;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    panic!("Postgres on port {port} answers no query");
}
