//! Whether Redis has what the facts say, and whose turn it is to see to it.
//!
//! Keys (hash tag = namespace): `{ns}:r:built` is the mark of statistics that are whole. It names the run of
//! the server under which they became so: a Redis that lost its data lost the mark with it, and one that
//! came back with older data, from a snapshot or as another node, has another run than its mark. That it
//! lost nothing cannot be told, so it is taken to have; taking facts in again changes nothing. Where a
//! server names no run, a mark is believed. `{ns}:r:rebuilding` names the replica that rebuilds them, and goes by
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
        let mut ask = redis::pipe();
        ask.get(self.key("built")).cmd("INFO").arg("server");
        let (mark, told): (Option<String>, String) = ask.query_async(&mut self.connection.clone()).await?;
        Ok(mark.is_some_and(|mark| run_of(&told).is_none_or(|run| run == mark)))
    }

    /// The run of the server: another one after each start. Empty where the server names none.
    ///
    /// # Errors
    /// Redis does not answer.
    pub async fn run(&self) -> Result<String, RedisError> {
        let told: String = redis::cmd("INFO").arg("server").query_async(&mut self.connection.clone()).await?;
        Ok(run_of(&told).unwrap_or_default().to_owned())
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

    /// Marks the statistics as whole and ends the turn; false when it was over before. `run` is that of the
    /// server when the first fact was taken in: where it was started again since, the mark is void.
    ///
    /// # Errors
    /// Redis does not answer.
    pub async fn end_turn(&self, replica: &str, run: &str) -> Result<bool, RedisError> {
        let script = Script::new(FINISH);
        let mut call = script.key(self.key("rebuilding"));
        call.key(self.key("built")).arg(replica).arg(run).invoke_async(&mut self.connection.clone()).await
    }
}

/// The run in what a server tells of itself.
fn run_of(told: &str) -> Option<&str> {
    told.lines().find_map(|line| line.strip_prefix("run_id:")).map(str::trim).filter(|run| !run.is_empty())
}

fn turn_ms() -> u64 {
    u64::try_from(TURN_LASTS.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::run_of;

    #[test]
    fn a_server_names_its_run_or_none() {
        assert_eq!(run_of("# Server\r\nredis_version:7.0.15\r\nrun_id:4be1\r\ntcp_port:1\r\n"), Some("4be1"));
        assert_eq!(run_of("# Server\r\nversion:1\r\n"), None);
        assert_eq!(run_of("run_id:\r\n"), None);
    }
}
