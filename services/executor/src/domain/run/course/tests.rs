#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use super::*;
use crate::domain::run::class;
use neptune_contracts::{Timestamp, run::input::CLASS_ATTRIBUTE};
use neptune_workflow::compiler;
use serde_json::json;

fn course(tasks: &str) -> Course {
    let text = format!("document: {{dsl: '1.0.3', namespace: test, name: t, version: '1.0.0'}}\n{tasks}");
    let definition = compiler::read(&text).unwrap_or_else(|faults| panic!("{faults:?}"));
    let made_of = RunMadeOf::new("test/t:1.0.0".into(), definition.document.clone(), String::new(), Timestamp::EPOCH);
    Course::new(RunId::mint(), "support".parse().unwrap(), Arc::new(made_of), Ok(Arc::new(definition)))
}

fn start(class: Option<DataClass>) -> Heard {
    Heard::Start { input: json!({}), class }
}

fn signal(event: Value) -> Heard {
    Heard::Input { id: "s1".into(), wish: RunWish::Signal { event } }
}

/// How sensitive the calls are that were asked for.
fn asked(decided: &Decided) -> Vec<Option<DataClass>> {
    let class = |deed: &Deed| match deed {
        Deed::Ask { request, .. } => Some(class::of(request.sensitivity)),
        _ => None,
    };
    decided.deeds.iter().filter_map(class).collect()
}

const ASKS: &str = "do:\n  - ask: {call: 'model:1.0.0@default', with: {input: hi}}\n";
const HEARS: &str = "do:\n  - hear: {listen: {to: {one: {with: {type: go}}}}}\n  - ask: {call: 'model:1.0.0@default', with: {input: hi}}\n";

#[test]
fn a_call_is_as_sensitive_as_the_input_and_the_events_before_it() {
    for (class, said, wanted) in [
        (None, None, None),
        (Some(DataClass::Public), None, None),
        (Some(DataClass::Internal), None, Some(DataClass::Internal)),
        (None, Some("confidential"), Some(DataClass::Confidential)),
        (Some(DataClass::Restricted), Some("internal"), Some(DataClass::Restricted)),
        (None, Some("unheard of"), Some(DataClass::Restricted)),
    ] {
        let begun = course(HEARS).decide(&[start(class)], 1_000, 7).course;
        let mut event = json!({"id": "e1", "type": "go"});
        if let Some(said) = said {
            event[CLASS_ATTRIBUTE] = json!(said);
        }
        let heard = begun.decide(&[signal(event)], 2_000, 7);
        assert_eq!(asked(&heard), [wanted], "{class:?} and {said:?}");
    }
}

#[test]
fn an_approval_is_as_sensitive_as_the_event_that_gives_it() {
    let tasks = "do:\n  - may: {call: 'approval:1.0.0@default', with: {text: 'Go?'}}\n  - ask: {call: 'model:1.0.0@default', with: {input: hi}}\n";
    let begun = course(tasks).decide(&[start(None)], 1_000, 7).course;
    let event = json!({"type": "neptune.approval", "data": {"approved": true}, CLASS_ATTRIBUTE: "confidential"});
    assert_eq!(asked(&begun.decide(&[signal(event)], 2_000, 7)), [Some(DataClass::Confidential)]);
}

#[test]
fn what_was_decided_about_before_is_known_again_also_by_who_only_read_the_log() {
    let heard = [start(None)];
    let decided = course(ASKS).decide(&heard, 1_000, 7);
    assert!(!decided.is_repeated && decided.records.len() == 1);
    let again = decided.course.decide(&heard, 2_000, 7);
    assert!(again.is_repeated && again.records.is_empty());
    // Of another one that read the log.
    let mut reader = course(ASKS);
    let records = decided.records.iter().map(|record| serde_json::to_value(record).unwrap()).collect();
    reader.take(1, decided.causes, records).unwrap();
    assert!(reader.decide(&heard, 2_000, 7).is_repeated);
    assert!(!reader.again(&[heard[0].cause()]).is_empty(), "the call is asked for again");
    // What is in vain and never came before is nobody's death.
    let late = reader.decide(&[Heard::Fired { timer: "9-wait-0".into() }], 2_000, 7);
    assert!(!late.is_repeated && late.records.is_empty());
}

#[test]
fn a_call_is_waited_for_until_its_answer_comes_even_while_the_run_is_paused() {
    let begun = course(ASKS).decide(&[start(None)], 1_000, 7).course;
    assert!(begun.waits_for(1) && !begun.waits_for(2));
    let answer = Heard::Answered { instance: 1, answer: Answer::output(json!("x")) };
    assert!(!begun.decide(std::slice::from_ref(&answer), 2_000, 7).course.waits_for(1));
    let pause = Heard::Input { id: "p".into(), wish: RunWish::Pause };
    let paused = begun.decide(&[pause, answer], 2_000, 7).course;
    assert!(paused.run.ending().is_none() && !paused.waits_for(1), "it is kept for when the run is resumed");
}

#[test]
fn timers_that_others_may_have_set_are_not_counted_on() {
    let mut run = course(ASKS);
    assert_eq!(run.timers_before, Some(0));
    let before = run.weight;
    let decided = run.decide(&[start(None)], 1, 1);
    let records = decided.records.iter().map(|record| serde_json::to_value(record).unwrap()).collect();
    run.take(7, decided.causes, records).unwrap();
    assert_eq!((run.sequence, run.timers_before), (7, None));
    assert!(run.weight > before, "what came to it takes memory");
}
