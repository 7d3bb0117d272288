//! Holds and spend in Redis: reserve, settle, sweep, each one atomic script.
//!
//! Amounts are pico-US-dollars as decimal strings, so they stay exact beyond 2^53; comparisons in
//! the scripts are exact to about a millionth of a cent even at millions of dollars.
//!
//! Keys (hash tag = namespace): `{ns}:b:<budget>:<period>` spent and held; `{ns}:h:<hold>` one hold
//! with its budgets; `{ns}:x` expiry of open holds.

use neptune_contracts::{PicoUsd, Timestamp, ids::HoldId};
use redis::{
    Client, RedisError, Script,
    aio::{ConnectionManager, ConnectionManagerConfig},
};
use std::time::Duration;
use tokio::sync::OnceCell;

/// An answer of Redis that takes longer counts as none.
const ANSWER_TIMEOUT: Duration = Duration::from_millis(50);
const CONNECT_TIMEOUT: Duration = Duration::from_millis(200);
/// A hold's record is kept this long, so that a late or repeated settlement is recognised.
const RECORD_SECONDS: u64 = 3 * 24 * 3_600;
/// Budget counters outlive the longest period by a month.
const COUNTER_SECONDS: u64 = 70 * 24 * 3_600;

/// A budget in its period, as a task is counted against it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    /// `<budget>:<period>`.
    pub key: String,
    /// The limit.
    pub limit: PicoUsd,
}

/// What reserving did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reserved {
    /// The money is held, now or since before.
    Held,
    /// One budget would be exceeded; nothing was touched.
    Exceeded {
        /// Which of the scopes.
        index: usize,
        /// What it has spent.
        spent: PicoUsd,
        /// What it holds.
        held: PicoUsd,
    },
}

/// The holds and budgets of one namespace.
pub struct Budgets {
    client: Client,
    connection: OnceCell<ConnectionManager>,
    tag: String,
    reserve: Script,
    settle: Script,
    sweep: Script,
}

impl Budgets {
    /// Prepares; connects at the first use, so that governance starts without Redis.
    ///
    /// # Errors
    /// The address is malformed.
    pub fn open(url: &str, namespace: &str) -> Result<Self, RedisError> {
        Ok(Self {
            client: Client::open(url)?,
            connection: OnceCell::new(),
            tag: format!("{{{namespace}}}"),
            reserve: Script::new(include_str!("budget/reserve.lua")),
            settle: Script::new(include_str!("budget/settle.lua")),
            sweep: Script::new(include_str!("budget/sweep.lua")),
        })
    }

    /// Holds `amount` in every scope, or in none. Holding the same again changes nothing.
    ///
    /// # Errors
    /// Redis does not answer.
    pub async fn reserve(&self, hold: HoldId, amount: PicoUsd, expires_at: Timestamp, scopes: &[Scope]) -> Result<Reserved, RedisError> {
        let mut call = self.reserve.prepare_invoke();
        call.key(self.hold_key(hold)).key(self.expiry_key());
        for scope in scopes {
            call.key(self.budget_key(&scope.key));
        }
        call.arg(hold.to_string()).arg(amount.0).arg(expires_at.unix_seconds()).arg(RECORD_SECONDS).arg(COUNTER_SECONDS);
        for scope in scopes {
            call.arg(scope.limit.0);
        }
        let (index, spent, held): (usize, i64, i64) = call.invoke_async(&mut self.connection().await?).await?;
        Ok(match index.checked_sub(1) {
            None => Reserved::Held,
            Some(index) => Reserved::Exceeded { index, spent: PicoUsd(spent), held: PicoUsd(held) },
        })
    }

    /// Counts `cost` as spent in every scope and frees what was held. Once per hold, also when the
    /// hold has expired or Redis has lost it. Returns whether this call counted it.
    ///
    /// # Errors
    /// Redis does not answer.
    pub async fn settle(&self, hold: HoldId, cost: PicoUsd, scopes: &[Scope]) -> Result<bool, RedisError> {
        let mut call = self.settle.prepare_invoke();
        call.key(self.hold_key(hold)).key(self.expiry_key());
        for scope in scopes {
            call.key(self.budget_key(&scope.key));
        }
        call.arg(hold.to_string()).arg(cost.0).arg(RECORD_SECONDS).arg(COUNTER_SECONDS);
        call.invoke_async(&mut self.connection().await?).await
    }

    /// Frees the money of holds that have expired, up to a hundred; returns how many.
    ///
    /// # Errors
    /// Redis does not answer.
    pub async fn sweep(&self, now: Timestamp) -> Result<u64, RedisError> {
        let mut call = self.sweep.prepare_invoke();
        call.key(self.expiry_key()).arg(now.unix_seconds()).arg(format!("{}:h:", self.tag));
        call.invoke_async(&mut self.connection().await?).await
    }

    /// Spent and held of each scope.
    ///
    /// # Errors
    /// Redis does not answer.
    pub async fn read(&self, scopes: &[Scope]) -> Result<Vec<(PicoUsd, PicoUsd)>, RedisError> {
        let mut pipeline = redis::pipe();
        for scope in scopes {
            pipeline.cmd("HMGET").arg(self.budget_key(&scope.key)).arg("spent").arg("held");
        }
        let counts: Vec<(Option<i64>, Option<i64>)> = pipeline.query_async(&mut self.connection().await?).await?;
        let money = |count: Option<i64>| PicoUsd(count.unwrap_or(0));
        Ok(counts.into_iter().map(|(spent, held)| (money(spent), money(held))).collect())
    }

    async fn connection(&self) -> Result<ConnectionManager, RedisError> {
        let connect = || async {
            let config = ConnectionManagerConfig::new()
                .set_number_of_retries(0)
                .set_response_timeout(Some(ANSWER_TIMEOUT))
                .set_connection_timeout(Some(CONNECT_TIMEOUT));
            ConnectionManager::new_with_config(self.client.clone(), config).await
        };
        self.connection.get_or_try_init(connect).await.cloned()
    }

    fn budget_key(&self, scope: &str) -> String {
        format!("{}:b:{scope}", self.tag)
    }

    fn hold_key(&self, hold: HoldId) -> String {
        format!("{}:h:{hold}", self.tag)
    }

    fn expiry_key(&self) -> String {
        format!("{}:x", self.tag)
    }
}
