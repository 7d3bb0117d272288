//! Where the tasks of sessions went, in Redis, for all replicas.
//!
//! Key (hash tag = namespace): `{ns}:r:sessions` a stream with one entry per task of a session, of the
//! last hour at most and about so many as [`ENTRIES_KEPT`].

use super::{Record, Store};
use crate::sessions::Visit;
use redis::RedisError;

/// Of a replica that starts, this many tasks are read back.
const ENTRIES_KEPT: usize = 20_000;
/// Entries read at a time, so that Redis serves others between.
const ENTRIES_READ: usize = 5_000;
/// Nothing of it is of use when no session has had a task for so long.
const KEPT_SECONDS: i64 = 3_600;

impl Store {
    /// Tells the other replicas where tasks of sessions went.
    ///
    /// # Errors
    /// Redis does not answer.
    pub async fn tell_visits(&self, visits: &[Visit]) -> Result<(), RedisError> {
        if visits.is_empty() {
            return Ok(());
        }
        let mut pipe = redis::pipe();
        for Visit { lot, model, at_ms } in visits {
            let add = pipe.cmd("XADD").arg(self.key("sessions")).arg("MAXLEN").arg("~").arg(ENTRIES_KEPT).arg("*");
            add.arg("lot").arg(format!("{lot:032x}")).arg("model").arg(&**model).arg("at_ms").arg(*at_ms).ignore();
        }
        pipe.expire(self.key("sessions"), KEPT_SECONDS).ignore();
        pipe.query_async(&mut self.connection.clone()).await
    }

    /// Where tasks of sessions went, from the entry `read_to` on, with the last entry that was read.
    ///
    /// # Errors
    /// Redis does not answer.
    pub async fn read_visits(&self, read_to: Option<&str>) -> Result<(Vec<Visit>, Option<String>), RedisError> {
        // Its whole millisecond again: a Redis that lost its data in between began to count it anew, and
        // what is heard twice changes nothing.
        let from = read_to.map_or("-", |entry| entry.split_once('-').map_or(entry, |(ms, _)| ms));
        let mut range = redis::cmd("XRANGE");
        range.arg(self.key("sessions")).arg(from).arg("+").arg("COUNT").arg(ENTRIES_READ);
        let found: Vec<(String, Record)> = range.query_async(&mut self.connection.clone()).await?;
        let last = found.last().map(|(entry, _)| entry.clone());
        Ok((found.iter().filter_map(|(_, fields)| visit(fields)).collect(), last))
    }
}

fn visit(fields: &Record) -> Option<Visit> {
    let lot = u128::from_str_radix(fields.get("lot")?, 16).ok()?;
    Some(Visit { lot, model: fields.get("model")?.as_str().into(), at_ms: fields.get("at_ms")?.parse().ok()? })
}
