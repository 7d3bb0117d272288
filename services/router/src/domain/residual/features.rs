//! What a text's buckets count: the rarer, the more.

use super::wording::{BUCKETS, Wording};

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
    pub(super) fn of(texts: &[&Wording]) -> Self {
        let mut texts_with = vec![0_u32; BUCKETS];
        for bucket in texts.iter().flat_map(|text| text.buckets()) {
            if let Some(count) = texts_with.get_mut(*bucket as usize) {
                *count += 1;
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
    pub(super) fn features(&self, text: &Wording) -> Features {
        let entry = |bucket: &u32| {
            let column = *self.columns.get(*bucket as usize)?;
            Some((column, *self.rarity.get(column as usize)?))
        };
        let mut entries: Vec<(u32, f32)> = text.buckets().iter().filter_map(entry).collect();
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
