//! Checking that governance admitted what the plan asks for. Pure, but needs the crypto library.

use crate::domain::prompt::Prompt;
use base64::{Engine as _, prelude::BASE64_STANDARD};
use ed25519_dalek::{Signature, Verifier as _, VerifyingKey};
use neptune_contracts::{names::Zone, plan::TaskRouted};
use ring::digest;

/// Why an admission does not hold.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum InvalidAdmission {
    /// The input is not the one that was admitted.
    #[error("the task's input is not the one that was admitted")]
    OtherInput,
    /// The signature does not verify.
    #[error("the admission is not signed by governance")]
    Signature,
    /// The plan goes beyond what was admitted.
    #[error("the plan names {model} in zone {zone}, which governance did not admit")]
    NotAllowed {
        /// The model.
        model: String,
        /// Its zone.
        zone: Zone,
    },
}

/// Checks that governance signed the admission for this task and this input, and that every
/// attempt of the plan, its judge too, stays within it. Whether it has expired is checked before each attempt.
///
/// # Errors
/// What does not fit.
pub fn verify(routed: &TaskRouted, prompt: &Prompt, governance_key: &VerifyingKey) -> Result<(), InvalidAdmission> {
    let (task, admission) = (&routed.task, &routed.admission);
    let sum = digest::digest(&digest::SHA256, prompt.hashed());
    if BASE64_STANDARD.encode(sum.as_ref()) != admission.input_sha256 {
        return Err(InvalidAdmission::OtherInput);
    }
    let signed = admission.signed_bytes(task.id, &task.team);
    let given = BASE64_STANDARD.decode(&admission.signature).map_err(|_| InvalidAdmission::Signature)?;
    let given = Signature::from_slice(&given).map_err(|_| InvalidAdmission::Signature)?;
    governance_key.verify(&signed, &given).map_err(|_| InvalidAdmission::Signature)?;
    for planned in routed.plan.attempts.iter().chain(&routed.plan.judge) {
        if !admission.allowed_models.contains(&planned.model) || !admission.allowed_zones.contains(&planned.zone) {
            return Err(InvalidAdmission::NotAllowed { model: planned.model.clone(), zone: planned.zone });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::domain::samples;
    use ed25519_dalek::{Signer as _, SigningKey};
    use neptune_contracts::{chat::ChatRequest, names::DataClass};

    fn signed(routed: &mut TaskRouted) -> VerifyingKey {
        let key = SigningKey::from_bytes(&[7; 32]);
        let input = serde_json::to_vec(&routed.task.input).unwrap();
        routed.admission.input_sha256 = BASE64_STANDARD.encode(digest::digest(&digest::SHA256, &input).as_ref());
        let bytes = routed.admission.signed_bytes(routed.task.id, &routed.task.team);
        routed.admission.signature = BASE64_STANDARD.encode(key.sign(&bytes).to_bytes());
        key.verifying_key()
    }

    fn check(change: impl FnOnce(&mut TaskRouted), wanted: Result<(), InvalidAdmission>) {
        let mut routed = samples::routed();
        let key = signed(&mut routed);
        change(&mut routed);
        let prompt = Prompt::write(&routed.task.input).unwrap();
        assert_eq!(verify(&routed, &prompt, &key), wanted);
    }

    #[test]
    fn nothing_that_was_signed_can_be_changed() {
        let forged = || Err(InvalidAdmission::Signature);
        check(|_| {}, Ok(()));
        check(|routed| routed.task.input = ChatRequest::user("something else"), Err(InvalidAdmission::OtherInput));
        check(|routed| routed.admission.allowed_models.push("d".into()), forged());
        check(|routed| routed.admission.allowed_zones.push(Zone::Private), forged());
        check(|routed| routed.admission.max_cost_usd = None, forged());
        check(|routed| routed.admission.class = DataClass::Public, forged());
        check(|routed| routed.admission.expires_at = samples::start().plus_millis(1_000_000), forged());
        check(|routed| routed.task.team = "sales".parse().unwrap(), forged());
        check(|routed| routed.task.id = neptune_contracts::ids::TaskId::mint(), forged());
        check(|routed| routed.admission.signature = "junk".into(), forged());
    }

    #[test]
    fn a_plan_stays_within_its_admission() {
        let beyond = |model: &str, zone| Err(InvalidAdmission::NotAllowed { model: model.into(), zone });
        check(|routed| routed.plan.attempts[1].model = "d".into(), beyond("d", Zone::External));
        check(|routed| routed.plan.attempts[2].zone = Zone::Private, beyond("c", Zone::Private));
    }
}
