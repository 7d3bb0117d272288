//! Checking governance's signature. Verifying is pure, but needs the crypto library.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use neptune_contracts::admission::{Admission, Task};
use ring::{digest, signature};

/// Why an admission is not valid.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum InvalidAdmission {
    /// The input is not the one that was admitted.
    #[error("the task's input is not the one that was admitted")]
    OtherInput,
    /// The signature does not verify.
    #[error("the admission is not signed by governance")]
    Signature,
}

/// Checks that governance signed this admission for this task and this input.
///
/// # Errors
/// What does not fit.
pub fn verify(task: &Task, admission: &Admission, governance_key: &[u8]) -> Result<(), InvalidAdmission> {
    let input = serde_json::to_vec(&task.input).map_err(|_| InvalidAdmission::OtherInput)?;
    let sum = digest::digest(&digest::SHA256, &input);
    if BASE64_STANDARD.encode(sum.as_ref()) != admission.input_sha256 {
        return Err(InvalidAdmission::OtherInput);
    }
    let signed = admission.signed_bytes(task.id, &task.team);
    let given = BASE64_STANDARD.decode(&admission.signature).map_err(|_| InvalidAdmission::Signature)?;
    let key = signature::UnparsedPublicKey::new(&signature::ED25519, governance_key);
    key.verify(&signed, &given).map_err(|_| InvalidAdmission::Signature)
}
