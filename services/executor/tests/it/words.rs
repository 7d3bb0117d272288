//! The words that arguments of steps may be are those of the messages that follow from them.

use neptune_contracts::{
    feedback::FeedbackBy,
    names::{Channel, DataClass, Lane},
    task::CacheMode,
};
use neptune_workflow::{definition::Builtin, grammar};
use std::collections::BTreeSet;

#[track_caller]
fn check(function: Builtin, argument: &str, known: impl IntoIterator<Item = String>) {
    let told: BTreeSet<String> =
        grammar::words(function, argument).unwrap().iter().map(|word| (*word).to_owned()).collect();
    assert_eq!(told, known.into_iter().collect(), "{argument}");
}

fn written(value: impl serde::Serialize) -> String {
    serde_json::to_value(value).unwrap().as_str().unwrap().to_owned()
}

#[test]
fn words_of_arguments_are_those_of_messages() {
    // The others have no adapter, and are refused wherever they are asked for.
    let is_served = |channel: &&Channel| !matches!(channel, Channel::Sms | Channel::Whatsapp | Channel::Slack);
    check(Builtin::Notify, "channel", Channel::ALL.iter().filter(is_served).map(ToString::to_string));
    check(Builtin::Approval, "channel", Channel::ALL.iter().filter(is_served).map(ToString::to_string));
    check(Builtin::Model, "class", DataClass::ALL.iter().map(ToString::to_string));
    check(Builtin::Model, "lane", Lane::ALL.iter().map(ToString::to_string));
    check(Builtin::Model, "cache", [CacheMode::Off, CacheMode::Exact, CacheMode::Near].map(written));
    let by = [FeedbackBy::Person, FeedbackBy::Validator, FeedbackBy::Judge, FeedbackBy::Implied];
    check(Builtin::Feedback, "by", by.map(written));
}
