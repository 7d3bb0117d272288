//! Holds and spend in Redis: reserve, settle, sweep, fill, each one atomic script.
//!
//! Amounts are pico-US-dollars as decimal strings, exact over the whole range of `i64`.
//!
//! | Key (hash tag = namespace) | Holds |
//! | --- | --- |
//! | `{ns}:budget:<budget>:<period>` | `spent` and `held` of a budget in a period; `through` and `until`: it was filled from the ledger, which had the facts up to that sequence, and no later ones have it |
//! | `{ns}:budget:<budget>:<period>:late` | costs by the sequence of their facts, settled before the budget was filled |
//! | `{ns}:hold:<team>.<origin>.<hold>` | one open hold with its amount and budgets, or the mark that it was settled |
//! | `{ns}:holds` | names of open holds by the time they expire |
//!
//! A Redis that lost its data lost `through` with it; so nothing is held against a count that starts
//! at nothing again.

mod complete;

use crate::domain::{
    budget::{Counts, Scope},
    settle::Settlement,
};
use neptune_contracts::{PicoUsd, Timestamp};
use redis::{
    Client, ConnectionInfo, IntoConnectionInfo as _, RedisError, Script,
    aio::{ConnectionManager, ConnectionManagerConfig},
    io::tcp::TcpSettings,
};
use std::time::Duration;

const CONNECT_TIMEOUT: Duration = Duration::from_millis(200);
/// For so long a repeated settlement is recognised. A fact is repeated within a minute unless all
/// of governance was down meanwhile; each mark costs about 250 bytes, so a longer time costs more
/// memory than it is worth.
const SETTLED_SECONDS: u64 = 2 * 3_600;
/// Counters outlive the longest period by a month.
const COUNTER_SECONDS: u64 = 70 * 24 * 3_600;
/// Expired holds freed in one go; about a millisecond of Redis.
const SWEEP_AT_MOST: u64 = 100;

/// What the script of reserving answers for [`Reserved::Incomplete`].
const INCOMPLETE: i64 = -2;

/// What reserving did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reserved {
    /// The money is held, now or since before.
    Held {
        /// How much; of the first reserve, when there were several.
        amount: PicoUsd,
    },
    /// One budget would be exceeded; nothing was touched.
    Exceeded {
        /// Which of the scopes.
        index: usize,
        /// How it stands.
        counts: Counts,
    },
    /// It was settled before: the task has ended.
    Settled,
    /// A budget does not know yet what was spent in it; nothing was touched.
    Incomplete,
}

/// The holds and budgets of one namespace.
pub struct Budgets {
    connection: ConnectionManager,
    tag: String,
    reserve: Script,
    settle: Script,
    sweep: Script,
    fill: Script,
}

/// Reads the address of a Redis.
///
/// # Errors
/// It is malformed.
pub fn address(url: &str) -> Result<ConnectionInfo, RedisError> {
    // Without it the kernel may keep a command back for 40 ms.
    let settings = TcpSettings::default().set_nodelay(true);
    Ok(url.into_connection_info()?.set_tcp_settings(settings))
}

impl Budgets {
    /// Prepares; connects at the first use and again after each loss, so that governance starts and
    /// runs without Redis. An answer that takes longer than `timeout` counts as none. To be called
    /// within the runtime.
    ///
    /// # Errors
    /// The address cannot be used.
    pub fn open(address: ConnectionInfo, namespace: &str, timeout: Duration) -> Result<Self, RedisError> {
        let config = ConnectionManagerConfig::new()
            .set_number_of_retries(0)
            .set_response_timeout(Some(timeout))
            .set_connection_timeout(Some(CONNECT_TIMEOUT));
        Ok(Self {
            connection: ConnectionManager::new_lazy_with_config(Client::open(address)?, config)?,
            tag: format!("{{{namespace}}}"),
            reserve: Script::new(include_str!("budget/reserve.lua")),
            settle: Script::new(include_str!("budget/settle.lua")),
            sweep: Script::new(include_str!("budget/sweep.lua")),
            fill: Script::new(include_str!("budget/fill.lua")),
        })
    }

