//! The record of what runs, in memory and in `run/state.json`.

use crate::{
    domain::run_state::{ProcessRef, RunState, ServiceStatus},
    env_file,
    error::Error,
    output,
};
use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

/// The record of one supervisor.
#[derive(Debug)]
pub struct Board {
    path: PathBuf,
    state: Mutex<RunState>,
}

impl Board {
    /// Starts a record.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn open(path: PathBuf, state: RunState) -> Result<Self, Error> {
        write(&path, &state)?;
        Ok(Self { path, state: Mutex::new(state) })
    }

    /// The record as it stands.
    #[must_use]
    pub fn state(&self) -> RunState {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Every service has answered.
    pub fn ready(&self) {
        self.change(|state| state.ready = true);
    }

    /// A process was started; again, when it is not the service's first.
    pub fn running(&self, name: &str, process: Option<ProcessRef>, is_again: bool) {
        self.change(|state| {
            for service in state.services.iter_mut().filter(|service| service.name == name) {
                service.process = process;
                service.state = ServiceStatus::Running;
                service.restarts += u64::from(is_again);
            }
        });
    }

    /// A process is no more.
    pub fn ended(&self, name: &str, status: ServiceStatus) {
        self.change(|state| {
            for service in state.services.iter_mut().filter(|service| service.name == name) {
                service.process = None;
                service.state = status;
            }
        });
    }

    fn change(&self, change: impl FnOnce(&mut RunState)) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut state);
        // Processes go on when the disk is full; the record catches up with the next change.
        if let Err(error) = write(&self.path, &state) {
            output::note(&format!("neptune: {}", neptune_runtime::service::chain(&error)));
        }
    }
}

fn write(path: &Path, state: &RunState) -> Result<(), Error> {
    let text = serde_json::to_string_pretty(state).map_err(|error| Error::step("encode the state", error))?;
    env_file::replace(path, &text)
}

/// The record of the newest supervisor; nothing when there never was one.
///
/// # Errors
/// The file is there and cannot be read.
pub fn recorded(path: &Path) -> Result<Option<RunState>, Error> {
    match fs::read(path) {
        Ok(text) => Ok(serde_json::from_slice(&text).ok()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(Error::File { action: "read", path: path.into(), source }),
    }
}
