//! Whether two texts ask the same. A wrong answer costs more than a missed one, so in doubt they
//! do not.

use super::{Words, sketch::resemblance};

/// Texts that share less of their words and pairs of words are not compared further.
const LEAST_RESEMBLANCE: f64 = 0.7;
/// One word in so many may be spelt in another way.
const WORDS_PER_SPELLING: usize = 12;
/// Shorter words are other words when one letter differs.
const LEAST_LETTERS: usize = 5;

/// How like `one` and `other` are, 0 to 1; nothing when they may ask for different things: when
/// numbers, units, names, negations, or anything but fillers and a few spellings differ.
#[must_use]
pub fn likeness(one: &Words, other: &Words) -> Option<f64> {
    if one.strict != other.strict || one.content.len() != other.content.len() {
        return None;
    }
    let differing = one.content.iter().zip(&other.content).filter(|(one, other)| one != other);
    let allowed = one.content.len() / WORDS_PER_SPELLING;
    let mut spellings = 0;
    for (first, second) in differing {
        spellings += 1;
        if spellings > allowed || !is_spelling(first, second) {
            return None;
        }
    }
    let likeness = resemblance(one, other);
    (likeness >= LEAST_RESEMBLANCE).then_some(likeness)
}

/// Whether two words are one in two spellings: long, and one letter more, less or other, but not
/// the first.
fn is_spelling(one: &str, other: &str) -> bool {
    let (one, other): (Vec<char>, Vec<char>) = (one.chars().collect(), other.chars().collect());
    let is_word = |letters: &[char]| letters.len() >= LEAST_LETTERS && letters.iter().all(|sign| sign.is_alphabetic());
    if !is_word(&one) || !is_word(&other) || one.first() != other.first() {
        return false;
    }
    let shared_start = one.iter().zip(&other).take_while(|(one, other)| one == other).count();
    let rest = |letters: &[char], skip: usize| letters.get(shared_start + skip..).map(<[char]>::to_vec);
    match one.len().abs_diff(other.len()) {
        0 => rest(&one, 1) == rest(&other, 1),
        1 if one.len() > other.len() => rest(&one, 1) == rest(&other, 0),
        1 => rest(&one, 0) == rest(&other, 1),
        _ => false,
    }
}
