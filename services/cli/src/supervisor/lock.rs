//! One supervisor per state directory. The kernel drops the lock with the process, however it ends.

use crate::error::Error;
use std::{
    fs::{File, TryLockError},
    path::Path,
};

/// The right to supervise a state directory.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock; nothing when another process has it.
    ///
    /// # Errors
    /// The lock file cannot be opened.
    pub fn take(path: &Path) -> Result<Option<Self>, Error> {
        let failed = |source| Error::File { action: "lock", path: path.into(), source };
        let file = File::options().create(true).truncate(false).write(true).open(path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Self { _file: file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(source)) => Err(failed(source)),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn only_one_holds_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let held = Lock::take(&path).unwrap();
        assert!(held.is_some());
        assert!(Lock::take(&path).unwrap().is_none());
        drop(held);
        assert!(Lock::take(&path).unwrap().is_some());
    }
}
