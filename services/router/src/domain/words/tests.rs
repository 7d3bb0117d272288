#![allow(clippy::unwrap_used)]
use super::*;
use proptest::prelude::{any, prop_assert, proptest};

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

/// A model that was judged so often: right by what `reward` says of each number.
fn taught(signals: usize, reward: impl Fn(usize) -> f64) -> WordModel {
    let mut model = WordModel::default();
    for number in 0..signals {
        model.learn(&wording(&text(number)), (reward(number), 1.0), 0.5);
    }
    model
}

#[test]
fn words_that_foretell_move_the_mean_and_only_when_that_is_proven() {
    // One in ten is not as its words say.
    let good_at_pumps = |number: usize| f64::from(u8::from(number.is_multiple_of(2) != (number % 10 == 9)));
    let (early, late) = (taught(199, good_at_pumps), taught(400, good_at_pumps));
    let (pump, poem) = (wording(&text(700)), wording(&text(701)));
    assert_eq!((early.shift(&pump), early.gain.is_real()), (0.0, false));
    assert!(late.shift(&pump) > 0.05 && late.shift(&poem) < -0.05, "{} {}", late.shift(&pump), late.shift(&poem));
    assert!(late.shift(&Wording::default()).abs() < 1e-12);
}

#[test]
fn words_that_say_nothing_are_not_used() {
    // Right or wrong by a hash of the number, whatever the text is.
    let by_chance = |number: usize| f64::from(u8::from(number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 63 == 1));
    for signals in (200..3_000).step_by(200) {
        let model = taught(signals, by_chance);
        assert!(!model.gain.is_real(), "{signals}: {:?}", model.gain);
    }
}

#[test]
fn words_that_are_no_longer_right_are_dropped() {
    let mut model = taught(600, |number| f64::from(u8::from(number.is_multiple_of(2))));
    assert!(model.gain.is_real());
    // Now it is as good at the one as at the other, and the mean knows.
    for number in 0..6_000_usize {
        let reward = f64::from(u8::from(number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 63 == 1));
        model.learn(&wording(&text(number)), (reward, 1.0), 0.5);
    }
    assert!(model.shift(&wording(&text(700))).abs() < 0.08 || !model.gain.is_real(), "{:?}", model.gain);
}

proptest! {
    #[test]
    fn a_mean_stays_a_mean_and_moves_by_no_more_than_it_may(text in any::<String>(), mean in 0.0..=1.0_f64, rewards in proptest::collection::vec(0.0..=1.0_f64, 1..40)) {
        let mut model = WordModel::new(&HashMap::new(), Gain { signals: 1e9, saved: 1e9, squares: 1.0 });
        let wording = wording(&text);
        prop_assert!(wording.buckets().len() <= MOST_BUCKETS && wording.buckets().is_sorted_by(|left, right| left < right));
        for reward in rewards {
            model.learn(&wording, (reward, 1.0), mean);
        }
        let after = moved(mean, model.shift(&wording));
        prop_assert!((0.0..=1.0).contains(&after) && (after - mean).abs() <= MOST_SHIFT + 1e-12, "{} {}", mean, after);
    }
}
