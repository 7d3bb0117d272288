//! Our own prompts: lines with slots, written by hand, and their expansion.
//!
//! A file `<task type>.<anything>.txt` holds one prompt a line; `\n` stands for a line break, `#`
//! begins a comment. `{{name}}` is filled from the list `slots/<name>.txt`, `{{one|other|}}` with
//! one of the alternatives; a filling may hold slots itself.

use crate::random::Random;
use neptune_contracts::names::TaskType;
use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

/// Slots inside slots inside slots.
const DEEPEST: usize = 6;

/// Why the prompts are not usable.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file or folder could not be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// A file is not named for a task type.
    #[error("{} is not named for a task type: {expected}; name it <task type>.<anything>.txt", path.display())]
    Name {
        /// The file.
        path: PathBuf,
        /// The known ones.
        expected: String,
    },
    /// A prompt uses a slot without a list, or slots that hold each other.
    #[error("{place}: slot {{{{{slot}}}}} has no list; add slots/{slot}.txt, at most {DEEPEST} slots deep")]
    Slot {
        /// File and line.
        place: String,
        /// The slot.
        slot: String,
    },
}

/// A prompt as written, with its slots.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seed {
    /// File and line, for messages and for the expansion's chance.
    pub place: String,
    /// What it asks for.
    pub task_type: TaskType,
    /// The text.
    pub text: String,
}

/// Every prompt of a folder, and the lists its slots are filled from.
#[derive(Clone, Debug, Default)]
pub struct Prompts {
    /// In order of file name and line.
    pub seeds: Vec<Seed>,
    slots: BTreeMap<String, Vec<String>>,
}

impl Prompts {
    /// Reads a folder.
    ///
    /// # Errors
    /// A file cannot be read, is not named for a task type, or names a slot that has no list.
    pub fn read(folder: &Path) -> Result<Self, Error> {
        let mut prompts = Self::default();
        for path in text_files(&folder.join("slots"))? {
            let name = stem(&path).to_owned();
            prompts.slots.insert(name, lines(&path)?.into_iter().map(|(_, line)| line).collect());
        }
        for path in text_files(folder)? {
            let name = stem(&path).split('.').next().unwrap_or_default();
            let task_type = name.parse().map_err(|expected| Error::Name { path: path.clone(), expected })?;
            for (number, text) in lines(&path)? {
                let place = format!("{}:{number}", path.file_name().unwrap_or_default().to_string_lossy());
                prompts.seeds.push(Seed { place, task_type, text });
            }
        }
        for seed in &prompts.seeds {
            prompts.expand(seed, 0)?;
        }
        Ok(prompts)
    }

    /// Adds fillings to a slot.
    pub fn extend_slot(&mut self, name: &str, fillings: impl IntoIterator<Item = String>) {
        self.slots.entry(name.to_owned()).or_default().extend(fillings);
    }

    /// The `variant`th filling of a prompt; the same every time.
    ///
    /// # Errors
    /// A slot has no list.
    pub fn expand(&self, seed: &Seed, variant: u64) -> Result<String, Error> {
        let mut chance = Random::of(&seed.text, variant);
        self.fill(&seed.text, &mut chance, DEEPEST).map_err(|slot| Error::Slot { place: seed.place.clone(), slot })
    }

    fn fill(&self, text: &str, chance: &mut Random, depth: usize) -> Result<String, String> {
        let mut filled = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, slot, after)) = next_slot(rest) {
            filled.push_str(before);
            let choice = if is_choice(slot) {
                let alternatives = alternatives(slot);
                chance.choose(&alternatives).copied().unwrap_or_default()
            } else {
                let list = self.slots.get(slot).filter(|_| depth > 0).ok_or_else(|| slot.to_owned())?;
                chance.choose(list).map(String::as_str).ok_or_else(|| slot.to_owned())?
            };
            if choice.contains("{{") {
                filled.push_str(&self.fill(choice, chance, depth.saturating_sub(1))?);
            } else {
                filled.push_str(choice);
            }
            rest = after;
        }
        filled.push_str(rest);
        Ok(filled)
    }
}

/// Whether a prompt has more than one filling.
#[must_use]
pub fn has_slots(text: &str) -> bool {
    next_slot(text).is_some()
}

/// Text before the next slot, the slot, and the text behind it. Slots may hold slots.
fn next_slot(text: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = text.split_once("{{")?;
    let (mut depth, mut from) = (1_usize, 0);
    loop {
        let marks = rest.get(from..)?;
        let (open, close) = (marks.find("{{"), marks.find("}}")?);
        match open.filter(|open| *open < close) {
            Some(open) => (depth, from) = (depth + 1, from + open + 2),
            None if depth == 1 => return Some((before, rest.get(..from + close)?, rest.get(from + close + 2..)?)),
            None => (depth, from) = (depth - 1, from + close + 2),
        }
    }
}

/// The alternatives of a slot; bars inside inner slots do not part them.
fn alternatives(slot: &str) -> Vec<&str> {
    let (mut depth, mut from, mut parts) = (0_usize, 0, Vec::new());
    for (place, _) in slot.match_indices(['{', '}', '|']) {
        match slot.as_bytes().get(place) {
            Some(b'{') => depth += 1,
            Some(b'}') => depth = depth.saturating_sub(1),
            _ if depth == 0 => {
                parts.extend(slot.get(from..place));
                from = place + 1;
            }
            _ => {}
        }
    }
    parts.extend(slot.get(from..));
    parts
}

fn is_choice(slot: &str) -> bool {
    slot.contains('|')
}

fn stem(path: &Path) -> &str {
    path.file_stem().and_then(|name| name.to_str()).unwrap_or_default()
}

fn text_files(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let read = |source| Error::Read { path: folder.to_owned(), source };
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(read)? {
        let path = entry.map_err(read)?.path();
        if path.extension().is_some_and(|extension| extension == "txt") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// Numbered lines that hold something.
fn lines(path: &Path) -> Result<Vec<(usize, String)>, Error> {
    let text = fs::read_to_string(path).map_err(|source| Error::Read { path: path.to_owned(), source })?;
    let numbered = text.lines().enumerate().map(|(index, line)| (index + 1, line));
    Ok(numbered
        .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
        .map(|(number, line)| (number, line.replace("\\s", " ").replace("\\n", "\n").replace("\\t", "\t")))
        .collect())
}
