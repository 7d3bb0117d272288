//! A learned model as the file that the router reads.

use crate::learn::{Linear, SHARPNESS, Scores};
use neptune_router::domain::task_type::model::{
    BUCKET_BYTES, BUCKETS, HEADER_BYTES, KINDS, MAGIC, MODEL_BYTES, PLACES, place_of,
};
use std::collections::BTreeMap;

/// The bytes of a model.
pub type Packed = [u8; MODEL_BYTES];

/// One weight in so many may be larger than what a byte can hold, and is cut.
const CUT_ONE_IN: usize = 2_000;

/// Packs a model whose features have these keys; at most [`PLACES`] of a bucket are kept.
/// `temperature` divides the scores: above 1 the model is less sure.
#[must_use]
pub fn pack(model: &Linear, keys: &BTreeMap<u64, u32>, temperature: f32) -> Box<Packed> {
    let unit = unit(model);
    let mut buckets = vec![[0_u8; BUCKET_BYTES]; BUCKETS];
    for (key, number) in keys {
        let (bucket, check) = place_of(*key);
        if let (Some(bucket), Some(weights)) = (buckets.get_mut(bucket), model.weights.get(*number as usize)) {
            put(bucket, check, weights, unit);
        }
    }
    let mut packed = Box::new([0; MODEL_BYTES]);
    let numbers = std::iter::once(unit * SHARPNESS / temperature).chain(model.bias.map(|bias| bias / temperature));
    let header = MAGIC.into_iter().chain(numbers.flat_map(f32::to_le_bytes)).chain(std::iter::repeat(0));
    let bytes = header.take(HEADER_BYTES).chain(buckets.into_iter().flatten());
    for (place, byte) in packed.iter_mut().zip(bytes) {
        *place = byte;
    }
    packed
}

/// What one step of a byte stands for.
fn unit(model: &Linear) -> f32 {
    let mut sizes: Vec<f32> = model.weights.iter().flatten().map(|weight| weight.abs()).collect();
    sizes.sort_by(f32::total_cmp);
    let most = sizes.get(sizes.len() - sizes.len().div_ceil(CUT_ONE_IN).min(sizes.len())).copied();
    most.filter(|most| *most > 0.0).unwrap_or(1.0) / f32::from(i8::MAX)
}

fn put(bucket: &mut [u8; BUCKET_BYTES], check: u16, weights: &Scores, unit: f32) {
    let (checks, places) = bucket.split_at_mut(PLACES * 2);
    let free = checks.as_chunks_mut::<2>().0.iter_mut().zip(places.as_chunks_mut::<KINDS>().0);
    for (taken, place) in free {
        if *taken == [0, 0] {
            *taken = check.to_le_bytes();
            *place = weights.map(|weight| {
                #[expect(clippy::cast_possible_truncation, reason = "clamped to what a byte holds")]
                let steps = (weight / unit).round().clamp(-127.0, 127.0) as i8;
                steps.cast_unsigned()
            });
            return;
        }
    }
}
