#![allow(clippy::unwrap_used)]
use super::*;
use neptune_contracts::names::TaskType;
use proptest::prelude::{any, prop_assert, proptest};

fn context() -> Context {
    Context::new(TaskType::QuestionAnswering, 20, None)
}

fn wording(text: &str) -> Wording {
    Wording::of(&ChatRequest::user(text))
}

/// Texts about pumps and about poems.
fn text(number: usize) -> String {
    match number % 2 {
        0 => format!("The pump in hall {} leaks oil. What should be checked first?", number % 7),
        _ => format!("Write a poem number {} on rain and the sea.", number % 5),
    }
}

fn heard(number: usize, model: &str, reward: f64) -> Heard {
    let judged = Judged {
        task: TaskId(uuid::Uuid::from_u128(number as u128)),
        model: model.to_owned(),
        contexts: context().keys().iter().map(|(_, key)| key.clone()).collect(),
        reward,
        weight: 1.0,
        at_ms: 0,
    };
    Heard { judged, wording: wording(&text(number)) }
}

/// A model that was judged so often: right by what `reward` says of each number.
fn taught(signals: usize, reward: impl Fn(usize) -> f64) -> Words {
    let all: Vec<Heard> = (0..signals).map(|number| heard(number, "a/b", reward(number))).collect();
    Words::learn(all.iter().rev())
}

fn shift(words: &Words, model: &str, text: &str) -> f64 {
    words.features(&wording(text)).map_or(0.0, |features| words.shift(model, &features))
}

/// One in ten is not as its words say.
fn good_at_pumps(number: usize) -> f64 {
    f64::from(u8::from(number.is_multiple_of(2) != (number % 10 == 9)))
}

#[test]
fn words_that_foretell_move_the_mean_of_their_model_and_no_other() {
    let words = taught(400, good_at_pumps);
    let (pump, poem) = (shift(&words, "a/b", &text(700)), shift(&words, "a/b", &text(701)));
    assert!(pump > 0.3 && poem < -0.3, "{pump} {poem}");
    assert_eq!((shift(&words, "c/d", &text(700)), shift(&words, "a/b", "")), (0.0, 0.0));
    assert!(!taught(199, good_at_pumps).are_used(), "too few prove nothing");
}

#[test]
fn words_that_say_nothing_are_not_used() {
    // Right or wrong by a hash of the number, whatever the text is.
    let by_chance = |number: usize| f64::from(u8::from(number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 63 == 1));
    for signals in [200, 400, 800] {
        assert!(!taught(signals, by_chance).are_used(), "{signals}");
    }
}

#[test]
fn of_two_judgements_of_an_answer_the_newer_counts() {
    let wrong: Vec<Heard> = (0..400).map(|number| heard(number, "a/b", 1.0 - good_at_pumps(number))).collect();
    let right: Vec<Heard> = (0..400).map(|number| heard(number, "a/b", good_at_pumps(number))).collect();
    assert_eq!(Words::learn(right.iter().rev().chain(wrong.iter())), taught(400, good_at_pumps));
}

#[test]
fn each_model_has_its_own_words() {
    let of = |number: usize| if number % 4 < 2 { ("a/b", good_at_pumps(number)) } else { ("c/d", 1.0) };
    let all: Vec<Heard> = (0..800).map(|number| heard(number, of(number).0, of(number).1)).collect();
    let words = Words::learn(all.iter());
    let lead = |text: &str| shift(&words, "c/d", text) - shift(&words, "a/b", text);
    assert!(lead(&text(1)) > lead(&text(0)) + 0.3, "{} {}", lead(&text(1)), lead(&text(0)));
}

proptest! {
    #[test]
    fn packed_words_are_unpacked_again(text in any::<String>()) {
        let wording = wording(&text);
        prop_assert!(wording.buckets().is_sorted_by(|left, right| left < right));
        prop_assert!(Wording::unpacked(&wording.packed()) == wording);
    }
}
