//! Labelled prompts from files: JSON lines, plain or gzip.

use flate2::read::MultiGzDecoder;
use neptune_contracts::names::TaskType;
use serde::Deserialize;
use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read},
    path::{Path, PathBuf},
};

/// Why prompts could not be read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file could not be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// A line is not what it should be.
    #[error("{}:{line} is no prompt; each line is a JSON object with at least `id` and `prompt`", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The cause.
        #[source]
        source: serde_json::Error,
    },
}

/// A prompt, with whatever is known of it.
#[derive(Clone, Debug, Deserialize)]
pub struct Row {
    /// Names the prompt.
    pub id: String,
    /// The data set it comes from.
    #[serde(default)]
    pub source: String,
    /// Who said what it asks for: `human`, `dataset`, `template`, `verb_rule`.
    #[serde(default)]
    pub label_source: String,
    /// Language, as `en`.
    #[serde(default)]
    pub lang: String,
    /// What it asks for, when labelled.
    #[serde(default)]
    pub task_type: Option<TaskType>,
    /// The text.
    pub prompt: String,
}

/// The rows of a file, as they come.
///
/// # Errors
/// The file cannot be opened. A line that is no prompt is an error in its place.
pub fn read(path: &Path) -> Result<impl Iterator<Item = Result<Row, Error>> + use<>, Error> {
    let failed = |source| Error::Read { path: path.to_owned(), source };
    let mut reader = BufReader::new(File::open(path).map_err(failed)?);
    let is_gzip = reader.fill_buf().map_err(failed)?.starts_with(&[0x1f, 0x8b]);
    let plain: Box<dyn Read> = if is_gzip { Box::new(MultiGzDecoder::new(reader)) } else { Box::new(reader) };
    let path = path.to_owned();
    let lines = BufReader::new(plain).lines().enumerate();
    Ok(lines.filter(|(_, line)| !matches!(line, Ok(line) if line.trim().is_empty())).map(move |(index, line)| {
        let line = line.map_err(|source| Error::Read { path: path.clone(), source })?;
        serde_json::from_str(&line).map_err(|source| Error::Line { path: path.clone(), line: index + 1, source })
    }))
}
