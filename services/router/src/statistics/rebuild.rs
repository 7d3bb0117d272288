//! Whether Redis has what the facts say, and whose turn it is to see to it.
//!
//! Keys (hash tag = namespace): `{ns}:r:built` is there while the statistics are whole; a Redis that lost
//! its data lost the mark with it. `{ns}:r:rebuilding` names the replica that rebuilds them, and goes by
//! itself when that replica dies.

use super::Store;
use redis::{RedisError, Script};
use std::time::Duration;

/// A replica that says nothing for so long does not rebuild any more.
pub const TURN_LASTS: Duration = Duration::from_secs(15);

/// Sets the mark and ends the turn, if it is still one's own.
const FINISH: &str = "
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[2], ARGV[2])
redis.call('DEL', KEYS[1])
return 1";
/// Lengthens the turn, if it is still one's own.
const RENEW: &str = "
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])";

impl Store {
    /// Whether the statistics are whole.
    ///
    /// # Errors
    /// Redis does not answer.
    pub async fn is_whole(&self) -> Result<bool, RedisError> {
        redis::cmd("EXISTS").arg(self.key("built")).query_async(&mut self.connection.clone()).await
    }

    /// Takes the turn to rebuild; false while another replica has it.
    ///
    /// # Errors
    /// Redis does not answer.
    pub async fn take_turn(&self, replica: &str) -> Result<bool, RedisError> {
        let mut set = redis::cmd("SET");
        set.arg(self.key("rebuilding")).arg(replica).arg("NX").arg("PX").arg(turn_ms());
        let answer: Option<String> = set.query_async(&mut self.connection.clone()).await?;
        Ok(answer.is_some())
    }

    /// Says that the replica still rebuilds; false when its turn is over, because it was silent for too
    /// long or because Redis lost its data again.
    ///
    /// # Errors
    /// Redis does not answer.
    pub async fn keep_turn(&self, replica: &str) -> Result<bool, RedisError> {
        let script = Script::new(RENEW);
        let mut call = script.key(self.key("rebuilding"));
        call.arg(replica).arg(turn_ms()).invoke_async(&mut self.connection.clone()).await
    }

    /// Marks the statistics as whole at `now_ms` and ends the turn; false when it was over before.
    ///
    /// # Errors
    /// Redis does not answer.
    pub async fn end_turn(&self, replica: &str, now_ms: i64) -> Result<bool, RedisError> {
        let script = Script::new(FINISH);
        let mut call = script.key(self.key("rebuilding"));
        call.key(self.key("built")).arg(replica).arg(now_ms).invoke_async(&mut self.connection.clone()).await
    }
}

fn turn_ms() -> u64 {
    u64::try_from(TURN_LASTS.as_millis()).unwrap_or(u64::MAX)
}
