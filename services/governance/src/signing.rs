//! Signing admissions, so that nobody downstream can widen them.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use ed25519_dalek::{Signer as _, SigningKey, VerifyingKey};
use neptune_contracts::admission::{Admission, Task};
use ring::digest;

/// Signs admissions.
pub struct Signer {
    key: SigningKey,
    id: String,
}

/// The seed is not the base64 of 32 bytes.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("not the base64 of 32 bytes")]
pub struct BadSeed;

impl Signer {
    /// From the base64 of a 32-byte seed.
    ///
    /// # Errors
    /// It is something else.
    pub fn from_seed(seed: &str) -> Result<Self, BadSeed> {
        let seed = BASE64_STANDARD.decode(seed).map_err(|_| BadSeed)?;
        let key = SigningKey::from_bytes(&seed.try_into().map_err(|_| BadSeed)?);
        let id: String = BASE64_STANDARD.encode(key.verifying_key().as_bytes()).chars().take(8).collect();
        Ok(Self { key, id })
    }

    /// The public key, 32 bytes.
    #[must_use]
    pub fn public_key(&self) -> VerifyingKey {
        self.key.verifying_key()
    }

    /// Fills in the sums of the input and of the terms, the key's id and the signature.
    ///
    /// # Errors
    /// The input cannot be written as JSON.
    pub fn sign(&self, task: &Task, admission: &mut Admission) -> Result<(), serde_json::Error> {
        let sum = digest::digest(&digest::SHA256, &serde_json::to_vec(&task.input)?);
        admission.input_sha256 = BASE64_STANDARD.encode(sum.as_ref());
        admission.terms_sha256 = task.terms_sha256();
        admission.signed_by.clone_from(&self.id);
        let signature = self.key.sign(&admission.signed_bytes(task.id, &task.team));
        admission.signature = BASE64_STANDARD.encode(signature.to_bytes());
        Ok(())
    }
}
