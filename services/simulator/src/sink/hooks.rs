//! How a webhook is written and listed.

use std::collections::BTreeMap;

use axum::http::HeaderMap;
use serde::{Deserialize, Serialize};

/// A webhook, in its file and as `GET /hooks` shows it.
#[derive(Serialize, Deserialize)]
pub(super) struct Hook {
    pub(super) number: u64,
    pub(super) name: String,
    pub(super) received_at_unix_ms: u64,
    /// What it was answered.
    pub(super) status: u16,
    /// Lowercase names; values of a repeated header are joined by commas.
    pub(super) headers: BTreeMap<String, String>,
    /// Byte for byte when it is text, so that signatures can be checked.
    pub(super) body: String,
}

pub(super) fn headers(headers: &HeaderMap) -> BTreeMap<String, String> {
    let mut joined: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in headers {
        let value = String::from_utf8_lossy(value.as_bytes());
        let before = joined.entry(name.as_str().to_owned()).or_default();
        if !before.is_empty() {
            before.push_str(", ");
        }
        before.push_str(&value);
    }
    joined
}
