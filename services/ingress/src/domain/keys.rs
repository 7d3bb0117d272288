//! API keys: `npt_<env>_<id>_<secret>_<checksum>`.
//!
//! The checksum refuses junk before anything is looked up; the secret is compared as an HMAC under
//! the installation's pepper, in constant time.

use neptune_contracts::{
    Timestamp,
    names::Team,
    resource::{KeyRole, Resources},
};
use ring::hmac;

/// Digits of the checksum.
const CHECKSUM_DIGITS: usize = 6;
const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Checks API keys.
pub struct Keys {
    pepper: hmac::Key,
}

/// Who a key speaks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The key's id.
    pub key: String,
    /// The team.
    pub team: Team,
    /// What the key is for.
    pub role: KeyRole,
}

/// Why a key is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// There is none.
    #[error("no API key given; send it as `Authorization: Bearer npt_…`")]
    Missing,
    /// It is no key, or not one of this installation.
    #[error("the API key is not valid; check that it was copied whole")]
    Invalid,
    /// It was switched off.
    #[error("the API key is disabled; use another one")]
    Disabled,
    /// Its time is over.
    #[error("the API key has expired; use another one")]
    Expired,
}

impl Keys {
    /// Checks under `pepper`.
    #[must_use]
    pub fn new(pepper: &str) -> Self {
        Self { pepper: hmac::Key::new(hmac::HMAC_SHA256, pepper.as_bytes()) }
    }

    /// Who the `Authorization` header speaks for.
    ///
    /// # Errors
    /// Why nobody.
    pub fn caller(&self, authorization: Option<&str>, resources: &Resources, now: Timestamp) -> Result<Caller, KeyError> {
        let header = authorization.ok_or(KeyError::Missing)?;
        let (scheme, key) = header.split_once(' ').ok_or(KeyError::Invalid)?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err(KeyError::Missing);
        }
        let (id, secret) = split(key.trim()).ok_or(KeyError::Invalid)?;
        let spec = resources.keys.get(id).ok_or(KeyError::Invalid)?;
        let stored = unhex(&spec.hash).ok_or(KeyError::Invalid)?;
        hmac::verify(&self.pepper, secret.as_bytes(), &stored).map_err(|_| KeyError::Invalid)?;
        if spec.disabled {
            return Err(KeyError::Disabled);
        }
        if spec.expires_at.is_some_and(|expiry| expiry <= now) {
            return Err(KeyError::Expired);
        }
        Ok(Caller { key: id.into(), team: spec.team.clone(), role: spec.role })
    }
}

/// The id and the secret of a key whose form and checksum are right.
fn split(key: &str) -> Option<(&str, &str)> {
    if key.len() > 200 || !key.is_ascii() {
        return None;
    }
    let (signed, checksum) = key.rsplit_once('_')?;
    if checksum != self::checksum(signed) {
        return None;
    }
    let mut parts = signed.splitn(4, '_');
    let (prefix, _environment, id, secret) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    (prefix == "npt" && !secret.is_empty()).then_some((id, secret))
}

/// CRC-32 as six base-62 digits.
fn checksum(signed: &str) -> String {
    let mut rest = crc32fast::hash(signed.as_bytes());
    let mut digits = Vec::with_capacity(CHECKSUM_DIGITS);
    for _ in 0..CHECKSUM_DIGITS {
        digits.push(BASE62.get((rest % 62) as usize).copied().unwrap_or(b'0'));
        rest /= 62;
    }
    digits.reverse();
    String::from_utf8(digits).unwrap_or_default()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    if !text.is_ascii() || !text.len().is_multiple_of(2) {
        return None;
    }
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(text.get(at..at + 2)?, 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::json;

    fn key(secret: &str) -> String {
        let signed = format!("npt_test_abc123abc123_{secret}");
        format!("{signed}_{}", checksum(&signed))
    }

    fn resources(extra: serde_json::Value) -> Resources {
        let pepper = hmac::Key::new(hmac::HMAC_SHA256, b"pepper");
        let hash: String = hmac::sign(&pepper, b"s3cret").as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        let mut spec = json!({"team": "support", "hash": hash});
        spec.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        let mut resources = Resources::default();
        resources.insert("Key", "abc123abc123", spec).unwrap();
        resources
    }

    fn check(header: Option<&str>, extra: serde_json::Value, wanted: Result<&str, KeyError>) {
        let now = Timestamp::from_unix_micros(1_700_000_000_000_000).unwrap();
        let found = Keys::new("pepper").caller(header, &resources(extra), now);
        assert_eq!(found.as_ref().map(|caller| caller.team.as_str()).map_err(|error| *error), wanted, "{header:?}");
    }

    #[test]
    fn keys_are_accepted_or_refused_with_the_reason() {
        let good = format!("Bearer {}", key("s3cret"));
        check(Some(&good), json!({}), Ok("support"));
        check(Some(&good.replace("Bearer", "bearer")), json!({}), Ok("support"));
        check(None, json!({}), Err(KeyError::Missing));
        check(Some("Basic abc"), json!({}), Err(KeyError::Missing));
        check(Some(&format!("Bearer {}", key("other"))), json!({}), Err(KeyError::Invalid));
        check(Some(&good[..good.len() - 1]), json!({}), Err(KeyError::Invalid));
        check(Some("Bearer npt_é"), json!({}), Err(KeyError::Invalid));
        check(Some(&good), json!({"disabled": true}), Err(KeyError::Disabled));
        check(Some(&good), json!({"expiresAt": "2020-01-01T00:00:00Z"}), Err(KeyError::Expired));
    }
}
