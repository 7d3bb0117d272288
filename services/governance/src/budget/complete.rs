//! Whether a budget knows what was spent in it, and how it gets to know.

use super::{Budgets, COUNTER_SECONDS};
use neptune_contracts::{PicoUsd, Timestamp};
use redis::RedisError;

/// Clocks of broker and governance differ by less than this; so facts that were stored until then
/// may be in the ledger's sum.
const CLOCK_SLACK_MS: i64 = 60_000;

impl Budgets {
    /// Whether each of `scopes` (`<budget>:<period>`) knows what was spent in it.
    ///
    /// # Errors
    /// Redis does not answer.
    pub async fn are_complete(&self, scopes: impl IntoIterator<Item = &str>) -> Result<Vec<bool>, RedisError> {
        let mut pipeline = redis::pipe();
        for scope in scopes {
            pipeline.cmd("HEXISTS").arg(self.budget_key(scope)).arg("through");
        }
        if pipeline.is_empty() {
            return Ok(Vec::new());
        }
        pipeline.query_async(&mut self.connection.clone()).await
    }

    /// Makes a scope complete: `sum` was spent by the facts up to sequence `through`, and those that
    /// were settled meanwhile come on top. A fact up to `through` that is settled later is not counted
    /// again. Returns whether this call did it; a scope that is complete stays as it is.
    ///
    /// # Errors
    /// Redis does not answer.
    pub async fn fill(&self, scope: &str, sum: PicoUsd, through: u64, now: Timestamp) -> Result<bool, RedisError> {
        let budget = self.budget_key(scope);
        let mut call = self.fill.prepare_invoke();
        call.key(&budget).key(format!("{budget}:late")).arg(sum.0).arg(through);
        call.arg(now.plus_millis(CLOCK_SLACK_MS).unix_micros() / 1_000).arg(COUNTER_SECONDS);
        call.invoke_async(&mut self.connection.clone()).await
    }
}
