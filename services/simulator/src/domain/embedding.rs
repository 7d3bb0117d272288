//! Embeddings of texts: vectors of length 1, equal for equal texts, and near for texts that share words.

use super::draw::{Digest, Draws};

/// The vector of a text: the sum of a random direction for each of its words.
pub fn vector(text: &str, dimensions: usize) -> Vec<f32> {
    let mut vector = vec![0.0_f64; dimensions];
    let lower = text.to_lowercase();
    let words = lower.split(|character: char| !character.is_alphanumeric()).filter(|word| !word.is_empty());
    let mut count = 0;
    for word in words {
        add(&mut vector, word);
        count += 1;
    }
    if count == 0 {
        add(&mut vector, text);
    }
    let length = vector.iter().map(|number| number * number).sum::<f64>().sqrt().max(f64::MIN_POSITIVE);
    #[expect(clippy::cast_possible_truncation, reason = "embeddings are single precision")]
    let narrow = |number: f64| (number / length) as f32;
    vector.into_iter().map(narrow).collect()
}

/// Equal for the same texts in the same order.
pub fn digest(texts: &[String]) -> u64 {
    let mut digest = Digest::new();
    texts.iter().for_each(|text| digest.add(text.as_bytes()));
    digest.value()
}

fn add(vector: &mut [f64], word: &str) {
    let mut digest = Digest::new();
    digest.add(word.as_bytes());
    let mut draws = Draws::new(digest.value());
    vector.iter_mut().for_each(|number| *number += draws.fraction() - 0.5);
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn likeness(a: &str, b: &str) -> f32 {
        vector(a, 256).iter().zip(vector(b, 256)).map(|(a, b)| a * b).sum()
    }

    #[test]
    fn texts_that_share_words_are_near() {
        assert!((likeness("the pump leaks", "The pump leaks!") - 1.0).abs() < 1e-5);
        assert!(likeness("the pump leaks", "the pump is new") > 0.3);
        assert!(likeness("the pump leaks", "violet umbrella").abs() < 0.3);
        assert!((likeness("", "") - 1.0).abs() < 1e-5);
    }
}
