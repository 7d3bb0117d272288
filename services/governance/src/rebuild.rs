//! Fills budgets from the ledger whenever Redis does not know what was spent in them: after it lost
//! its data, and when a budget is new.
//!
//! What the ledger's sum stands for follows from how far metering has come in the stream of finished
//! facts. That is read before the sum, so every fact up to there is in it; and it must be at least as
//! far as governance has come, so everything that the lost Redis had counted is in it, too. A fact
//! that metering writes between the two reads is counted twice when it is settled; so they are
//! repeated while that can be, and a count is at worst above the ledger, never below it.

use crate::{
    Office,
    domain::rebuild::{Wanted, spent, wanted},
};
use neptune_bus::{Bus, BusError, RequestError};
use neptune_contracts::{
    Timestamp,
    query::{SpendGroup, SpendQuery, SpendReport},
    topology::{GOVERNANCE_FINISHED, METERING_FINISHED},
};
use std::{
    collections::{BTreeMap, btree_map::Entry},
    error::Error as StdError,
    sync::Arc,
    time::Duration,
};
use tokio::{
    sync::{Notify, watch},
    time::{Instant, sleep, timeout},
};

/// Between two looks whether a budget is incomplete.
const PAUSE: Duration = Duration::from_millis(500);
/// The same after a look that could not fill them.
const RETRY_PAUSE: Duration = Duration::from_millis(200);
/// What fails for so long is worth a warning. Services that start together need a moment.
const WARN_AFTER: Duration = Duration::from_secs(3);
/// A task whose budgets are incomplete waits that long for them.
const TASK_PATIENCE: Duration = Duration::from_secs(1);
/// Looks how far metering has come, and the pause between them: a second, in which it catches up
/// unless it is down.
const LOOKS: usize = 20;
const LOOK_PAUSE: Duration = Duration::from_millis(50);
/// Readings for one during which metering took in nothing.
const READINGS: usize = 3;

/// Why budgets could not be made complete.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Redis does not answer.
    #[error("redis does not answer")]
    Redis(#[from] redis::RedisError),
    /// The broker does not say how far metering has come.
    #[error("the broker does not say how far metering has come")]
    Progress(#[from] BusError),
    /// Metering does not say what was spent.
    #[error("metering does not say what was spent")]
    Ask(#[from] RequestError),
    /// The ledger lacks facts that governance has seen.
    #[error("the ledger has finished tasks up to {settled}, and governance has seen them up to {delivered}")]
    Behind {
        /// How far metering has come.
        settled: u64,
        /// How far governance has come.
        delivered: u64,
    },
}

/// What the part that fills budgets and those who wait for it share.
#[derive(Debug)]
pub struct Rebuild {
    wake: Notify,
    /// Whether the last look left every budget complete. Everybody hopes so before the first.
    complete: watch::Sender<bool>,
}

impl Default for Rebuild {
    fn default() -> Self {
        Self { wake: Notify::new(), complete: watch::channel(true).0 }
    }
}

impl Rebuild {
    /// Asks for a look now.
    pub fn wake(&self) {
        self.wake.notify_one();
    }

    /// Waits up to a second for another look, and says whether it left every budget complete. Where
    /// the last look could not, it answers at once.
    pub async fn attempt(&self) -> bool {
        let mut looks = self.complete.subscribe();
        if !*looks.borrow_and_update() {
            return false;
        }
        self.wake();
        let looked = timeout(TASK_PATIENCE, looks.changed()).await;
        matches!(looked, Ok(Ok(()))) && *looks.borrow()
    }
}

/// Looks for incomplete budgets and fills them, for ever. Replicas may do so at once.
pub async fn keep_complete(office: Arc<Office>) {
    let mut failing = Failing::default();
    loop {
        let filled = look(&office).await;
        office.rebuild.complete.send_replace(filled.is_ok());
        match filled {
            Ok(budgets) => {
                failing = Failing::default();
                if budgets > 0 {
                    tracing::info!(budgets, "budgets were filled from the ledger");
                }
                // Being woken and the time being over mean the same.
                timeout(PAUSE, office.rebuild.wake.notified()).await.ok();
            }
            Err(error) => {
                failing.tell(&error);
                sleep(RETRY_PAUSE).await;
            }
        }
    }
}

/// Looks that fail one after the other are told once.
#[derive(Default)]
struct Failing {
    since: Option<Instant>,
    told: bool,
}

impl Failing {
    fn tell(&mut self, error: &Error) {
        let since = *self.since.get_or_insert_with(Instant::now);
        if !self.told && since.elapsed() >= WARN_AFTER {
            self.told = true;
            let error = error as &dyn StdError;
            tracing::warn!(error, "budgets cannot be filled from the ledger, trying on; their tasks go by onOutage");
        }
    }
}

/// Fills what is incomplete; returns how many scopes that were.
async fn look(office: &Office) -> Result<usize, Error> {
    let now = Timestamp::now();
    let mut missing = wanted(office.policy.load().resources(), now);
    let complete = office.budgets.are_complete(missing.iter().map(|wanted| wanted.key.as_str())).await?;
    let mut complete = complete.into_iter();
    missing.retain(|_| complete.next() == Some(false));
    if missing.is_empty() {
        return Ok(0);
    }
    let (through, reports) = read_ledger(&office.bus, &missing).await?;
    let mut filled = 0;
    for wanted in &missing {
        if let Some(report) = reports.get(&(wanted.since, wanted.until)) {
            let sum = spent(report, wanted.team.as_ref());
            filled += usize::from(office.budgets.fill(&wanted.key, sum, through, Timestamp::now()).await?);
        }
    }
    Ok(filled)
}

type Reports = BTreeMap<(Timestamp, Timestamp), SpendReport>;

/// What was spent in each period, and the sequence up to which every finished fact is surely in it.
async fn read_ledger(bus: &Bus, wanted: &[Wanted]) -> Result<(u64, Reports), Error> {
    let mut reading = read_once(bus, wanted).await?;
    for _ in 1..READINGS {
        if bus.progress(&METERING_FINISHED).await?.delivered <= reading.0 {
            break;
        }
        reading = read_once(bus, wanted).await?;
    }
    Ok(reading)
}

async fn read_once(bus: &Bus, wanted: &[Wanted]) -> Result<(u64, Reports), Error> {
    let through = caught_up(bus).await?;
    let mut reports = Reports::new();
    for Wanted { since, until, .. } in wanted {
        if let Entry::Vacant(report) = reports.entry((*since, *until)) {
            let query = SpendQuery { team: None, since: Some(*since), until: Some(*until), group_by: SpendGroup::Team };
            report.insert(bus.request(&query).await?);
        }
    }
    Ok((through, reports))
}

/// How far metering has come, once that is as far as governance.
async fn caught_up(bus: &Bus) -> Result<u64, Error> {
    let delivered = bus.progress(&GOVERNANCE_FINISHED).await?.delivered;
    let mut settled = 0;
    for _ in 0..LOOKS {
        settled = bus.progress(&METERING_FINISHED).await?.settled;
        if settled >= delivered {
            return Ok(settled);
        }
        sleep(LOOK_PAUSE).await;
    }
    Err(Error::Behind { settled, delivered })
}
