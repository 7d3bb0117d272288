//! API keys: `npt_<env>_<id>_<secret>_<checksum>`.
//!
//! The checksum refuses junk before anything is looked up; the secret is compared as an HMAC under
//! the installation's pepper, in constant time.

use neptune_contracts::{
    Timestamp,
    ids::TaskId,
    names::Team,
    resource::{KeyRole, Resources},
};
use ring::hmac;
use uuid::Uuid;

/// Characters of a key's id.
const ID_LENGTH: usize = 12;
/// Digits of the secret.
const SECRET_LENGTH: usize = 43;
/// Digits of the checksum.
const CHECKSUM_LENGTH: usize = 6;
const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Checks API keys, and derives what must not be guessed by who does not know the pepper.
pub struct Keys {
    pepper: hmac::Key,
    repeats: Uuid,
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
        let pepper = hmac::Key::new(hmac::HMAC_SHA256, pepper.as_bytes());
        let tag = hmac::sign(&pepper, b"task ids of idempotency keys");
        let repeats = tag.as_ref().first_chunk().map_or(Uuid::nil(), |bytes| Uuid::from_bytes(*bytes));
        Self { pepper, repeats }
    }

    /// The task that an `Idempotency-Key` of a team stands for; another one each `round`. The
    /// broker recognises repeats by this id across teams, so nobody else may be able to guess it.
    #[must_use]
    pub fn task_id(&self, team: &Team, idempotency_key: &str, round: u32) -> TaskId {
        TaskId::derive(self.repeats, &format!("{team}/{round}/{idempotency_key}"))
    }

    /// Who the `Authorization` header speaks for.
    ///
    /// # Errors
    /// Why nobody.
    pub fn caller(
        &self,
        authorization: Option<&str>,
        resources: &Resources,
        now: Timestamp,
    ) -> Result<Caller, KeyError> {
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
    let (signed, checksum) = key.rsplit_once('_')?;
    let mut parts = signed.split('_');
    let (prefix, environment, id, secret) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let is_id = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let well_formed = parts.next().is_none()
        && prefix == "npt"
        && matches!(environment, "live" | "test")
        && id.len() == ID_LENGTH
        && id.bytes().all(is_id)
        && secret.len() == SECRET_LENGTH
        && secret.bytes().all(|byte| byte.is_ascii_alphanumeric());
    (well_formed && checksum == self::checksum(signed)).then_some((id, secret))
}

/// CRC-32 as six base-62 digits.
fn checksum(signed: &str) -> String {
    let mut rest = crc32fast::hash(signed.as_bytes());
    let mut digits = Vec::with_capacity(CHECKSUM_LENGTH);
    for _ in 0..CHECKSUM_LENGTH {
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

    const SECRET: &str = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFG";

    fn signed(body: &str) -> String {
        format!("Bearer {body}_{}", checksum(body))
    }

    fn resources(extra: serde_json::Value) -> Resources {
        let pepper = hmac::Key::new(hmac::HMAC_SHA256, b"pepper");
        let hash: String =
            hmac::sign(&pepper, SECRET.as_bytes()).as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        let mut spec = json!({"team": "support", "hash": hash});
        spec.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        let mut resources = Resources::default();
        resources.insert("Key", "abc123abc123", spec).unwrap();
        resources
    }

    fn check(header: Option<&str>, extra: serde_json::Value, wanted: Result<&str, KeyError>) {
        let now = Timestamp::from_unix_micros(1_700_000_000_000_000).unwrap();
        let found = Keys::new("pepper").caller(header, &resources(extra), now);
        let found = found.as_ref().map(|caller| caller.team.as_str()).map_err(|error| *error);
        assert_eq!(found, wanted, "{header:?}");
    }

    #[test]
    fn keys_are_accepted_or_refused_with_the_reason() {
        let good = signed(&format!("npt_test_abc123abc123_{SECRET}"));
        check(Some(&good), json!({}), Ok("support"));
        check(Some(&good.replace("Bearer", "bearer")), json!({}), Ok("support"));
        check(None, json!({}), Err(KeyError::Missing));
        check(Some("Basic abc"), json!({}), Err(KeyError::Missing));
        check(Some(&good), json!({"disabled": true}), Err(KeyError::Disabled));
        check(Some(&good), json!({"expiresAt": "2020-01-01T00:00:00Z"}), Err(KeyError::Expired));
        check(Some(&good), json!({"hash": "zz"}), Err(KeyError::Invalid));
    }

    #[test]
    fn what_is_no_key_of_ours_is_refused() {
        let other_secret = SECRET.replace('0', "9");
        for header in [
            signed(&format!("npt_test_abc123abc123_{other_secret}")),
            signed(&format!("npt_test_unknown00000_{SECRET}")),
            signed(&format!("npt_prod_abc123abc123_{SECRET}")),
            signed("npt_test_abc123abc123_short"),
            signed(&format!("npt_test_abc123abc123_{SECRET}_x")),
            format!("Bearer npt_test_abc123abc123_{SECRET}_000000"),
            "Bearer npt_é".to_owned(),
            "Bearer".to_owned(),
            "Bearer ".to_owned(),
        ] {
            check(Some(&header), json!({}), Err(KeyError::Invalid));
        }
    }

    #[test]
    fn the_checksum_is_crc_32_in_base_62() {
        assert_eq!(
            checksum("123456789"),
            "3jZRME",
            "of the check value 0xCBF43926; the command line's test says the same"
        );
    }

    #[test]
    fn an_idempotency_key_is_one_task_per_team_and_installation() {
        let keys = Keys::new("pepper");
        let (support, sales): (Team, Team) = ("support".parse().unwrap(), "sales".parse().unwrap());
        let id = keys.task_id(&support, "order-7", 0);
        assert_eq!(id, Keys::new("pepper").task_id(&support, "order-7", 0));
        for other in [
            keys.task_id(&sales, "order-7", 0),
            keys.task_id(&support, "order-8", 0),
            keys.task_id(&support, "order-7", 1),
            Keys::new("salt").task_id(&support, "order-7", 0),
        ] {
            assert_ne!(id, other);
        }
    }
}
