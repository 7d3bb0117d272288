//! Standard Webhooks: what is signed, and with what.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use neptune_contracts::{Timestamp, delivery::Delivery};
use ring::hmac;
use serde::Serialize;
use serde_json::Value;

/// Secrets shorter than this are guessable, longer ones are not of the standard.
const SECRET_BYTES: std::ops::RangeInclusive<usize> = 24..=64;

/// Why a secret cannot sign. Says nothing of its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the signing secret is not `whsec_` and the base64 of 24 to 64 bytes")]
pub struct BadSecret;

/// The secrets of a channel: one, or old and new ones while they are exchanged.
pub struct Secrets(Vec<hmac::Key>);

impl Secrets {
    /// Reads secrets separated by spaces.
    ///
    /// # Errors
    /// One of them is malformed, or there is none.
    pub fn read(text: &str) -> Result<Self, BadSecret> {
        let keys = text.split_whitespace().map(key).collect::<Result<Vec<_>, _>>()?;
        if keys.is_empty() { Err(BadSecret) } else { Ok(Self(keys)) }
    }

    /// The header `webhook-signature`: one signature per secret, separated by spaces.
    #[must_use]
    pub fn sign(&self, id: &str, unix_seconds: i64, body: &[u8]) -> String {
        let head = format!("{id}.{unix_seconds}.");
        let signatures = self.0.iter().map(|key| {
            let mut context = hmac::Context::with_key(key);
            context.update(head.as_bytes());
            context.update(body);
            format!("v1,{}", BASE64_STANDARD.encode(context.sign()))
        });
        signatures.collect::<Vec<_>>().join(" ")
    }
}

fn key(text: &str) -> Result<hmac::Key, BadSecret> {
    let encoded = text.strip_prefix("whsec_").unwrap_or(text);
    let bytes = BASE64_STANDARD.decode(encoded).map_err(|_| BadSecret)?;
    if SECRET_BYTES.contains(&bytes.len()) { Ok(hmac::Key::new(hmac::HMAC_SHA256, &bytes)) } else { Err(BadSecret) }
}

#[derive(Serialize)]
struct Body<'a> {
    r#type: &'a str,
    timestamp: Timestamp,
    data: &'a Value,
}

/// The body of a webhook: the same bytes in every try.
///
/// # Errors
/// Never for JSON data.
pub fn body(delivery: &Delivery) -> Result<Vec<u8>, serde_json::Error> {
    let (event, data) = (&delivery.content.event, &delivery.content.data);
    serde_json::to_vec(&Body { r#type: event, timestamp: delivery.requested_at, data })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_standards_own_vectors_are_met() {
        let first = Secrets::read("whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD").unwrap();
        let body = br#"{"email":"test@example.com","username":"test_user"}"#;
        let signed = first.sign("msg_27UH4WbU6Z5A5EzD8u03UvzRbpk", 1_649_367_553, body);
        assert_eq!(signed, "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=");
        let second = Secrets::read("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let signed = second.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, br#"{"test": 2432232314}"#);
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn two_secrets_make_two_signatures() {
        let both = Secrets::read("whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD  MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let signed = both.sign("id", 1, b"{}");
        assert_eq!(signed.split(' ').count(), 2);
        assert!(signed.split(' ').all(|signature| signature.starts_with("v1,")));
    }

    #[test]
    fn secrets_that_are_none_are_refused() {
        for text in ["", "  ", "whsec_", "whsec_short", "whsec_AAAA", "whsec_!!!!"] {
            assert!(Secrets::read(text).is_err(), "{text:?}");
        }
    }
}
