//! Taking sensitive data out of a value.

use super::Query;
use crate::names::{DataClass, Service, Team};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The largest value, in bytes of JSON.
pub const REDACT_BYTES: usize = 512 << 10;

/// A value that sensitive data is to be taken out of.
#[derive(Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RedactQuery {
    /// Whose it is.
    pub team: Team,
    /// The value, at most 512 KiB of JSON.
    pub value: Value,
    /// What is taken out: `pii`, `secrets` or `all` (also called `pii-strict`), which is the default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
}

/// The value without it.
#[derive(Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RedactReply {
    /// The value; in place of what was taken out stands its kind with a number, such as `[EMAIL_1]`.
    pub value: Value,
    /// What was found.
    pub findings: Vec<Redaction>,
    /// How sensitive the value is now at least.
    pub class: DataClass,
    /// How sensitive it was found to be before.
    pub found_class: DataClass,
}

/// A kind of sensitive data that was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Redaction {
    /// For example `EMAIL` or `API_KEY`.
    pub kind: String,
    /// How often.
    pub count: u32,
    /// How sensitive it is.
    pub class: DataClass,
    /// Whether it was taken out.
    pub taken_out: bool,
}

impl Query for RedactQuery {
    const SUBJECT: &'static str = "query.governance.redact";
    const SERVICE: Service = Service::Governance;
    type Reply = RedactReply;
}
