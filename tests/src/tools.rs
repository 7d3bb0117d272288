//! Programs that only some tests need and that a machine may lack.

use std::{path::PathBuf, process::Command};

/// The project's folder.
#[must_use]
pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

/// The command of a tool, got by `deploy/local/test-tools.sh`; or the reason why there is none.
///
/// # Errors
/// It cannot be had on this machine.
///
/// # Panics
/// The script itself fails.
pub fn tool(name: &str) -> Result<Command, String> {
    let script = Command::new(root().join("deploy/local/test-tools.sh")).arg(name).output().unwrap();
    let said = String::from_utf8_lossy(&script.stderr).trim().to_owned();
    match script.status.code() {
        Some(0) => {}
        Some(3) => return Err(said),
        code => panic!("deploy/local/test-tools.sh {name} ended with {code:?}: {said}"),
    }
    let words = String::from_utf8(script.stdout).unwrap();
    let mut words = words.lines();
    let mut command = Command::new(words.next().unwrap());
    command.args(words);
    Ok(command)
}

/// Says why a test does nothing on this machine.
#[expect(clippy::print_stderr, reason = "the test's reader has to know")]
pub fn skipped(reason: &str) {
    eprintln!("skipped: {reason}");
}
