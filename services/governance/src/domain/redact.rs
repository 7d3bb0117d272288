//! What is sensitive about a value, and the value without it.

use neptune_contracts::{
    names::DataClass,
    query::{
        QueryError,
        redact::{REDACT_BYTES, RedactQuery, RedactReply, Redaction},
    },
};
use neptune_sensitive::{Finding, Kind, Policy, redact};

/// Takes sensitive data out of a value of a team whose data is at least of class `floor`.
///
/// # Errors
/// The policy is not known, or the value is too large.
pub fn answer(query: &RedactQuery, floor: DataClass) -> Result<RedactReply, QueryError> {
    let refused = |message: String| QueryError { code: "invalid_request".into(), message };
    let name = query.policy.as_deref().unwrap_or("all");
    let policy =
        Policy::named(name).ok_or_else(|| refused(format!("there is no policy {name:?}; use all, pii or secrets")))?;
    let size_bytes = query.value.to_string().len();
    if size_bytes > REDACT_BYTES {
        let text =
            format!("the value has {size_bytes} bytes, the limit is {REDACT_BYTES}; redact its parts one by one");
        return Err(refused(text));
    }
    let redacted = redact(&query.value, policy);
    let findings: Vec<Redaction> = redacted.findings.iter().map(redaction).collect();
    let left = findings.iter().filter(|finding| !finding.taken_out).map(|finding| finding.class).max();
    let found = findings.iter().map(|finding| finding.class).max();
    Ok(RedactReply {
        value: redacted.value,
        class: left.map_or(floor, |left| left.max(floor)),
        found_class: found.map_or(floor, |found| found.max(floor)),
        findings,
    })
}

fn redaction(finding: &Finding) -> Redaction {
    let Finding { kind, count, is_taken } = *finding;
    Redaction { kind: kind.as_str().to_owned(), count, class: class(kind), taken_out: is_taken }
}

/// How sensitive data of a kind is: restricted where somebody can act as another or pay with it, or the law sets it
/// apart; else confidential.
fn class(kind: Kind) -> DataClass {
    match kind {
        Kind::CreditCard | Kind::Iban | Kind::UsSsn | Kind::Passport | Kind::DriverId | Kind::MedicalRecord => {
            DataClass::Restricted
        }
        _ if kind.is_secret() => DataClass::Restricted,
        _ => DataClass::Confidential,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::{Value, json};

    fn ask(value: Value, policy: Option<&str>) -> Result<RedactReply, QueryError> {
        let policy = policy.map(str::to_owned);
        answer(&RedactQuery { team: "support".parse().unwrap(), value, policy }, DataClass::Internal)
    }

    #[test]
    fn what_is_taken_out_lowers_the_class_and_what_is_left_does_not() {
        let value = json!({"text": "ada@example.org pays with 4111 1111 1111 1111"});
        let all = ask(value.clone(), None).unwrap();
        assert_eq!(all.value, json!({"text": "[EMAIL_1] pays with [CREDIT_CARD_1]"}));
        assert_eq!((all.class, all.found_class), (DataClass::Internal, DataClass::Restricted));
        let some = ask(value, Some("secrets")).unwrap();
        assert_eq!((some.class, some.found_class), (DataClass::Restricted, DataClass::Restricted));
        let none = ask(json!("nothing here"), Some("pii")).unwrap();
        assert_eq!((none.class, none.found_class, none.findings.len()), (DataClass::Internal, DataClass::Internal, 0));
    }

    #[test]
    fn what_cannot_be_done_says_why() {
        assert!(ask(json!(""), Some("pi")).err().unwrap().message.contains("use all, pii or secrets"));
        let large = json!("x".repeat(REDACT_BYTES));
        assert!(ask(large, None).err().unwrap().message.contains("the limit is"));
    }
}
