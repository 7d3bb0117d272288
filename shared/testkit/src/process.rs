//! Server processes: started on a free port, killed when dropped, even by a panicking test.

use std::{
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, Instant},
};

const START_TIMEOUT: Duration = Duration::from_secs(30);

/// Ports below those that systems give to outgoing connections, one of which would take the port
/// before the server does.
const PORTS: std::ops::Range<u16> = 10_240..32_000;

/// A port nobody uses right now, tried in an order of this process's own.
///
/// # Panics
/// All are taken.
#[must_use]
pub fn free_port() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let count = u32::from(PORTS.end - PORTS.start);
    let first = std::process::id().wrapping_mul(7_919) % count;
    let candidate = |_| {
        let place = (first + NEXT.fetch_add(1, Ordering::Relaxed)) % count;
        PORTS.start + u16::try_from(place).unwrap()
    };
    (0..count).map(candidate).find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok()).expect("no port is free")
}

/// The program `name`: from the variable, the search path, or the given folders.
///
/// # Panics
/// It is nowhere.
#[must_use]
pub fn program(variable: &str, name: &str, folders: &[PathBuf]) -> PathBuf {
    if let Some(given) = std::env::var_os(variable).filter(|given| !given.is_empty()) {
        let given = PathBuf::from(given);
        return if given.is_dir() { given.join(name) } else { given };
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).chain(folders.iter().cloned()).map(|folder| folder.join(name));
    let found = found.into_iter().find(|file| file.is_file());
    found.unwrap_or_else(|| {
        panic!("{name} is not installed; run tests by `make test`, which gets it, or set {variable}")
    })
}

/// A running server process.
#[derive(Debug)]
pub struct Server {
    child: Child,
    port: u16,
}

impl Server {
    /// Starts `command` and waits until it listens on `port`; with port 0 it does not wait.
    ///
    /// # Panics
    /// It ends or does not listen in time.
    #[must_use]
    pub fn start(mut command: Command, port: u16, log: &Path) -> Self {
        let output = std::fs::OpenOptions::new().create(true).append(true).open(log).unwrap();
        command.stdin(Stdio::null()).stdout(output.try_clone().unwrap()).stderr(output);
        let mut child = command.spawn().unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
        let deadline = Instant::now() + START_TIMEOUT;
        while port != 0 && TcpStream::connect(("127.0.0.1", port)).is_err() {
            let ended = child.try_wait().unwrap();
            let told = || std::fs::read_to_string(log).unwrap_or_default();
            assert!(ended.is_none(), "{command:?} ended: {ended:?}\n{}", told());
            assert!(Instant::now() < deadline, "{command:?} does not listen on {port}\n{}", told());
            std::thread::sleep(Duration::from_millis(10));
        }
        Self { child, port }
    }

    /// The port it listens on.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Kills it without warning and waits until it is gone.
    pub fn kill(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}
