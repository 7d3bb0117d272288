//! Google's errors: a status in words, and details of which one says how long to wait.

use crate::domain::{
    failure::Failure,
    wire::{
        Refusal,
        reading::{list, refused, text},
    },
};
use serde_json::Value;

pub(super) fn read(refusal: &Refusal<'_>) -> Failure {
    let body: Value = serde_json::from_slice(refusal.body).unwrap_or_default();
    // Some errors come as a list of one.
    let error = body.get("error").or_else(|| body.pointer("/0/error")).unwrap_or(&Value::Null);
    let details = list(error, "/details");
    let wait_ms = || of_type(details, "RetryInfo").find_map(|detail| wait_ms(text(detail, "/retryDelay")));
    let daily = of_type(details, "QuotaFailure")
        .flat_map(|detail| list(detail, "/violations"))
        .any(|violation| text(violation, "/quotaId").contains("PerDay"));
    let (status, message) = (text(error, "/status"), text(error, "/message"));
    let too_long = message.contains("input token count") && message.contains("exceeds");
    let code = match (refusal.status, status) {
        (429, _) if daily => "insufficient_quota",
        (400, _) if too_long => "context_length_exceeded",
        _ => status,
    };
    refused(refusal.status, code, message, refusal.retry_after_ms.or_else(wait_ms))
}

fn of_type<'d>(details: &'d [Value], kind: &'static str) -> impl Iterator<Item = &'d Value> {
    details.iter().filter(move |detail| text(detail, "/@type").ends_with(kind))
}

/// The milliseconds of a duration as Google writes it: `34.07s`.
fn wait_ms(duration: &str) -> Option<u64> {
    let seconds: f64 = duration.strip_suffix('s')?.parse().ok()?;
    let wait = std::time::Duration::try_from_secs_f64(seconds).ok()?;
    u64::try_from(wait.as_micros().div_ceil(1_000)).ok()
}
