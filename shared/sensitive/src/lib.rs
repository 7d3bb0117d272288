//! Sensitive data: finds it in texts, and takes it out of values.
//!
//! **Purpose.** Governance redacts with it (`query.governance.redact`), and a workflow's rehearsal does the same without
//! a stack. What is found is what has a form (addresses, numbers with check digits, keys) or stands behind a word
//! that says what it is (`password: …`, `born on …`). Names of people and places have neither, and are not found.
//!
//! **Pure.** No files, no network, no clock, no chance: the same text gives the same findings. Values never leave but
//! in the result; nothing here logs.

mod checks;
mod find;
mod kind;
mod patterns;
mod redact;

pub use find::{Found, find};
pub use kind::{Kind, Policy};
pub use redact::{Finding, Redacted, redact};
