//! Whether Redis has what the facts say, and whose turn it is to see to it.
//!
//! Keys (hash tag = namespace): `{ns}:r:built` is the mark of statistics that are whole. It names the run of
//! the server under which they were so, and the rebuild that made them so: a Redis that lost its data lost the
//! mark with it, and one that was started again has another run than its mark. What it then has is a beginning of what was written to it, and
//! `{ns}:r:applied:<replica>` tells how far it reaches: each replica counts there what it has taken in, after
//! it was, and remembers the count. A replica that finds its count whole vouches for a Redis that was started
//! again ([`State::Restarted`]), and one that finds it short takes the mark away, whoever vouched. Replicas that
//! died together with Redis cannot object; where none is left that remembers, the facts are taken in again, which
//! changes nothing that is there. `{ns}:r:rebuilding` names the replica that does so, and goes by itself
//! when that replica dies.

use super::Store;
use redis::{RedisError, Script};
use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

/// A replica that says nothing for so long does not rebuild any more.
pub const TURN_LASTS: Duration = Duration::from_secs(15);
/// The count of a replica that is gone is forgotten after a week.
const APPLIED_KEPT_SECONDS: i64 = 604_800;

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
/// Puts another mark in the place of a known one; none when the other is empty.
const REPLACE: &str = "
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
if ARGV[2] == '' then return redis.call('DEL', KEYS[1]) end
redis.call('SET', KEYS[1], ARGV[2])
return 1";

/// What this replica knows of what it has taken in.
#[derive(Debug)]
pub(super) struct Applied {
    /// Names it among the replicas.
    replica: String,
    known: Mutex<Known>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Known {
    /// The rebuild that made the statistics whole, as far as this replica has seen.
    rebuild: Option<String>,
    /// Its count; 0 before it has one.
    count: u64,
    /// A count came back that was lower than one before.
    is_short: bool,
}

/// What is to be thought of the statistics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// They are whole.
    Whole,
    /// Redis was started again under another run, and has everything that this replica took in.
    Restarted {
        /// The mark of the run before.
        mark: String,
        /// The mark of this run.
        next: String,
    },
    /// The mark says that they are whole, and they lack what this replica took in.
    Short {
        /// The mark.
        mark: String,
    },
    /// They are not whole, or nobody knows.
    Lost,
}

impl Applied {
    pub(super) fn new() -> Self {
        Self { replica: uuid::Uuid::new_v4().to_string(), known: Mutex::default() }
    }

