//! Stands in for metering: sums what finished tasks cost, and says so when asked.

use neptune_bus::{Bus, BusConfig, Incoming, Outcome};
use neptune_contracts::{
    PicoUsd,
    finished::TaskFinished,
    names::Service,
    query::{QueryError, SpendQuery, SpendReport, SpendRow},
    subject::Namespace,
    topology::METERING_FINISHED,
};
use neptune_runtime::Shutdown;
use neptune_testkit::Nats;
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

#[derive(Default)]
struct State {
    /// By team, in pico-dollars. Everything was spent in the current period.
    spent: BTreeMap<String, i64>,
    away: bool,
    lags: bool,
    asked: u64,
}

#[derive(Clone)]
pub(crate) struct Metering {
    state: Arc<Mutex<State>>,
}

impl Metering {
    pub(crate) async fn start(nats: &Nats, namespace: &Namespace, shutdown: &Shutdown) -> Self {
        let metering = Self { state: Arc::default() };
        let bus = Bus::connect(&BusConfig::open(nats.url(), namespace.clone()), Service::Metering).await.unwrap();
        let (counting, stop, own) = (bus.clone(), shutdown.clone(), metering.clone());
        tokio::spawn(async move {
            let count = move |incoming: Incoming<TaskFinished>| std::future::ready(own.count(&incoming.message));
            counting.consume(&METERING_FINISHED, 1, &stop, count).await.unwrap();
        });
        let (stop, own) = (shutdown.clone(), metering.clone());
        tokio::spawn(async move {
            bus.serve(&stop, |query: SpendQuery| std::future::ready(own.answer(&query))).await.unwrap();
        });
        metering
    }

    /// Whether it answers, from now on.
    pub(crate) fn answers(&self, answers: bool) {
        self.state.lock().unwrap().away = !answers;
    }

    /// Whether it leaves finished tasks for later, from now on.
    pub(crate) fn lags(&self, lags: bool) {
        self.state.lock().unwrap().lags = lags;
    }

    /// How often it was asked.
    pub(crate) fn asked(&self) -> u64 {
        self.state.lock().unwrap().asked
    }

    /// Counts what was spent in some other way.
    pub(crate) fn spend(&self, team: &str, amount: PicoUsd) {
        *self.state.lock().unwrap().spent.entry(team.into()).or_default() += amount.0;
    }

    fn count(&self, finished: &TaskFinished) -> Outcome {
        if self.state.lock().unwrap().lags {
            return Outcome::Retry { after: Duration::from_millis(100) };
        }
        self.spend(finished.team.as_str(), finished.cost_usd);
        Outcome::Done
    }

    fn answer(&self, query: &SpendQuery) -> Result<SpendReport, QueryError> {
        let mut state = self.state.lock().unwrap();
        state.asked += 1;
        if state.away {
            return Err(QueryError { code: "unavailable".into(), message: "the ledger cannot be read".into() });
        }
        let (since, until) = (query.since.expect("a period starts"), query.until.expect("a period ends"));
        let now = neptune_contracts::Timestamp::now();
        let rows: Vec<SpendRow> =
            state.spent.iter().filter(|_| since <= now && now < until).map(|(team, spent)| row(team, *spent)).collect();
        let total_usd = rows.iter().map(|row| row.cost_usd).sum();
        Ok(SpendReport { rows, total_usd, as_of: None })
    }
}

fn row(team: &str, spent: i64) -> SpendRow {
    SpendRow {
        group: team.into(),
        tasks: 1,
        calls: 1,
        input_tokens: 1,
        output_tokens: 1,
        cost_usd: PicoUsd(spent),
        served_from_cache: 0,
        saved_usd: PicoUsd::ZERO,
        judged: 0,
        quality: None,
    }
}
