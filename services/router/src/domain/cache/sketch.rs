//! MinHash with bands: texts that share most words and pairs of words meet in a place.
//! Broder, "On the resemblance and containment of documents", 1997.

use super::Words;
use crate::domain::hash::fnv1a;

const BANDS: usize = 16;
const ROWS: usize = 4;

/// The places of a text: one a band.
pub(super) fn bands(words: &Words) -> Vec<String> {
    let mut least = [u64::MAX; BANDS * ROWS];
    for shingle in shingles(words) {
        for (seed, least) in (1_u64..).zip(&mut least) {
            *least = (*least).min(mix(shingle ^ mix(seed)));
        }
    }
    let band = |(index, rows): (usize, &[u64])| {
        let place = rows.iter().fold(0, |place, row| mix(place ^ row));
        format!("{index:x}.{place:016x}")
    };
    least.chunks(ROWS).enumerate().map(band).collect()
}

/// How much of their words and pairs of words two texts share, 0 to 1 (Jaccard).
pub(super) fn resemblance(one: &Words, other: &Words) -> f64 {
    let sorted = |words: &Words| {
        let mut shingles: Vec<u64> = shingles(words).collect();
        shingles.sort_unstable();
        shingles.dedup();
        shingles
    };
    let (one, other) = (sorted(one), sorted(other));
    let shared = one.iter().filter(|shingle| other.binary_search(shingle).is_ok()).count();
    let all = one.len() + other.len() - shared;
    #[expect(clippy::cast_precision_loss, reason = "a few thousand at most")]
    let share = |count: usize| count as f64;
    if all == 0 { 1.0 } else { share(shared) / share(all) }
}

fn shingles(words: &Words) -> impl Iterator<Item = u64> {
    let single = words.content.iter().map(|word| fnv1a(word));
    let pairs = words.content.iter().zip(words.content.iter().skip(1));
    single.chain(pairs.map(|(first, second)| mix(fnv1a(first).rotate_left(1) ^ fnv1a(second))))
}

/// The finalizer of SplitMix64.
fn mix(value: u64) -> u64 {
    let value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}
