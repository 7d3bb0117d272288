//! Shadow traffic in Redis: what it may still cost today, and how often each model answered.
//!
//! Keys (hash tag = namespace): `{ns}:r:shadow:<route>:<date>` the micro-dollars reserved on that day
//! and the copies they are for, for two days; `{ns}:r:shadows` how many copies each model answered,
//! and `{ns}:r:shadows:<model>` which, up to as many as a nursery can ask for.

use super::Store;
use neptune_contracts::{PicoUsd, Timestamp, ids::TaskId, resource::MOST_NURSERY};
use redis::RedisError;

const DAYS_KEPT_SECONDS: u32 = 2 * 86_400;
/// Whole micro-dollars, because the script's numbers hold no more than 53 bits.
const PICO_PER_MICRO: i64 = 1_000_000;

impl Store {
    /// Reserves the cost of a copy within what the copies of a route may cost on the day of `now`
    /// (UTC); a copy that has its reservation keeps it. Tells whether there is one.
    ///
    /// # Errors
    /// Redis does not answer.
    pub async fn reserve_shadow(
        &self,
        (route, copy): (&str, TaskId),
        money: (PicoUsd, PicoUsd),
        now: Timestamp,
    ) -> Result<bool, RedisError> {
        self.reserve(&format!("shadow:{route}"), copy, money, now).await
    }

    /// Reserves the cost of a task that is about another one, within the cap of the day of `now`.
    pub(super) async fn reserve(
        &self,
        purpose: &str,
        task: TaskId,
        (cost, cap): (PicoUsd, PicoUsd),
        now: Timestamp,
    ) -> Result<bool, RedisError> {
        let date: String = now.to_string().chars().take(10).collect();
        let mut call = self.reserve_shadow.key(self.key(&format!("{purpose}:{date}")));
        call.arg(task.to_string()).arg((cost.0 + PICO_PER_MICRO - 1) / PICO_PER_MICRO);
        call.arg(cap.0 / PICO_PER_MICRO).arg(DAYS_KEPT_SECONDS);
        call.invoke_async(&mut self.connection.clone()).await
    }

    /// Counts copies that models answered, each once.
    ///
    /// # Errors
    /// Redis does not answer.
    pub async fn count_shadows(&self, answered: &[(String, TaskId)]) -> Result<(), RedisError> {
        for (model, copy) in answered {
            let mut call = self.count_shadow.key(self.key("shadows"));
            call.key(self.key(&format!("shadows:{model}")));
            call.arg(model).arg(copy.to_string()).arg(MOST_NURSERY);
            let _: u64 = call.invoke_async(&mut self.connection.clone()).await?;
        }
        Ok(())
    }
}
