//! Which part of a route's traffic a task belongs to.

use neptune_contracts::resource::SplitSpec;

/// The part that `lot` falls into, by weight. The same lot stays in its part as long as the parts
/// before it keep their shares.
#[must_use]
pub fn part(split: &[SplitSpec], lot: u128) -> Option<&SplitSpec> {
    let sum: u64 = split.iter().map(|part| u64::from(part.weight)).sum();
    let mut place = u64::try_from(mix(lot) % u128::from(sum.max(1))).unwrap_or(0);
    split.iter().find(|part| {
        let weight = u64::from(part.weight);
        let is_here = place < weight;
        place = place.saturating_sub(weight);
        is_here
    })
}

/// Ids begin with the time; their end alone is even. Two rounds of a multiplication spread both.
fn mix(lot: u128) -> u128 {
    const ODD: u128 = 0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835;
    let lot = (lot ^ (lot >> 64)).wrapping_mul(ODD);
    (lot ^ (lot >> 67)).wrapping_mul(ODD) >> 32
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use neptune_contracts::ids::TaskId;
    use proptest::prelude::*;

    fn split(weights: &[u32]) -> Vec<SplitSpec> {
        let part = |(index, weight): (usize, &u32)| SplitSpec {
            name: index.to_string(),
            weight: *weight,
            models: vec!["a/b".into()],
        };
        weights.iter().enumerate().map(part).collect()
    }

    #[test]
    fn shares_are_as_weighed() {
        let split = split(&[90, 0, 10]);
        let mut counts = [0_u32; 3];
        for _ in 0..20_000 {
            let found = part(&split, TaskId::mint().0.as_u128()).unwrap();
            *counts.get_mut(found.name.parse::<usize>().unwrap()).unwrap() += 1;
        }
        assert!((17_700..18_300).contains(&counts[0]) && counts[1] == 0, "{counts:?}");
    }

    #[test]
    fn without_parts_there_is_none() {
        assert_eq!(part(&[], 7), None);
        assert_eq!(part(&split(&[0, 0]), 7), None);
    }

    proptest! {
        #[test]
        fn a_canary_that_grows_keeps_whom_it_has(lot: u128, weight in 0_u32..100, more in 0_u32..100) {
            let share = |canary: u32| split(&[canary.min(100), 100 - canary.min(100)]);
            let (before, after) = (share(weight), share(weight + more));
            if part(&before, lot).unwrap().name == "0" {
                prop_assert_eq!(part(&after, lot).unwrap().name.as_str(), "0");
            }
        }
    }
}
