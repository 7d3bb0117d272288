//! Numbered files in two folders, and what hooks shall answer.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::UNIX_EPOCH;

use tokio::fs;

pub(super) struct Store {
    pub(super) mails: Folder,
    pub(super) hooks: Folder,
    statuses: Mutex<HashMap<String, Status>>,
}

/// What a hook answers instead of 200.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Status {
    pub(super) code: u16,
    /// For this many calls; for ever when absent.
    pub(super) times: Option<u64>,
}

/// Files named by ascending numbers.
pub(super) struct Folder {
    path: PathBuf,
    extension: &'static str,
    kept: u64,
    count: AtomicU64,
    next: AtomicU64,
}

/// One stored file.
pub(super) struct Stored {
    pub(super) number: u64,
    pub(super) file: String,
    pub(super) stored_at_unix_ms: u64,
    pub(super) content: Vec<u8>,
}

impl Store {
    pub(super) async fn open(directory: &Path, kept: u64) -> io::Result<Self> {
        Ok(Self {
            mails: Folder::open(directory.join("mails"), "eml", kept).await?,
            hooks: Folder::open(directory.join("hooks"), "json", kept).await?,
            statuses: Mutex::default(),
        })
    }

    pub(super) fn set_status(&self, hook: &str, status: Status) {
        self.statuses.lock().unwrap_or_else(PoisonError::into_inner).insert(hook.to_owned(), status);
    }

    /// What a hook answers now; counts one call.
    pub(super) fn take_status(&self, hook: &str) -> Option<u16> {
        let mut statuses = self.statuses.lock().unwrap_or_else(PoisonError::into_inner);
        let status = statuses.get_mut(hook)?;
        let code = status.code;
        if let Some(times) = &mut status.times {
            *times = times.saturating_sub(1);
            if *times == 0 {
                statuses.remove(hook);
            }
        }
        Some(code)
    }

    pub(super) async fn reset(&self) -> io::Result<()> {
        self.statuses.lock().unwrap_or_else(PoisonError::into_inner).clear();
        self.mails.clear().await?;
        self.hooks.clear().await
    }
}

impl Folder {
    async fn open(path: PathBuf, extension: &'static str, kept: u64) -> io::Result<Self> {
        fs::create_dir_all(&path).await?;
        let folder = Self { path, extension, kept, count: AtomicU64::new(0), next: AtomicU64::new(1) };
        let numbers = folder.numbers().await?;
        folder.count.store(u64::try_from(numbers.len()).unwrap_or(u64::MAX), Ordering::Relaxed);
        folder.next.store(numbers.last().map_or(1, |last| last + 1), Ordering::Relaxed);
        Ok(folder)
    }

    /// Stores one file and returns its number; `content` gets the number. Nothing is stored when the folder is full.
    pub(super) async fn add(&self, content: impl FnOnce(u64) -> Vec<u8>) -> io::Result<u64> {
        if self.count.fetch_add(1, Ordering::Relaxed) >= self.kept {
            self.count.fetch_sub(1, Ordering::Relaxed);
            return Err(io::ErrorKind::QuotaExceeded.into());
        }
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        // Readers of the folder never see half a file.
        let unfinished = self.path.join(format!("{number:08}.unfinished"));
        let stored = async {
            fs::write(&unfinished, content(number)).await?;
            fs::rename(&unfinished, self.file(number)).await
        };
        stored.await.inspect_err(|_| {
            self.count.fetch_sub(1, Ordering::Relaxed);
        })?;
        Ok(number)
    }

    /// All files, oldest first.
    pub(super) async fn all(&self) -> io::Result<Vec<Stored>> {
        let mut all = Vec::new();
        for number in self.numbers().await? {
            let path = self.file(number);
            let stored_at = fs::metadata(&path).await?.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
            all.push(Stored {
                number,
                stored_at_unix_ms: u64::try_from(stored_at.as_millis()).unwrap_or(u64::MAX),
                content: fs::read(&path).await?,
                file: path.display().to_string(),
            });
        }
        Ok(all)
    }

    async fn clear(&self) -> io::Result<()> {
        for number in self.numbers().await? {
            fs::remove_file(self.file(number)).await?;
            self.count.fetch_sub(1, Ordering::Relaxed);
        }
        Ok(())
    }

    fn file(&self, number: u64) -> PathBuf {
        self.path.join(format!("{number:08}.{}", self.extension))
    }

    async fn numbers(&self) -> io::Result<Vec<u64>> {
        let mut numbers = Vec::new();
        let mut entries = fs::read_dir(&self.path).await?;
        while let Some(entry) = entries.next_entry().await? {
            let path = entry.path();
            let is_ours = path.extension().is_some_and(|extension| extension == self.extension);
            let stem = path.file_stem().and_then(|stem| stem.to_str());
            numbers.extend(stem.filter(|_| is_ours).and_then(|stem| stem.parse::<u64>().ok()));
        }
        numbers.sort_unstable();
        Ok(numbers)
    }
}
