//! Words and the form of a text, hashed into buckets.

use super::form::form;

/// Buckets that words are hashed into, four bytes each. Two words in one bucket share a weight; with some
/// 80,000 distinct features one in thirteen does, and of four times as few buckets one in four would.
const BUCKETS: usize = 1 << 20;
/// Bytes of a text that are read; material that follows says little about which model can do it.
const MOST_BYTES: usize = 6_000;
/// The column of a bucket that has none.
const NO_COLUMN: u32 = u32::MAX;

/// The features of one text: columns, each once, with their values. The squares of the values add up
/// to one, unless there are none.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Features(Vec<(u32, f32)>);

impl Features {
    /// Columns and values.
    #[must_use]
    pub fn entries(&self) -> &[(u32, f32)] {
        &self.0
    }

    /// The sum of the values, each times the weight of its column.
    pub(super) fn times(&self, weights: &[f32]) -> f64 {
        let product = |(column, value): &(u32, f32)| {
            weights.get(*column as usize).map_or(0.0, |weight| f64::from(*weight) * f64::from(*value))
        };
        self.0.iter().map(product).sum()
    }
}

/// The buckets that are worth a weight, and how rare they are.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Vocabulary {
    /// By bucket.
    columns: Vec<u32>,
    /// By column: the logarithm of texts per text that has it, and one.
    rarity: Vec<f32>,
}

impl Vocabulary {
    /// Counts the words of `texts`.
    pub(super) fn of(texts: &[&str]) -> Self {
        let mut texts_with = vec![0_u32; BUCKETS];
        for text in texts {
            for bucket in buckets(text) {
                if let Some(count) = texts_with.get_mut(bucket as usize) {
                    *count += 1;
                }
            }
        }
        let mut vocabulary = Self { columns: vec![NO_COLUMN; BUCKETS], rarity: Vec::new() };
        // A word that only one text has cannot be told from chance.
        for (column, count) in vocabulary.columns.iter_mut().zip(texts_with).filter(|(_, count)| *count > 1) {
            *column = u32::try_from(vocabulary.rarity.len()).unwrap_or(NO_COLUMN);
            vocabulary.rarity.push(rarity(texts.len(), count));
        }
        vocabulary
    }

    /// How many columns there are.
    pub(super) fn width(&self) -> usize {
        self.rarity.len()
    }

    /// The features of `text`. How often a word stands in it does not matter.
    pub(super) fn features(&self, text: &str) -> Features {
        let entry = |bucket: u32| {
            let column = *self.columns.get(bucket as usize)?;
            Some((column, *self.rarity.get(column as usize)?))
        };
        let mut entries: Vec<(u32, f32)> = buckets(text).into_iter().filter_map(entry).collect();
        let length = entries.iter().map(|(_, value)| value * value).sum::<f32>().sqrt();
        if length > 0.0 {
            entries.iter_mut().for_each(|(_, value)| *value /= length);
        }
        Features(entries)
    }
}

#[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "a logarithm of a count of texts")]
fn rarity(total: usize, texts_with: u32) -> f32 {
    (((1 + total) as f64 / f64::from(1 + texts_with)).ln() + 1.0) as f32
}

/// The buckets of a text, ascending, each once; none of a text without words.
fn buckets(text: &str) -> Vec<u32> {
    let text = text.get(..text.floor_char_boundary(MOST_BYTES)).unwrap_or_default();
    let lower = text.to_lowercase();
    let mut buckets = Vec::with_capacity(256);
    let mut opening = OPENING;
    for (position, word) in words(&lower).enumerate() {
        buckets.push(bucket(hash(WORD, word)));
        if position < OPENING_WORDS {
            opening = hash(opening, word);
            buckets.push(bucket(opening));
        }
    }
    if buckets.is_empty() {
        return buckets;
    }
    // What is asked stands before what it is asked of, or the options.
    let first_line = lower.lines().next().unwrap_or_default();
    buckets.extend(words(first_line).map(|word| bucket(hash(FIRST_LINE, word))));
    buckets.extend(form(text, &lower).iter().map(|form| bucket(hash(FORM, form))));
    buckets.sort_unstable();
    buckets.dedup();
    buckets
}

/// The words of `text`.
pub(super) fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|character: char| !character.is_alphanumeric()).filter(|word| !word.is_empty())
}

/// So many words open a text.
const OPENING_WORDS: usize = 3;
/// Starts of the hashes of words, openings, forms and words of the first line: FNV's own offset, and others
/// that differ in all their bits, or one word's first letter would undo the difference.
const WORD: u64 = 0xcbf2_9ce4_8422_2325;
const OPENING: u64 = 0x9e37_79b9_7f4a_7c15;
const FORM: u64 = 0xc2b2_ae3d_27d4_eb4f;
const FIRST_LINE: u64 = 0x1656_67b1_9e37_79f9;

/// FNV-1a, 64 bit: short, and the same on every machine.
fn hash(start: u64, word: &str) -> u64 {
    word.bytes().fold(start ^ 0x20, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3))
}

/// The upper bits mix best.
#[expect(clippy::cast_possible_truncation, reason = "below the number of buckets")]
fn bucket(hash: u64) -> u32 {
    (hash.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (64 - BUCKETS.trailing_zeros())) as u32
}
