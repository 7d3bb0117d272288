//! Reading files of outcomes.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read};
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;

use crate::domain::outcomes::Outcomes;

/// Reads the rows of all `files`; those that end in `.gz` are compressed. The error is for people.
///
/// # Errors
/// Names the file, and the line that is no row.
pub(crate) fn read(files: &[PathBuf]) -> Result<Outcomes, String> {
    let mut outcomes = Outcomes::default();
    for file in files {
        add(&mut outcomes, file).map_err(|error| format!("{}: {error}", file.display()))?;
    }
    Ok(outcomes)
}

fn add(outcomes: &mut Outcomes, file: &Path) -> Result<(), String> {
    let opened = File::open(file).map_err(|error| format!("the file cannot be read: {error}"))?;
    let is_compressed = file.extension().is_some_and(|extension| extension == "gz");
    let content: Box<dyn Read> = if is_compressed { Box::new(GzDecoder::new(opened)) } else { Box::new(opened) };
    for (index, line) in BufReader::new(content).lines().enumerate() {
        let line = line.map_err(|error| format!("the file cannot be read: {error}"))?;
        if !line.trim().is_empty() {
            outcomes.add(&line).map_err(|error| format!("line {}: {error}", index + 1))?;
        }
    }
    Ok(())
}