    fn change<T>(&self, change: impl FnOnce(&mut Known) -> T) -> T {
        // A count stays a count, whoever crashed beside it.
        change(&mut self.known.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Known {
    /// What is to be thought of statistics with this `mark`, under the `run` that the server names, where this
    /// replica's count is `counted` and was `expected` before that was asked.
    fn judge(&mut self, mark: String, run: Option<&str>, (counted, expected): (u64, u64)) -> State {
        let (of_run, rebuild) = mark.split_once(' ').unwrap_or((&mark, ""));
        // Where a server names no run, its mark is believed.
        let is_of_this_run = run.is_none_or(|run| run == of_run);
        if self.rebuild.as_deref() != Some(rebuild) {
            // Made whole since this replica last looked; or older, when it was not made so under this run.
            if !is_of_this_run {
                return State::Lost;
            }
            *self = Self { rebuild: Some(rebuild.to_owned()), count: counted, is_short: false };
            return State::Whole;
        }
        match run {
            _ if self.is_short || counted < expected => State::Short { mark },
            Some(run) if !is_of_this_run && self.count > 0 => {
                State::Restarted { next: format!("{run} {rebuild}"), mark }
            }
            _ if is_of_this_run => State::Whole,
            _ => State::Lost,
        }
    }
}

impl Store {
    /// Counts that something was taken in: to be told after it was, and before its fact is acknowledged.
    ///
    /// # Errors
    /// Redis does not answer.
    pub async fn advance(&self) -> Result<(), RedisError> {
        let before = self.applied.change(|known| known.count);
        let (key, mut pipe) = (self.applied_key(), redis::pipe());
        pipe.incr(&key, 1_u64).expire(&key, APPLIED_KEPT_SECONDS).ignore();
        let (count,): (u64,) = pipe.query_async(&mut self.connection.clone()).await?;
        self.applied.change(|known| {
            // What was counted before this began must be in it.
            known.is_short |= count <= before;
            known.count = known.count.max(count);
        });
        Ok(())
    }

    /// What is to be thought of the statistics.
    ///
    /// # Errors
    /// Redis does not answer.
    pub async fn state(&self) -> Result<State, RedisError> {
        // Before it is asked for: what is counted meanwhile is no loss.
        let expected = self.applied.change(|known| known.count);
        let mut ask = redis::pipe();
        ask.get(self.key("built")).get(self.applied_key()).cmd("INFO").arg("server");
        let (mark, counted, told): (Option<String>, Option<u64>, String) =
            ask.query_async(&mut self.connection.clone()).await?;
        let Some(mark) = mark else { return Ok(State::Lost) };
        let counted = counted.unwrap_or(0);
        Ok(self.applied.change(|known| known.judge(mark, run_of(&told), (counted, expected))))
    }

    /// Whether the statistics are whole.
    ///
    /// # Errors
    /// Redis does not answer.
    pub async fn is_whole(&self) -> Result<bool, RedisError> {
        Ok(self.state().await? == State::Whole)
    }

    /// Sees to it that this replica can vouch for statistics that it found whole.
    ///
    /// # Errors
    /// Redis does not answer.
    pub async fn remember_whole(&self) -> Result<(), RedisError> {
        if self.applied.change(|known| known.count) > 0 { Ok(()) } else { self.advance().await }
    }

    /// Puts the mark `next` in the place of `mark`, or none when it is empty; false where another stands there by
    /// now.
    ///
    /// # Errors
    /// Redis does not answer.
    pub async fn replace_mark(&self, mark: &str, next: &str) -> Result<bool, RedisError> {
        let script = Script::new(REPLACE);
        script.key(self.key("built")).arg(mark).arg(next).invoke_async(&mut self.connection.clone()).await
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
        let mark = format!("{run} {}", uuid::Uuid::new_v4());
        call.key(self.key("built")).arg(replica).arg(mark).invoke_async(&mut self.connection.clone()).await
    }

    /// Names this replica among the others.
    #[must_use]
    pub fn replica(&self) -> &str {
        &self.applied.replica
    }

    fn applied_key(&self) -> String {
        self.key(&format!("applied:{}", self.applied.replica))
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
    use super::{Known, State, run_of};

    /// What a replica that counted `count` under the rebuild `r` thinks.
    fn check((mark, run, counted): (&str, &str, u64), count: u64, wanted: State) {
        let mut known = Known { rebuild: Some("r".into()), count, is_short: false };
        let run = Some(run).filter(|run| !run.is_empty());
        assert_eq!(known.judge(mark.into(), run, (counted, count)), wanted, "{mark} {run:?}");
    }

    #[test]
    fn a_replica_vouches_for_what_it_remembers_and_no_more() {
        let restarted = State::Restarted { mark: "a r".into(), next: "b r".into() };
        check(("a r", "a", 7), 7, State::Whole);
        check(("a r", "b", 7), 7, restarted.clone());
        check(("a r", "b", 8), 7, restarted);
        check(("a r", "b", 6), 7, State::Short { mark: "a r".into() });
        check(("a r", "a", 6), 7, State::Short { mark: "a r".into() });
        // It took nothing in, so it remembers nothing.
        check(("a r", "b", 0), 0, State::Lost);
        // Made whole again by somebody else, or older than what it remembers.
        check(("a s", "a", 0), 7, State::Whole);
        check(("a q", "b", 7), 7, State::Lost);
        // The server names no run.
        check(("a r", "", 7), 7, State::Whole);
        check(("a r", "", 6), 7, State::Short { mark: "a r".into() });
        let mut fresh = Known::default();
        assert_eq!(fresh.judge("a r".into(), Some("b"), (0, 0)), State::Lost);
        assert_eq!(fresh.judge("a r".into(), Some("a"), (3, 0)), State::Whole);
        assert_eq!((fresh.rebuild.as_deref(), fresh.count), (Some("r"), 3));
    }

    #[test]
    fn a_server_names_its_run_or_none() {
        assert_eq!(run_of("# Server\r\nredis_version:7.0.15\r\nrun_id:4be1\r\ntcp_port:1\r\n"), Some("4be1"));
        assert_eq!(run_of("# Server\r\nversion:1\r\n"), None);
        assert_eq!(run_of("run_id:\r\n"), None);
    }
}
