//! Waiting for conditions. The only place where tests sleep.

use std::time::Duration;
use tokio::time::{Instant, sleep};

/// Asks `condition` until it holds.
///
/// # Panics
/// It does not hold within `timeout`.
pub async fn wait_until<C, F>(what: &str, timeout: Duration, mut condition: C)
where
    C: FnMut() -> F,
    F: Future<Output = bool>,
{
    let deadline = Instant::now() + timeout;
    while !condition().await {
        assert!(Instant::now() < deadline, "waited {timeout:?} in vain until {what}");
        sleep(Duration::from_millis(10)).await;
    }
}
