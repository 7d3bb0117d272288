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
    /// What may be called for the task, who pays and who gets the result is not what was admitted.
    #[error("the task's origin, key, constraints, output, deliveries or step are not the ones that were admitted")]
    OtherTerms,
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

/// Checks that governance signed the admission for this task, its input and its terms, and that every
/// attempt of the plan, its judge too, stays within it. Whether it has expired is checked before each attempt.
///
/// An admission without a sum of the terms holds where it is signed in the form of before: it is of a governance that did
/// not sign them yet. Nobody else can take the sum out, because the form that is signed says whether there is one.
///
/// # Errors
/// What does not fit.
pub fn verify(routed: &TaskRouted, prompt: &Prompt, governance_key: &VerifyingKey) -> Result<(), InvalidAdmission> {
    let (task, admission) = (&routed.task, &routed.admission);
    let sum = digest::digest(&digest::SHA256, prompt.hashed());
    if BASE64_STANDARD.encode(sum.as_ref()) != admission.input_sha256 {
        return Err(InvalidAdmission::OtherInput);
    }
    if admission.terms_sha256.is_some() && admission.terms_sha256 != task.terms_sha256() {
        return Err(InvalidAdmission::OtherTerms);
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
    use neptune_contracts::{
        chat::ChatRequest,
        names::{DataClass, Lane, Origin},
        output::OutputSpec,
    };
    use serde_json::json;

    fn signed(routed: &mut TaskRouted) -> VerifyingKey {
        let key = SigningKey::from_bytes(&[7; 32]);
        let input = serde_json::to_vec(&routed.task.input).unwrap();
        routed.admission.input_sha256 = BASE64_STANDARD.encode(digest::digest(&digest::SHA256, &input).as_ref());
        let bytes = routed.admission.signed_bytes(routed.task.id, &routed.task.team);
        routed.admission.signature = BASE64_STANDARD.encode(key.sign(&bytes).to_bytes());
        key.verifying_key()
    }

    /// A task with terms of every kind, changed after it was signed.
    fn check(change: impl FnOnce(&mut TaskRouted), wanted: Result<(), InvalidAdmission>) {
        let mut routed = samples::routed();
        routed.task.output = Some(OutputSpec { max_characters: Some(100), ..OutputSpec::default() });
        routed.task.deliver = serde_json::from_value(json!([{"channel": "email", "to": "a@support.example"}])).unwrap();
        let run = "0199f2aa-0000-7000-8000-0000000000e1";
        let step = json!({"run": run, "workflow": "support/triage:1.2.0", "step": "/do/0/classify", "instance": 3});
        routed.task.step = serde_json::from_value(step).unwrap();
        routed.admission.terms_sha256 = routed.task.terms_sha256();
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
    fn what_decides_what_is_called_who_pays_and_who_gets_the_result_is_signed_too() {
        let other = || Err(InvalidAdmission::OtherTerms);
        check(|routed| routed.task.output = None, other());
        check(|routed| routed.task.output.as_mut().unwrap().max_characters = Some(101), other());
        check(|routed| routed.task.deliver.clear(), other());
        check(|routed| routed.task.deliver[0].to = "b@support.example".into(), other());
        check(|routed| routed.task.step = None, other());
        check(|routed| routed.task.step.as_mut().unwrap().instance = Some(4), other());
        check(|routed| routed.task.constraints.deadline = Some(samples::start()), other());
        check(|routed| routed.task.constraints.lane = Lane::Batch, other());
        check(|routed| routed.task.key = Some("k2".into()), other());
        check(|routed| routed.task.origin = Origin::Bus, other());
        // Nor does it help to say that they were never signed.
        let strip = |routed: &mut TaskRouted| (routed.task.output, routed.admission.terms_sha256) = (None, None);
        check(strip, Err(InvalidAdmission::Signature));
        // Labels are the caller's own, and warnings are added on the way.
        check(|routed| routed.task.metadata.clear(), Ok(()));
    }

    #[test]
    fn an_admission_of_before_holds_in_the_form_of_before() {
        let mut routed = samples::routed();
        let key = signed(&mut routed);
        let prompt = Prompt::write(&routed.task.input).unwrap();
        assert_eq!(verify(&routed, &prompt, &key), Ok(()));
        let bytes = routed.admission.signed_bytes(routed.task.id, &routed.task.team);
        assert!(bytes.starts_with(b"neptune-admission-v1\n"), "its bytes are those of before");
        routed.admission.terms_sha256 = routed.task.terms_sha256();
        assert_eq!(verify(&routed, &prompt, &key), Err(InvalidAdmission::Signature), "nobody else can add a sum");
    }

    #[test]
    fn a_plan_stays_within_its_admission() {
        let beyond = |model: &str, zone| Err(InvalidAdmission::NotAllowed { model: model.into(), zone });
        check(|routed| routed.plan.attempts[1].model = "d".into(), beyond("d", Zone::External));
        check(|routed| routed.plan.attempts[2].zone = Zone::Private, beyond("c", Zone::Private));
    }
}
