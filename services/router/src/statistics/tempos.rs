//! How budgets are kept in step, for all replicas.
//!
//! Key (hash tag = namespace): `{ns}:r:tempos` one JSON per budget and period. It goes when nothing was
//! paid out of any of them for longer than a period.

use super::Store;
use crate::domain::tempo::Controller;
use redis::RedisError;
use std::collections::HashMap;

/// Longer than a month.
const KEPT_SECONDS: i64 = 40 * 24 * 3_600;

impl Store {
    /// The controllers of all replicas.
    ///
    /// # Errors
    /// Redis does not answer.
    pub async fn read_tempos(&self) -> Result<HashMap<String, Controller>, RedisError> {
        let records: HashMap<String, String> =
            redis::cmd("HGETALL").arg(self.key("tempos")).query_async(&mut self.connection.clone()).await?;
        let read = |(budget, record): (String, String)| Some((budget, serde_json::from_str(&record).ok()?));
        Ok(records.into_iter().filter_map(read).collect())
    }

    /// Stores controllers, and forgets those of periods that are over.
    ///
    /// # Errors
    /// Redis does not answer.
    pub async fn write_tempos(&self, tempos: &[(String, Controller)], over: &[String]) -> Result<(), RedisError> {
        if tempos.is_empty() && over.is_empty() {
            return Ok(());
        }
        let mut pipe = redis::pipe();
        for (budget, controller) in tempos {
            let record = serde_json::json!(controller).to_string();
            pipe.hset(self.key("tempos"), budget, record).ignore();
        }
        for budget in over {
            pipe.hdel(self.key("tempos"), budget).ignore();
        }
        pipe.expire(self.key("tempos"), KEPT_SECONDS).ignore();
        pipe.query_async(&mut self.connection.clone()).await
    }
}
