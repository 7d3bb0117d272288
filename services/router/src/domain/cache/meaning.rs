//! Requests in other words that ask the same, as far as the vectors of their texts say so.

use super::Words;

/// Vectors that are less near are of other meanings.
const LEAST_COSINE: f64 = 0.95;
/// The largest number a coordinate is stored as.
const SCALE: f32 = 127.0;

/// A vector in a byte a coordinate, which keeps what is compared of it: its direction.
#[must_use]
pub fn narrow(vector: &[f32]) -> Vec<i8> {
    let largest = vector.iter().fold(f32::MIN_POSITIVE, |largest, number| largest.max(number.abs()));
    #[expect(clippy::cast_possible_truncation, reason = "within the scale, and a float to an integer saturates")]
    let small = |number: &f32| (number / largest * SCALE).round() as i8;
    vector.iter().map(small).collect()
}

/// How near two vectors are, -1 to 1; 0 when they are of different lengths.
#[must_use]
pub fn cosine(one: &[i8], other: &[i8]) -> f64 {
    if one.len() != other.len() {
        return 0.0;
    }
    let product = |one: &[i8], other: &[i8]| -> f64 {
        let sum: i64 = one.iter().zip(other).map(|(one, other)| i64::from(*one) * i64::from(*other)).sum();
        #[expect(clippy::cast_precision_loss, reason = "a few thousand coordinates stay far below 2^53")]
        let sum = sum as f64;
        sum
    };
    let lengths = (product(one, one) * product(other, other)).sqrt();
    if lengths > 0.0 { product(one, other) / lengths } else { 0.0 }
}

/// Whether vectors as near as `cosine` are near enough to look at the words.
#[must_use]
pub fn is_near(cosine: f64) -> bool {
    cosine >= LEAST_COSINE
}

/// Whether texts of one meaning ask the same: no number, unit, name, negation or word that turns a
/// meaning round differs, in whatever order they stand.
#[must_use]
pub fn agree(one: &Words, other: &Words) -> bool {
    let sorted = |words: &Words| {
        let mut strict = words.strict.clone();
        strict.sort_unstable();
        strict
    };
    sorted(one) == sorted(other)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    fn check(one: &str, other: &str, wanted: bool) {
        assert_eq!(agree(&Words::of(one).unwrap(), &Words::of(other).unwrap()), wanted, "{one} / {other}");
    }

    #[test]
    fn other_words_agree_and_other_facts_do_not() {
        check("my password was lost, what now?", "what now? I have lost my password", true);
        check("the fee for 3 users", "what do 3 users cost", true);
        check("the fee for 3 users", "the fee for 4 users", false);
        check("is the pump under guarantee", "is the pump not under guarantee", false);
        check("the capital of France", "the capital of Spain", false);
        check("it weighs 5 kg", "it weighs 5 g", false);
        check("enable the alarm", "disable the alarm", false);
    }

    proptest! {
        #[test]
        fn a_direction_survives_being_stored(vector in prop::collection::vec(-1.0_f32..1.0, 8..64)) {
            prop_assume!(vector.iter().any(|number| number.abs() > 0.1));
            let stored = narrow(&vector);
            let longer: Vec<f32> = vector.iter().map(|number| number * 7.5).collect();
            prop_assert!(cosine(&stored, &narrow(&longer)) > 0.999);
            prop_assert!((cosine(&stored, &stored) - 1.0).abs() < 1e-9);
            let opposite: Vec<f32> = vector.iter().map(|number| -number).collect();
            prop_assert!(cosine(&stored, &narrow(&opposite)) < -0.99);
        }
    }
}
