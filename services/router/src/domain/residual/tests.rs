#![allow(clippy::indexing_slicing, clippy::unwrap_used)]
use super::*;
use proptest::prelude::{any, prop_assert, proptest};

/// Texts about pumps and about poems; the one model is good at pumps, the other at poems.
fn corpus(count: usize) -> (Vec<String>, Vec<Vec<Option<Scored>>>) {
    let text = |number: usize| match number % 2 {
        0 => format!("The pump in hall {} leaks oil. What should be checked first?", number % 7),
        _ => format!("Write a poem number {} on rain and the sea.", number % 5),
    };
    // One in ten is not as expected.
    let score = |number: usize, good: usize| f64::from(u8::from((number % 2 == good) != (number % 10 == 9)));
    let scores = |good| {
        (0..count).map(|number| Some(Scored { expected: 0.5, score: score(number, good), weight: 1.0 })).collect()
    };
    ((0..count).map(text).collect(), vec![scores(0), scores(1)])
}

fn train(count: usize) -> Option<Residual> {
    let (texts, models) = corpus(count);
    let wordings: Vec<Wording> = texts.iter().map(|text| Wording::read(text)).collect();
    Residual::train(&wordings.iter().collect::<Vec<_>>(), &models)
}

#[test]
fn words_tell_who_is_good_at_what() {
    let learnt = train(400).unwrap();
    let shifts = |text: &str| {
        let features = learnt.features(&Wording::read(text));
        (learnt.shift(&features, 0), learnt.shift(&features, 1), learnt.shift(&features, 2))
    };
    let (pump, poem) = (shifts("Does the pump leak oil?"), shifts("A poem on the sea, please."));
    assert!(pump.0 > 0.3 && pump.1 < -0.3 && poem.0 < -0.3 && poem.1 > 0.3, "{pump:?} {poem:?}");
    assert!(pump.2.abs() < 1e-12, "a model that was not learnt about is not moved");
    let unknown = shifts("");
    assert!(unknown.0.abs() < 1e-12 && unknown.1.abs() < 1e-12, "{unknown:?}");
}

#[test]
fn words_that_foretell_nothing_are_not_used() {
    let wordings: Vec<Wording> = corpus(600).0.iter().map(|text| Wording::read(text)).collect();
    // Right or wrong by a hash of the number, whatever the text is.
    let by_chance = |number: usize| f64::from(u8::from(number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 63 == 1));
    let scores = (0..600).map(|number| Some(Scored { expected: 0.5, score: by_chance(number), weight: 1.0 })).collect();
    let learnt = Residual::train(&wordings.iter().collect::<Vec<_>>(), &[scores]).unwrap();
    assert!(!learnt.is_used());
}

#[test]
fn few_texts_teach_nothing() {
    assert!(train(LEAST_TEXTS - 1).is_none());
}

#[test]
fn the_same_rows_give_the_same_weights() {
    assert_eq!(train(300), train(300));
}

proptest! {
    #[test]
    fn any_text_has_features_and_a_bounded_shift(text in any::<String>()) {
        static LEARNT: std::sync::OnceLock<Residual> = std::sync::OnceLock::new();
        let learnt = LEARNT.get_or_init(|| train(300).unwrap());
        let features = learnt.features(&Wording::read(&text));
        prop_assert!(learnt.shift(&features, 0).abs() <= MOST_SHIFT);
        let length: f64 = features.entries().iter().map(|(_, value)| f64::from(value * value)).sum();
        prop_assert!(features.entries().is_empty() || (length - 1.0).abs() < 1e-3, "{}", length);
        prop_assert!(features.entries().is_sorted_by(|left, right| left.0 < right.0));
    }
}
