//! Why a command failed, and with which exit code.

use crate::domain::{api_key::KeyFault, environment::EnvironmentFault};
use std::path::PathBuf;

/// A cause of any kind.
pub type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Why a command failed. Each message says what to do.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file could not be read or written.
    #[error("cannot {action} {}", path.display())]
    File {
        /// What was attempted.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// Something given by the user is not usable.
    #[error("{0}")]
    Input(String),
    /// The configuration of the stack is not usable.
    #[error(transparent)]
    Environment(#[from] EnvironmentFault),
    /// The configuration of the bus is not usable.
    #[error(transparent)]
    Configuration(#[from] neptune_runtime::config::ConfigError),
    /// A key that was kept is not one.
    #[error("{variable} is not usable")]
    Key {
        /// Where it stands.
        variable: &'static str,
        /// The cause.
        #[source]
        source: KeyFault,
    },
    /// Resource files have faults; each is one line.
    #[error("{}", .0.join("\n"))]
    Resources(Vec<String>),
    /// A server or service does not answer.
    #[error("{what} does not answer; {remedy}")]
    Unreachable {
        /// Who.
        what: String,
        /// What to do.
        remedy: String,
    },
    /// What was asked for does not exist.
    #[error("{0}")]
    NotFound(String),
    /// Something is not as the command promises.
    #[error("{0}")]
    NotReady(String),
    /// The task ended without an answer.
    #[error("the task ended as {0}")]
    TaskEnded(&'static str),
    /// The run ended without an output.
    #[error("the run ended as {0}")]
    RunEnded(&'static str),
    /// A step failed.
    #[error("cannot {action}")]
    Step {
        /// What was attempted.
        action: String,
        /// The cause.
        #[source]
        source: Cause,
    },
}

/// The exit codes, as `--help` shows them.
pub const EXIT_CODES: &str = "\
Exit codes:
  0   done
  1   failed
  2   the arguments are wrong
  3   not everything runs, or not in time (status, wait, up)
  4   what was asked for does not exist
  5   the task ended without an answer (submit), or the run without an output (run start, workflow run)
  6   a server or service does not answer
  64  configuration or resource files are not usable";

impl Error {
    /// A step that failed, with its cause.
    pub fn step(action: impl Into<String>, source: impl Into<Cause>) -> Self {
        Self::Step { action: action.into(), source: source.into() }
    }

    /// The exit code of the command.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::File { .. } | Self::Step { .. } => 1,
            Self::NotReady(_) => 3,
            Self::NotFound(_) => 4,
            Self::TaskEnded(_) | Self::RunEnded(_) => 5,
            Self::Unreachable { .. } => 6,
            Self::Input(_) | Self::Environment(_) | Self::Configuration(_) | Self::Key { .. } | Self::Resources(_) => {
                64
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_exit_code_is_documented() {
        let errors = [
            Error::step("x", "y"),
            Error::NotReady(String::new()),
            Error::NotFound(String::new()),
            Error::TaskEnded("failed"),
            Error::RunEnded("faulted"),
            Error::Unreachable { what: String::new(), remedy: String::new() },
            Error::Input(String::new()),
        ];
        for error in errors {
            let code = error.exit_code().to_string();
            assert!(EXIT_CODES.lines().any(|line| line.split_whitespace().next() == Some(&code)), "{code}");
        }
    }
}
