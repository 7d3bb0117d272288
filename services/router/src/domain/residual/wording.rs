//! The words and the form of a text as numbers of buckets, each of which stands for several of them.

use super::form::{Counts, form};

/// Buckets that words are hashed into. Two words in one bucket share a weight; with some 80,000 distinct features
/// one in thirteen does, and of four times as few buckets one in four would.
pub(super) const BUCKETS: usize = 1 << 20;
/// Buckets of a coarse wording: so few that each stands for several words and none tells which.
const COARSE_BUCKETS: usize = 1 << 16;
/// Bytes of a text that are read; material that follows says little about which model can do it.
const MOST_BYTES: usize = 6_000;
/// So many words open a text.
const OPENING_WORDS: usize = 3;
/// Starts of the hashes of words, openings, forms and words of the first line: FNV's own offset, and others
/// that differ in all their bits, or one word's first letter would undo the difference.
const WORD: u64 = 0xcbf2_9ce4_8422_2325;
const OPENING: u64 = 0x9e37_79b9_7f4a_7c15;
const FORM: u64 = 0xc2b2_ae3d_27d4_eb4f;
const FIRST_LINE: u64 = 0x1656_67b1_9e37_79f9;

/// The buckets of a text, ascending, each once; none of a text without words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wording(Vec<u32>);

impl Wording {
    /// The words of a text.
    #[must_use]
    pub fn read(text: &str) -> Self {
        Self::of_beginning(text, MOST_BYTES)
    }

    /// The words of the first bytes of a text.
    pub(in crate::domain) fn of_beginning(text: &str, most_bytes: usize) -> Self {
        let text = text.get(..text.floor_char_boundary(most_bytes)).unwrap_or_default();
        let lower = text.to_lowercase();
        // What is asked stands before what it is asked of, or the options.
        let first_line = lower.lines().next().unwrap_or_default().len();
        let (mut counts, mut opening) = (Counts::default(), OPENING);
        let (mut hashes, mut buckets) = (Vec::with_capacity(256), Vec::with_capacity(256));
        for (place, word) in words(&lower) {
            counts.add(word);
            if hashes.len() < OPENING_WORDS {
                opening = hash(opening, word);
                buckets.push(bucket(opening));
            }
            if place < first_line {
                buckets.push(bucket(hash(FIRST_LINE, word)));
            }
            hashes.push(hash(WORD, word));
        }
        if hashes.is_empty() {
            return Self::default();
        }
        hashes.sort_unstable();
        hashes.dedup();
        counts.distinct = hashes.len();
        buckets.extend(hashes.into_iter().map(bucket));
        buckets.extend(form(text, &lower, &counts).iter().map(|form| bucket(hash(FORM, form))));
        Self::new(buckets)
    }

    /// The same in fewer buckets, from which the words cannot be told.
    #[must_use]
    pub fn coarse(self) -> Self {
        let shift = BUCKETS.trailing_zeros() - COARSE_BUCKETS.trailing_zeros();
        Self::new(self.0.into_iter().map(|bucket| bucket >> shift).collect())
    }

    /// Of these buckets.
    #[must_use]
    pub fn new(mut buckets: Vec<u32>) -> Self {
        buckets.sort_unstable();
        buckets.dedup();
        Self(buckets)
    }

    /// The buckets, ascending.
    #[must_use]
    pub fn buckets(&self) -> &[u32] {
        &self.0
    }

    /// Two bytes a bucket of a coarse wording.
    #[must_use]
    pub fn packed(&self) -> Vec<u8> {
        self.0.iter().filter_map(|bucket| u16::try_from(*bucket).ok()).flat_map(u16::to_le_bytes).collect()
    }

    /// What [`Self::packed`] made.
    #[must_use]
    pub fn unpacked(bytes: &[u8]) -> Self {
        let (pairs, _) = bytes.as_chunks::<2>();
        Self::new(pairs.iter().map(|pair| u32::from(u16::from_le_bytes(*pair))).collect())
    }

    /// A number that texts of the same buckets share.
    #[must_use]
    pub fn sum(&self) -> u64 {
        self.0.iter().fold(WORD, |sum, bucket| step(sum, u64::from(*bucket)))
    }
}

/// The words of `text`, each with its place.
pub(super) fn words(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let pieces = text.split(|character: char| !character.is_alphanumeric()).filter(|word| !word.is_empty());
    // A piece is a part of the text.
    pieces.map(move |word| (word.as_ptr().addr() - text.as_ptr().addr(), word))
}

/// FNV-1a, 64 bit: short, and the same on every machine.
fn hash(start: u64, word: &str) -> u64 {
    word.bytes().fold(start ^ 0x20, |hash, byte| step(hash, u64::from(byte)))
}

fn step(hash: u64, value: u64) -> u64 {
    (hash ^ value).wrapping_mul(0x0000_0100_0000_01b3)
}

/// The upper bits mix best.
#[expect(clippy::cast_possible_truncation, reason = "below the number of buckets")]
fn bucket(hash: u64) -> u32 {
    (hash.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (64 - BUCKETS.trailing_zeros())) as u32
}
