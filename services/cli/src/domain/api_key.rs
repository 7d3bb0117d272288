//! API keys: `npt_<env>_<id>_<secret>_<crc>`.
//!
//! The id names the key in resources and logs; the secret is stored nowhere, only its HMAC under
//! the installation's pepper. The checksum lets junk be refused before anything is looked up.

use ring::hmac;
use std::fmt::Write as _;

const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const ID_DIGITS: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
const ID_LENGTH: usize = 12;
/// 43 digits to the base 62 hold 256 bits.
const SECRET_LENGTH: usize = 43;
const CHECKSUM_LENGTH: usize = 6;

/// What kind of installation a key is for; only a label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum KeyEnvironment {
    /// Real work.
    Live,
    /// Tests.
    Test,
}

/// A whole key, secret included. Its `Debug` shows the id only.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKey {
    text: String,
    id: String,
    secret: String,
}

/// Why a text is not a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyFault {
    /// The parts do not have their form.
    #[error("an API key is written npt_<live|test>_<12 characters>_<43 characters>_<6 characters>")]
    Malformed,
    /// The checksum is another.
    #[error("the API key's checksum does not fit; was it copied whole?")]
    Checksum,
}

impl KeyEnvironment {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Test => "test",
        }
    }
}

impl ApiKey {
    /// A new key. `pick(n)` returns a random number below `n`; every digit takes one.
    #[must_use]
    pub fn compose(environment: KeyEnvironment, pick: &mut dyn FnMut(usize) -> usize) -> Self {
        let id = digits(ID_DIGITS, ID_LENGTH, pick);
        let secret = digits(DIGITS, SECRET_LENGTH, pick);
        let body = format!("npt_{}_{id}_{secret}", environment.as_str());
        let text = format!("{body}_{}", checksum(&body));
        Self { text, id, secret }
    }

    /// Reads a key and checks its form and checksum.
    ///
    /// # Errors
    /// It has another form, or was mistyped.
    pub fn parse(text: &str) -> Result<Self, KeyFault> {
        let (body, crc) = text.rsplit_once('_').ok_or(KeyFault::Malformed)?;
        let parts: Vec<&str> = body.split('_').collect();
        let ["npt", "live" | "test", id, secret] = parts.as_slice() else { return Err(KeyFault::Malformed) };
        let of = |text: &str, alphabet: &[u8], length: usize| {
            text.len() == length && text.bytes().all(|byte| alphabet.contains(&byte))
        };
        if !of(id, ID_DIGITS, ID_LENGTH) || !of(secret, DIGITS, SECRET_LENGTH) || !of(crc, DIGITS, CHECKSUM_LENGTH) {
            return Err(KeyFault::Malformed);
        }
        if crc != checksum(body) {
            return Err(KeyFault::Checksum);
        }
        Ok(Self { text: text.to_owned(), id: (*id).to_owned(), secret: (*secret).to_owned() })
    }

    /// The key as its owner sends it. To be shown once and never logged.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.text
    }

    /// The name under which the key is stored.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What is stored of the secret: HMAC-SHA-256 under the pepper, hex.
    #[must_use]
    pub fn hash(&self, pepper: &str) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA256, pepper.as_bytes());
        let tag = hmac::sign(&key, self.secret.as_bytes());
        tag.as_ref().iter().fold(String::new(), |mut hex, byte| {
            // Writing to a string cannot fail.
            let _written = write!(hex, "{byte:02x}");
            hex
        })
    }
}

impl std::fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ApiKey({})", self.id)
    }
}

fn digits(alphabet: &[u8], length: usize, pick: &mut dyn FnMut(usize) -> usize) -> String {
    (0..length).filter_map(|_| alphabet.get(pick(alphabet.len())).map(|digit| char::from(*digit))).collect()
}

fn checksum(body: &str) -> String {
    let mut rest = crc32fast::hash(body.as_bytes()) as usize;
    let mut text = [b'0'; CHECKSUM_LENGTH];
    for place in text.iter_mut().rev() {
        *place = DIGITS.get(rest % DIGITS.len()).copied().unwrap_or(b'0');
        rest /= DIGITS.len();
    }
    text.iter().map(|digit| char::from(*digit)).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_format_is_fixed() {
        let key = ApiKey::compose(KeyEnvironment::Live, &mut |_| 1);
        let body = format!("npt_live_111111111111_{}", "1".repeat(43));
        assert_eq!(key.expose(), format!("{body}_{}", checksum(&body)));
        assert_eq!(checksum("123456789"), "3jZRME", "CRC-32 of the check string, 0xCBF43926, to the base 62");
        assert_eq!(checksum(""), "000000");
        assert_eq!(format!("{key:?}"), "ApiKey(111111111111)");
    }

    #[test]
    fn the_hash_is_hmac_sha_256() {
        let secret = "2".repeat(43);
        let key = ApiKey::compose(KeyEnvironment::Test, &mut |_| 2);
        let expected = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, b"pepper"), secret.as_bytes());
        let hex: String = expected.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(key.hash("pepper"), hex);
        assert_ne!(key.hash("pepper"), key.hash("salt"));
    }

    #[test]
    fn other_texts_are_refused() {
        for text in ["", "npt", "npt_live_a_b_c", "sk-1234", "npt_prod_111111111111_1_1"] {
            assert_eq!(ApiKey::parse(text), Err(KeyFault::Malformed), "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_composed_is_read(choices in proptest::collection::vec(0_usize..10_000, 55)) {
            let mut choices = choices.into_iter();
            let key = ApiKey::compose(KeyEnvironment::Live, &mut |below| choices.next().unwrap() % below);
            prop_assert_eq!(key.expose().len(), "npt_live_".len() + 12 + 1 + 43 + 1 + 6);
            prop_assert_eq!(ApiKey::parse(key.expose()).unwrap(), key);
        }

        #[test]
        fn one_wrong_character_is_noticed(place in 22_usize..65, digit in 0_usize..62) {
            let key = ApiKey::compose(KeyEnvironment::Live, &mut |below| below / 2);
            let mut bytes = key.expose().as_bytes().to_vec();
            prop_assume!(bytes[place] != DIGITS[digit]);
            bytes[place] = DIGITS[digit];
            prop_assert_eq!(ApiKey::parse(&String::from_utf8(bytes).unwrap()), Err(KeyFault::Checksum));
        }
    }
}
