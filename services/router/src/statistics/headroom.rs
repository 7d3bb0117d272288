//! What providers said was left of their rate limits, for all replicas.

use super::Store;
use crate::domain::headroom::{Headroom, Heard};
use redis::{RedisError, Script};
use std::sync::LazyLock;

static TAKE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("headroom.lua")));

/// The key of the accounts, after the statistics' prefix.
pub(super) const KEY: &str = "headroom";

impl Store {
    /// Takes in what was heard; an older account than the known one changes nothing. Returns how
    /// many were newer.
    ///
    /// # Errors
    /// Redis does not answer.
    pub async fn hear(&self, heard: &[Heard]) -> Result<u64, RedisError> {
        let mut call = TAKE.key(self.key(KEY));
        let mut is_empty = true;
        for Heard { model, headroom } in heard {
            let Some(forgotten_at) = headroom.limits.forgotten_at() else { continue };
            let Ok(account) = serde_json::to_string(headroom) else { continue };
            is_empty = false;
            call.arg(model).arg(headroom.at_us).arg(forgotten_at.unix_micros() / 1_000).arg(account);
        }
        if is_empty {
            return Ok(0);
        }
        call.invoke_async(&mut self.connection.clone()).await
    }
}

/// An account as it is stored; nothing when it is of a version that is not known.
pub(super) fn read(account: &str) -> Option<Headroom> {
    serde_json::from_str(account).ok()
}
