//! Standard Webhooks 1.0: what is signed, and how.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use ring::hmac;

/// The secret is not `whsec_` and base64, or base64 alone.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("the webhook secret is not `whsec_` followed by base64")]
pub struct BadSecret;

/// The `webhook-signature` header for a body.
///
/// # Errors
/// The secret is malformed.
pub fn sign(secret: &str, id: &str, timestamp: i64, body: &[u8]) -> Result<String, BadSecret> {
    let encoded = secret.strip_prefix("whsec_").unwrap_or(secret);
    let secret = BASE64_STANDARD.decode(encoded).map_err(|_| BadSecret)?;
    let mut signing = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, &secret));
    signing.update(format!("{id}.{timestamp}.").as_bytes());
    signing.update(body);
    Ok(format!("v1,{}", BASE64_STANDARD.encode(signing.sign().as_ref())))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_published_vectors_hold() {
        let body = br#"{"email":"test@example.com","username":"test_user"}"#;
        let signed = sign("whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD", "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk", 1_649_367_553, body).unwrap();
        assert_eq!(signed, "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=");
        let signed = sign("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, br#"{"test": 2432232314}"#).unwrap();
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
        assert_eq!(sign("whsec_!", "a", 0, b""), Err(BadSecret));
    }
}
