//! A linear model with hashed features and weights of one byte.
//!
//! The file is a header and buckets. A feature's key names its bucket by its upper bits and is
//! told from the others there by its lower ones, so that a feature the model does not know is
//! passed over instead of being taken for another. [`MODEL_BYTES`] has the layout.

use super::{
    features::{VERSION, features},
    tokens::Tokens,
};
use neptune_contracts::names::TaskType;

/// The classes.
pub const KINDS: usize = TaskType::ALL.len();
/// Groups of features; a power of two.
pub const BUCKETS: usize = 4_096;
/// Features in a bucket.
pub const PLACES: usize = 8;
/// Bytes of a bucket: per place a check of two bytes (0 where nothing is), then per place a signed
/// byte per class.
pub const BUCKET_BYTES: usize = PLACES * (2 + KINDS);
/// Bytes of the header: [`MAGIC`], the unit of the weights and a bias per class (`f32`, little
/// endian), zeros.
pub const HEADER_BYTES: usize = 64;
/// Bytes of a model.
pub const MODEL_BYTES: usize = HEADER_BYTES + BUCKETS * BUCKET_BYTES;
/// How a model begins: what it is, for which features, and how many classes it has.
pub const MAGIC: [u8; 8] = [b'N', b'P', b'T', b'T', VERSION, 10, 0, 0];

const _: () = assert!(KINDS == 10, "the header says how many classes there are");

static EMBEDDED: &[u8; MODEL_BYTES] = include_bytes!("weights.bin");

const _: () = assert!(is_model(EMBEDDED), "weights.bin is for other features; run `make train-task-type`");

/// The weights of a trained model.
#[derive(Clone, Copy)]
pub struct Model<'a>(&'a [u8; MODEL_BYTES]);

/// A class and the probability of being it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Likely {
    /// The class.
    pub task_type: TaskType,
    /// 0 to 1, cut to thousandths; those of all classes add up to 1 at most.
    pub confidence: f64,
}

impl Model<'static> {
    /// The model that ships with the router.
    #[must_use]
    pub fn embedded() -> Self {
        Self(EMBEDDED)
    }
}

impl<'a> Model<'a> {
    /// A model from its bytes; nothing when they begin otherwise.
    #[must_use]
    pub fn read(bytes: &'a [u8; MODEL_BYTES]) -> Option<Self> {
        is_model(bytes).then_some(Self(bytes))
    }

    /// The two likeliest classes of a text, the likelier first.
    #[must_use]
    pub fn classify(&self, text: &Tokens) -> [Likely; 2] {
        two_best(&softmax(&self.scores(text)))
    }

    /// The score of each class: the logarithm of its probability, but for a constant.
    #[must_use]
    pub fn scores(&self, text: &Tokens) -> [f32; KINDS] {
        let (mut sums, mut known) = ([0_i32; KINDS], 0_u16);
        let mut seen = [0_u64; BUCKETS * PLACES / 64];
        let (buckets, _) = self.0.get(HEADER_BYTES..).unwrap_or_default().as_chunks::<BUCKET_BYTES>();
        features(text, &mut |key| {
            let Some((place, weights)) = find(buckets, key) else { return };
            let Some(word) = seen.get_mut(place / 64) else { return };
            let bit = 1_u64 << (place % 64);
            if *word & bit == 0 {
                *word |= bit;
                known += 1;
                for (sum, weight) in sums.iter_mut().zip(weights) {
                    *sum += i32::from(weight.cast_signed());
                }
            }
        });
        let mut numbers = self.header_numbers();
        let unit = numbers.next().unwrap_or_default() / f32::from(known.max(1)).sqrt();
        let mut scores = [0.0; KINDS];
        for ((score, sum), bias) in scores.iter_mut().zip(sums).zip(numbers) {
            #[expect(clippy::cast_precision_loss, reason = "at most some thousand times 127")]
            let sum = sum as f32;
            *score = bias + unit * sum;
        }
        scores
    }

    fn header_numbers(&self) -> impl Iterator<Item = f32> {
        let (numbers, _) = self.0.get(MAGIC.len()..HEADER_BYTES).unwrap_or_default().as_chunks::<4>();
        numbers.iter().map(|bytes| f32::from_le_bytes(*bytes))
    }
}

/// Where the feature with this key belongs, and its check. Every bucket of a model is found so.
#[must_use]
pub const fn place_of(key: u64) -> (usize, u16) {
    let check = (key & 0xffff) as u16;
    ((key >> 52) as usize, if check == 0 { 1 } else { check })
}

fn find(buckets: &[[u8; BUCKET_BYTES]], key: u64) -> Option<(usize, &[u8])> {
    let (number, check) = place_of(key);
    let (checks, weights) = buckets.get(number)?.split_at(PLACES * 2);
    let (checks, _) = checks.as_chunks::<2>();
    let place = checks.iter().position(|bytes| u16::from_le_bytes(*bytes) == check)?;
    Some((number * PLACES + place, weights.get(place * KINDS..(place + 1) * KINDS)?))
}

const fn is_model(bytes: &[u8; MODEL_BYTES]) -> bool {
    matches!(bytes.first_chunk::<8>(), Some(start) if u64::from_le_bytes(*start) == u64::from_le_bytes(MAGIC))
}

fn softmax(scores: &[f32; KINDS]) -> [f64; KINDS] {
    let most = scores.iter().copied().fold(f32::MIN, f32::max);
    let shares = scores.map(|score| f64::from(score - most).exp());
    let sum: f64 = shares.iter().sum();
    shares.map(|share| share / sum)
}

fn two_best(shares: &[f64; KINDS]) -> [Likely; 2] {
    let mut best = [(TaskType::Chat, -1.0), (TaskType::Chat, -1.0)];
    for (task_type, share) in TaskType::ALL.iter().zip(shares) {
        let [first, second] = &mut best;
        if *share > first.1 {
            *second = std::mem::replace(first, (*task_type, *share));
        } else if *share > second.1 {
            *second = (*task_type, *share);
        }
    }
    best.map(|(task_type, share)| Likely { task_type, confidence: (share * 1_000.0).floor().max(0.0) / 1_000.0 })
}
