//! How a mail is written and listed.

use std::collections::BTreeMap;

use serde::Serialize;

use super::store::Stored;
use crate::domain::smtp::Envelope;

/// A mail as `GET /mails` shows it.
#[derive(Serialize)]
pub(super) struct Mail {
    number: u64,
    file: String,
    received_at_unix_ms: u64,
    from: String,
    to: Vec<String>,
    subject: String,
    /// Lowercase names; lines that were folded are one again. Of a repeated header the first.
    headers: BTreeMap<String, String>,
    /// As it was sent: still in its transfer encoding.
    body: String,
}

/// The message with its envelope in front, as a final mail server writes it (RFC 5321, 4.4).
pub(super) fn eml(envelope: &Envelope, message: &[u8]) -> Vec<u8> {
    let mut content = format!("Return-Path: <{}>\r\n", envelope.from);
    for recipient in &envelope.to {
        content.push_str(&format!("Delivered-To: {recipient}\r\n"));
    }
    let mut content = content.into_bytes();
    content.extend_from_slice(message);
    content
}

impl Mail {
    pub(super) fn read(stored: Stored) -> Self {
        let text = String::from_utf8_lossy(&stored.content);
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        let unfolded = head.replace("\r\n ", " ").replace("\r\n\t", " ");
        let pairs: Vec<(String, String)> = unfolded
            .split("\r\n")
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_lowercase(), value.trim().to_owned()))
            .collect();
        let to = pairs.iter().filter(|(name, _)| name == "delivered-to").map(|(_, value)| value.clone()).collect();
        let mut headers = BTreeMap::new();
        for (name, value) in pairs {
            headers.entry(name).or_insert(value);
        }
        let header = |name: &str| headers.get(name).cloned().unwrap_or_default();
        Self {
            number: stored.number,
            file: stored.file,
            received_at_unix_ms: stored.stored_at_unix_ms,
            from: header("return-path").trim_matches(['<', '>']).to_owned(),
            to,
            subject: header("subject"),
            body: body.to_owned(),
            headers,
        }
    }
}
