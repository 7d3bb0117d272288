//! How long an attempt may take.

use neptune_contracts::Timestamp;

/// The attempt's own limit or what is left until `deadline`, whichever is less; nothing when
/// nothing is left.
#[must_use]
pub fn time_for_attempt(timeout_ms: u64, deadline: Option<Timestamp>, now: Timestamp) -> Option<u64> {
    let left_ms = deadline.map_or(u64::MAX, |deadline| deadline.micros_since(now) / 1_000);
    let allowed = timeout_ms.min(left_ms);
    (allowed > 0).then_some(allowed)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_tighter_limit_holds() {
        let now = Timestamp::from_unix_micros(1_000_000_000).unwrap();
        assert_eq!(time_for_attempt(5_000, None, now), Some(5_000));
        assert_eq!(time_for_attempt(5_000, Some(now.plus_millis(300)), now), Some(300));
        assert_eq!(time_for_attempt(5_000, Some(now.plus_millis(-1)), now), None);
    }
}
