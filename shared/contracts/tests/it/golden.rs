//! Samples of every released version keep decoding, and satisfy the published schema. A new
//! sample is added beside the old ones, which are never changed.

use neptune_contracts::{
    Message,
    admission::TaskAdmitted,
    attempt::AttemptFailed,
    batch::{BatchDue, BatchItem, BatchState, BatchTimer},
    catalogue::CATALOGUE,
    dead::DeadLetter,
    delivery::{DeliveryAdmitted, DeliveryAttempted, DeliveryFinished, DeliveryRequested},
    event::EventPublished,
    feedback::FeedbackGiven,
    finished::TaskFinished,
    parked::{TaskParked, TaskResumed},
    plan::TaskRouted,
    run::{
        RunSubmitted,
        call::RunCall,
        changed::RunChanged,
        finished::RunFinished,
        input::RunInput,
        log::RunLogged,
        timer::{RunFired, RunTimer},
    },
    task::TaskSubmitted,
};
use serde_json::Value;
use std::{fs, path::PathBuf};

fn samples(subject: &str) -> Vec<(PathBuf, Value)> {
    let stem = neptune_contracts::subject::stem(subject);
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let mut found = Vec::new();
    for file in fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        if path.file_name().unwrap().to_str().unwrap().starts_with(&format!("{stem}.")) {
            found.push((path.clone(), serde_json::from_slice(&fs::read(path).unwrap()).unwrap()));
        }
    }
    found
}

fn check<M: Message>() {
    let samples = samples(M::SUBJECT);
    assert!(!samples.is_empty(), "no sample of {}", M::SUBJECT);
    let entry = CATALOGUE.iter().find(|entry| entry.subject == M::SUBJECT).unwrap();
    let schema = jsonschema::validator_for(&serde_json::to_value((entry.schema)()).unwrap()).unwrap();
    for (path, sample) in samples {
        let faults: Vec<String> = schema.iter_errors(&sample).map(|fault| fault.to_string()).collect();
        assert!(faults.is_empty(), "{}: {faults:?}", path.display());
        let message: M =
            serde_json::from_value(sample.clone()).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let again = serde_json::to_value(&message).unwrap();
        let twice = serde_json::to_value(serde_json::from_value::<M>(again.clone()).unwrap()).unwrap();
        assert_eq!(again, twice, "{}", path.display());
    }
}

#[test]
fn every_message_has_a_sample_that_decodes() {
    check::<TaskSubmitted>();
    check::<BatchItem>();
    check::<BatchState>();
    check::<BatchTimer>();
    check::<BatchDue>();
    check::<TaskAdmitted>();
    check::<TaskRouted>();
    check::<TaskParked>();
    check::<TaskResumed>();
    check::<AttemptFailed>();
    check::<FeedbackGiven>();
    check::<TaskFinished>();
    check::<RunSubmitted>();
    check::<RunLogged>();
    check::<RunInput>();
    check::<RunCall>();
    check::<RunTimer>();
    check::<RunFired>();
    check::<RunChanged>();
    check::<RunFinished>();
    check::<EventPublished>();
    check::<DeliveryRequested>();
    check::<DeliveryAdmitted>();
    check::<DeliveryAttempted>();
    check::<DeliveryFinished>();
    check::<DeadLetter>();
}

#[test]
fn unknown_fields_of_the_input_are_passed_on() {
    let (_, sample) = samples(TaskSubmitted::SUBJECT).pop().unwrap();
    let message: TaskSubmitted = serde_json::from_value(sample.clone()).unwrap();
    let again = serde_json::to_value(&message).unwrap();
    assert_eq!(again["input"]["logit_bias"], sample["input"]["logit_bias"]);
    assert_eq!(again["input"]["messages"], sample["input"]["messages"]);
}

#[test]
fn the_form_that_is_signed_says_whether_the_terms_are_in_it() {
    let signed = |name: &str| {
        let (_, sample) = samples(TaskAdmitted::SUBJECT).into_iter().find(|(path, _)| path.ends_with(name)).unwrap();
        let TaskAdmitted { task, admission } = serde_json::from_value(sample).unwrap();
        let bytes = String::from_utf8(admission.signed_bytes(task.id, &task.team)).unwrap();
        (bytes, task.terms_sha256(), admission.terms_sha256)
    };
    let before = "neptune-admission-v1\n0199f2aa-0000-7000-8000-000000000001\nsupport\n\
                  47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\ninternal\nopenai/gpt-4.1,meta/llama-3.3-70b\n\
                  external,onprem\n0.25\n0199f2aa-0000-7000-8000-0000000000c1 0.012\nr17\n2026-11-23T10:50:00Z";
    let (bytes, _, none) = signed("task.admitted.v1.0.json");
    assert_eq!((bytes.as_str(), none), (before, None));
    let (bytes, terms, stored) = signed("task.admitted.v1.terms.json");
    assert_eq!((&terms, terms.is_some()), (&stored, true), "the sum of a sample that is out stays what it is");
    assert_eq!(bytes, format!("{}\n{}", before.replace("-v1", "-v2"), terms.unwrap()));
}
