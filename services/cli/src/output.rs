//! What the command says: results on standard output, progress on standard error. A closed pipe is
//! no error: the reader has seen enough.

use serde::Serialize;
use std::io::Write as _;

/// A result for people.
pub fn say(text: &str) {
    let _closed = writeln!(std::io::stdout().lock(), "{text}");
}

/// A result for machines: one JSON document.
pub fn say_json<T: Serialize>(value: &T) {
    if let Ok(text) = serde_json::to_string_pretty(value) {
        say(&text);
    }
}

/// One of many results for machines: one JSON document on a line of its own.
pub fn say_line<T: Serialize>(value: &T) {
    if let Ok(text) = serde_json::to_string(value) {
        say(&text);
    }
}

/// A result for whom it is for.
pub fn say_either<T: Serialize>(json: bool, value: &T, text: impl FnOnce(&T) -> String) {
    if json { say_json(value) } else { say(&text(value)) }
}

/// Progress.
pub fn note(text: &str) {
    let _closed = writeln!(std::io::stderr().lock(), "{text}");
}

/// A step of something longer.
pub fn step(text: &str) {
    note(&format!("==> {text}"));
}
