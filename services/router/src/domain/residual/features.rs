//! Words, pairs of neighbouring words and the form of a text, hashed into buckets.

use std::collections::HashMap;

/// Buckets that words are hashed into. Two words in one bucket share a weight; with some 10,000
/// distinct words a tenth of the words do.
pub(super) const BUCKETS: usize = 1 << 16;
/// Bytes of a text that are read; material that follows says little about which model can do it.
const MOST_BYTES: usize = 6_000;

/// The features of one text: buckets in ascending order, each once, with their values. The squares
/// of the values add up to one, unless there are none.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Features(Vec<(u32, f32)>);

impl Features {
    /// Buckets and values.
    #[must_use]
    pub fn entries(&self) -> &[(u32, f32)] {
        &self.0
    }
}

/// How rare the words of each bucket are.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Vocabulary {
    /// By bucket: the logarithm of texts per text that has it, 0 where no text has.
    rarity: Vec<f32>,
}

impl Vocabulary {
    /// Counts the words of `texts`.
    pub(super) fn of(texts: &[&str]) -> Self {
        let mut texts_with = vec![0_u32; BUCKETS];
        for text in texts {
            for bucket in counts(text).into_keys() {
                if let Some(count) = texts_with.get_mut(bucket as usize) {
                    *count += 1;
                }
            }
        }
        let total = texts.len();
        // A word that only one text has cannot be told from chance.
        let rarity = |count: u32| if count < 2 { 0.0 } else { rarity(total, count) };
        Self { rarity: texts_with.into_iter().map(rarity).collect() }
    }

    /// The features of `text`.
    pub(super) fn features(&self, text: &str) -> Features {
        let mut entries: Vec<(u32, f32)> = counts(text)
            .into_iter()
            .filter_map(|(bucket, count)| {
                let rarity = self.rarity.get(bucket as usize).copied().filter(|rarity| *rarity > 0.0)?;
                Some((bucket, (1.0 + count.ln()) * rarity))
            })
            .collect();
        entries.sort_unstable_by_key(|(bucket, _)| *bucket);
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

/// How often each bucket occurs.
fn counts(text: &str) -> HashMap<u32, f32> {
    let text = text.get(..text.floor_char_boundary(MOST_BYTES)).unwrap_or_default().to_lowercase();
    let mut counts = HashMap::new();
    let mut count = |hash: u64| *counts.entry(bucket(hash)).or_insert(0.0) += 1.0;
    let (mut before, mut opening) = (None, OPENING);
    for (position, word) in words(&text).enumerate() {
        let own = hash(WORD, word);
        count(own);
        if let Some(before) = before {
            count(hash(before, word));
        }
        if position < OPENING_WORDS {
            opening = hash(opening, word);
            count(opening);
        }
        before = Some(own);
    }
    for form in form(&text) {
        count(hash(FORM, &form));
    }
    counts
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|character: char| !character.is_alphanumeric()).filter(|word| !word.is_empty())
}

/// What a text looks like: its length, figures, signs and the lengths of its lines, all on
/// logarithmic scales.
fn form(text: &str) -> Vec<String> {
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    let lines: Vec<usize> = text.lines().map(str::len).collect();
    let length = scale(text.len());
    let mut form = vec![
        format!("length {length}"),
        format!("length {}", length + 1),
        format!("digits {}", scale(digits)),
        format!("lines {}", lines.len()),
    ];
    form.extend(SIGNS.iter().filter(|sign| text.contains(**sign)).map(|sign| format!("sign {sign}")));
    // Between the question and the cue to answer stand the options, or the material.
    if let [first, middle @ .., _] = lines.as_slice()
        && let (Some(shortest), Some(longest)) = (middle.iter().min(), middle.iter().max())
    {
        form.push(format!("first line {}", scale(*first)));
        form.push(format!("lines of {}", scale(middle.iter().sum::<usize>() / middle.len())));
        form.push(format!("from {} to {}", scale(*shortest), scale(*longest)));
    }
    form
}

/// Two steps for each factor of e.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a small positive number"
)]
fn scale(count: usize) -> usize {
    (((count + 1) as f64).ln() * 2.0) as usize
}

/// Signs that tell formulas, code and tables from prose.
const SIGNS: [char; 11] = ['$', '%', '=', '_', '|', '?', '<', '+', '*', '/', '^'];
/// So many words open a text.
const OPENING_WORDS: usize = 3;
/// Starts of the hashes of words, openings and forms: FNV's own offset, and two others.
const WORD: u64 = 0xcbf2_9ce4_8422_2325;
const OPENING: u64 = WORD ^ 1;
const FORM: u64 = WORD ^ 2;

/// FNV-1a, 64 bit: short, and the same on every machine.
fn hash(start: u64, word: &str) -> u64 {
    word.bytes().fold(start ^ 0x20, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3))
}

/// The upper bits mix best.
#[expect(clippy::cast_possible_truncation, reason = "below the number of buckets")]
fn bucket(hash: u64) -> u32 {
    (hash.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (64 - BUCKETS.trailing_zeros())) as u32
}
