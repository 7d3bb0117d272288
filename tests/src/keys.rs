//! API keys for tests, made the way the command line makes them.

use ring::hmac;

/// The pepper of test stacks.
pub const PEPPER: &str = "pepper-of-tests";

/// A key and the hash that its resource holds.
pub struct TestKey {
    /// The resource's name.
    pub id: String,
    /// What a caller sends.
    pub key: String,
    /// What the resource holds.
    pub hash: String,
}

/// The key `id` with a fixed secret.
#[must_use]
pub fn key(id: &str) -> TestKey {
    let secret = "s".repeat(43);
    let signed = format!("npt_test_{id}_{secret}");
    let key = format!("{signed}_{}", base62(crc32fast::hash(signed.as_bytes())));
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, PEPPER.as_bytes()), secret.as_bytes());
    let hash = tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    TestKey { id: id.into(), key, hash }
}

fn base62(mut number: u32) -> String {
    let digits = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut text = Vec::new();
    for _ in 0..6 {
        text.push(digits[(number % 62) as usize]);
        number /= 62;
    }
    text.reverse();
    String::from_utf8(text).unwrap()
}
