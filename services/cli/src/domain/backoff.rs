//! How long to wait before a process that ended is started again.

use std::time::Duration;

/// The first wait. Short, because one crash says nothing about the next start.
const FIRST: Duration = Duration::from_millis(100);
/// The longest wait.
const LONGEST: Duration = Duration::from_secs(5);
/// A process that ran this long counts as healthy: its next end is a first one again.
pub const HEALTHY_AFTER: Duration = Duration::from_secs(30);

/// The wait after the `failures`-th end in a row (counted from 1), doubled each time and spread by
/// a quarter each way. `jitter` is 0 to 1.
#[must_use]
pub fn delay(failures: u32, jitter: f64) -> Duration {
    let doublings = failures.saturating_sub(1).min(16);
    let base = FIRST.saturating_mul(1 << doublings).min(LONGEST);
    base.mul_f64(0.75 + 0.5 * jitter.clamp(0.0, 1.0))
}

/// How many ends in a row it is now, after one more run that lasted `ran`.
#[must_use]
pub fn failures_after(failures: u32, ran: Duration) -> u32 {
    if ran >= HEALTHY_AFTER { 1 } else { failures.saturating_add(1) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest() {
        let waits: Vec<u128> = (1..=8).map(|failures| delay(failures, 0.5).as_millis()).collect();
        assert_eq!(waits, [100, 200, 400, 800, 1600, 3200, 5000, 5000]);
        assert_eq!(delay(u32::MAX, 0.5), LONGEST);
    }

    #[test]
    fn jitter_spreads_a_quarter_each_way() {
        assert_eq!(delay(1, 0.0), Duration::from_millis(75));
        assert_eq!(delay(1, 1.0), Duration::from_millis(125));
    }

    #[test]
    fn a_healthy_run_starts_the_count_anew() {
        assert_eq!(failures_after(7, Duration::from_secs(29)), 8);
        assert_eq!(failures_after(7, Duration::from_secs(30)), 1);
    }
}
