//! How long a model's answers take: a histogram with buckets that grow by 15 %, so that quantiles
//! are known to that much.

/// Buckets; the last one holds everything beyond.
pub const BUCKETS: usize = 64;
/// Where the first bucket ends, in milliseconds.
const FIRST_MS: f64 = 10.0;
/// A bucket ends this many times later than the one before: the last one after 67 s.
const GROWTH: f64 = 1.15;
/// Answers in the histogram at which all counts are halved, so that old ones fade.
pub const MEMORY: u32 = 2_000;
/// With fewer answers the slowest of a hundred are not known.
const LEAST_ANSWERS: f64 = 200.0;

/// Counts of answers by latency.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tail {
    counts: Vec<f64>,
}

/// The bucket of an answer.
#[must_use]
pub fn bucket(latency_ms: u64) -> usize {
    let ends = (0..BUCKETS - 1).map(end_ms);
    #[expect(clippy::cast_precision_loss, reason = "a latency in milliseconds fits")]
    let latency_ms = latency_ms as f64;
    ends.take_while(|end_ms| *end_ms < latency_ms).count()
}

fn end_ms(bucket: usize) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "at most 64")]
    let power = bucket as f64;
    FIRST_MS * libm::pow(GROWTH, power)
}

impl Tail {
    /// From counts by bucket; those beyond the last bucket are none.
    pub fn of(counts: impl Iterator<Item = (usize, f64)>) -> Self {
        let mut tail = Self { counts: vec![0.0; BUCKETS] };
        for (bucket, count) in counts {
            if let Some(kept) = tail.counts.get_mut(bucket) {
                *kept += count.max(0.0);
            }
        }
        tail
    }

    /// The time in milliseconds within which this `share` of the answers came, 0 to 1; nothing when
    /// too few were seen.
    #[must_use]
    pub fn quantile_ms(&self, share: f64) -> Option<f64> {
        let sum: f64 = self.counts.iter().sum();
        if sum < LEAST_ANSWERS {
            return None;
        }
        let mut below = 0.0;
        let reached = self.counts.iter().position(|count| {
            below += count;
            below >= share * sum
        });
        reached.map(end_ms)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    fn tail(latencies_ms: impl Iterator<Item = u64>) -> Tail {
        Tail::of(latencies_ms.map(|latency_ms| (bucket(latency_ms), 1.0)))
    }

    #[test]
    fn few_answers_say_nothing() {
        assert_eq!(tail(0..199).quantile_ms(0.5), None);
        assert!(tail(0..200).quantile_ms(0.5).is_some());
        assert_eq!(Tail::default().quantile_ms(0.5), None);
    }

    #[test]
    fn the_last_bucket_holds_everything_beyond() {
        assert_eq!((bucket(0), bucket(10), bucket(11)), (0, 0, 1));
        assert_eq!(bucket(u64::MAX), BUCKETS - 1);
        assert_eq!(Tail::of([(999, 1_000.0)].into_iter()).quantile_ms(0.5), None);
    }

    proptest! {
        #[test]
        fn quantiles_are_right_to_a_bucket(mut latencies_ms in proptest::collection::vec(1..60_000_u64, 200..400), share in 0.01..0.999_f64) {
            latencies_ms.sort_unstable();
            #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a few hundred")]
            let rank = ((share * latencies_ms.len() as f64).ceil() as usize).max(1) - 1;
            #[expect(clippy::cast_precision_loss, reason = "small")]
            let exact = (*latencies_ms.get(rank).unwrap()).max(10) as f64;
            let found = tail(latencies_ms.iter().copied()).quantile_ms(share).unwrap();
            prop_assert!(found >= exact * 0.999 && found <= exact * GROWTH * 1.001, "{found} of {exact}");
        }
    }
}