    /// Holds `amount` in every scope, or in none. Reserving again under the same name keeps the
    /// first amount and moves its expiry on.
    ///
    /// # Errors
    /// Redis does not answer; the money may be held all the same.
    pub async fn reserve(
        &self,
        hold: &str,
        amount: PicoUsd,
        expires_at: Timestamp,
        scopes: &[Scope],
    ) -> Result<Reserved, RedisError> {
        let mut call = self.reserve.prepare_invoke();
        call.key(self.hold_key(hold)).key(self.expiry_key());
        for scope in scopes {
            call.key(self.budget_key(&scope.key));
        }
        call.arg(hold).arg(amount.0).arg(expires_at.unix_micros() / 1_000).arg(COUNTER_SECONDS);
        for scope in scopes {
            call.arg(scope.limit.0);
        }
        let (index, first, second): (i64, String, String) = call.invoke_async(&mut self.connection.clone()).await?;
        Ok(match usize::try_from(index) {
            Err(_) if index == INCOMPLETE => Reserved::Incomplete,
            Err(_) => Reserved::Settled,
            Ok(0) => Reserved::Held { amount: money(&first)? },
            Ok(index) => {
                Reserved::Exceeded { index: index - 1, counts: Counts { spent: money(&first)?, held: money(&second)? } }
            }
        })
    }

    /// Counts a cost as spent and frees what was held for it. Once a hold, also when the hold has
    /// expired or Redis has lost it. A budget that is filled from the ledger later, or was by a sum
    /// that has this cost, counts it with that. Settling at no cost releases. Returns whether this
    /// call settled the hold.
    ///
    /// # Errors
    /// Redis does not answer.
    pub async fn settle(&self, settlement: &Settlement) -> Result<bool, RedisError> {
        let mut call = self.settle.prepare_invoke();
        call.key(self.hold_key(&settlement.hold)).key(self.expiry_key());
        for scope in &settlement.scopes {
            call.key(self.budget_key(scope));
        }
        call.arg(&settlement.hold).arg(settlement.cost.0).arg(SETTLED_SECONDS).arg(COUNTER_SECONDS);
        call.arg(settlement.stored.sequence).arg(settlement.stored.at.unix_micros() / 1_000);
        call.invoke_async(&mut self.connection.clone()).await
    }

    /// Frees the money of all holds that have expired at `now`; returns how many there were.
    ///
    /// # Errors
    /// Redis does not answer.
    pub async fn sweep(&self, now: Timestamp) -> Result<u64, RedisError> {
        let mut call = self.sweep.prepare_invoke();
        call.key(self.expiry_key()).arg(now.unix_micros() / 1_000).arg(self.hold_key("")).arg(SWEEP_AT_MOST);
        let mut total = 0;
        loop {
            let freed: u64 = call.invoke_async(&mut self.connection.clone()).await?;
            total += freed;
            if freed < SWEEP_AT_MOST {
                return Ok(total);
            }
        }
    }

    /// How each scope stands; nothing when one of them is incomplete.
    ///
    /// # Errors
    /// Redis does not answer.
    pub async fn read(&self, scopes: &[Scope]) -> Result<Option<Vec<Counts>>, RedisError> {
        if scopes.is_empty() {
            return Ok(Some(Vec::new()));
        }
        let mut pipeline = redis::pipe();
        for scope in scopes {
            pipeline.cmd("HMGET").arg(self.budget_key(&scope.key)).arg("spent").arg("held").arg("through");
        }
        let rows: Vec<(Option<i64>, Option<i64>, Option<u64>)> =
            pipeline.query_async(&mut self.connection.clone()).await?;
        let money = |count: Option<i64>| PicoUsd(count.unwrap_or(0));
        let counts = |(spent, held, through): (_, _, Option<u64>)| {
            through.map(|_| Counts { spent: money(spent), held: money(held) })
        };
        Ok(rows.into_iter().map(counts).collect())
    }

    fn budget_key(&self, scope: &str) -> String {
        format!("{}:budget:{scope}", self.tag)
    }

    fn hold_key(&self, hold: &str) -> String {
        format!("{}:hold:{hold}", self.tag)
    }

    fn expiry_key(&self) -> String {
        format!("{}:holds", self.tag)
    }
}

fn money(text: &str) -> Result<PicoUsd, RedisError> {
    let malformed = |_| RedisError::from((redis::ErrorKind::UnexpectedReturnType, "not an amount"));
    text.parse().map(PicoUsd).map_err(malformed)
}
