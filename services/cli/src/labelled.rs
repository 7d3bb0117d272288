//! Files of labelled tasks and of prices.

use crate::{
    domain::labelled::{Prices, Row, parse},
    error::Error,
};
use flate2::read::MultiGzDecoder;
use std::{
    fs::File,
    io::{BufRead as _, BufReader, Read},
    path::{Path, PathBuf},
};

/// Reads labelled tasks, one JSON object a line; compressed when the name ends in `.gz`.
///
/// # Errors
/// The file cannot be read, or a line is not a labelled task.
pub fn rows(path: &Path, prices: &Prices) -> Result<Vec<Row>, Error> {
    let unreadable = |source| Error::File { action: "read", path: path.to_owned(), source };
    let mut rows = Vec::new();
    for (number, line) in (1_usize..).zip(BufReader::new(open(path)?).lines()) {
        let line = line.map_err(unreadable)?;
        if line.trim().is_empty() {
            continue;
        }
        let row =
            parse(&line, prices).map_err(|fault| Error::Input(format!("{}:{number}: {fault}", path.display())))?;
        rows.push(row);
    }
    Ok(rows)
}

/// Prices from `named`, else from a `prices.csv` beside one of `tasks`, else from the shared data of
/// the checkout (`NEPTUNE_SHARED`, `../shared` if not set); none when there is none.
///
/// # Errors
/// The named file, or the one found, cannot be read or is not a table of prices.
pub fn prices(named: Option<&Path>, tasks: &[&Path]) -> Result<Prices, Error> {
    let beside = tasks.iter().filter_map(|path| Some(path.parent()?.join("prices.csv")));
    let shared = std::env::var_os("NEPTUNE_SHARED").map_or_else(|| PathBuf::from("../shared"), PathBuf::from);
    let found = beside.chain([shared.join("data/routing/prices.csv")]).find(|path| path.is_file());
    let Some(path) = named.map(Path::to_owned).or(found) else { return Ok(Prices::default()) };
    let mut text = String::new();
    let read = open(&path)?.read_to_string(&mut text);
    read.map_err(|source| Error::File { action: "read", path: path.clone(), source })?;
    Prices::parse(&text).map_err(|fault| Error::Input(format!("{}: {fault}", path.display())))
}

fn open(path: &Path) -> Result<Box<dyn Read>, Error> {
    let file = File::open(path).map_err(|source| Error::File { action: "open", path: path.to_owned(), source })?;
    let is_compressed = path.extension().is_some_and(|extension| extension == "gz");
    Ok(if is_compressed { Box::new(MultiGzDecoder::new(file)) } else { Box::new(file) })
}
