//! Laws of budgets, against a real Redis.

use crate::{
    budget::{SOON, open, open_filled, read, scope, settlement},
    samples::time,
};
use neptune_contracts::PicoUsd;
use neptune_governance::{
    budget::{Budgets, Reserved},
    domain::budget::{Counts, Scope},
};
use neptune_testkit::Redis;
use proptest::prelude::*;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

const BUDGETS: usize = 3;

#[derive(Clone, Debug)]
enum Step {
    Reserve { hold: usize, amount: i64, budgets: BTreeSet<usize> },
    Settle { hold: usize, cost: i64, budgets: BTreeSet<usize> },
    Sweep,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    // Amounts around and beyond 2^53, where floats stop to count.
    let amount = || prop_oneof![0..50_i64, 9_007_199_254_740_990..9_007_199_254_740_999_i64];
    let budgets = || prop::collection::btree_set(0..BUDGETS, 1..=BUDGETS);
    let step = prop_oneof![
        6 => (0..6_usize, amount(), budgets()).prop_map(|(hold, amount, budgets)| Step::Reserve { hold, amount, budgets }),
        4 => (0..6_usize, amount(), budgets()).prop_map(|(hold, cost, budgets)| Step::Settle { hold, cost, budgets }),
        1 => Just(Step::Sweep),
    ];
    prop::collection::vec(step, 1..60)
}

/// What the scripts should do, in plain words.
#[derive(Default)]
struct Model {
    counts: [(i64, i64); BUDGETS],
    open: BTreeMap<usize, (i64, BTreeSet<usize>)>,
    settled: BTreeSet<usize>,
}

impl Model {
    fn reserve(&mut self, hold: usize, amount: i64, budgets: &BTreeSet<usize>, limits: &[i64]) -> Reserved {
        if self.settled.contains(&hold) {
            return Reserved::Settled;
        }
        if let Some((amount, _)) = self.open.get(&hold) {
            return Reserved::Held { amount: PicoUsd(*amount) };
        }
        for (index, budget) in budgets.iter().enumerate() {
            let (spent, held) = self.counts[*budget];
            if i128::from(spent) + i128::from(held) + i128::from(amount) > i128::from(limits[*budget]) {
                return Reserved::Exceeded { index, counts: Counts { spent: PicoUsd(spent), held: PicoUsd(held) } };
            }
        }
        budgets.iter().for_each(|budget| self.counts[*budget].1 += amount);
        self.open.insert(hold, (amount, budgets.clone()));
        Reserved::Held { amount: PicoUsd(amount) }
    }

    fn settle(&mut self, hold: usize, cost: i64, budgets: &BTreeSet<usize>) -> bool {
        if !self.settled.insert(hold) {
            return false;
        }
        let placed = self.free(hold).unwrap_or_else(|| budgets.clone());
        placed.iter().for_each(|budget| self.counts[*budget].0 += cost);
        true
    }

    fn free(&mut self, hold: usize) -> Option<BTreeSet<usize>> {
        let (amount, budgets) = self.open.remove(&hold)?;
        budgets.iter().for_each(|budget| self.counts[*budget].1 -= amount);
        Some(budgets)
    }
}

async fn follow(budgets: &Budgets, model: &mut Model, step: &Step, limits: &[i64]) {
    let scopes = |picked: &BTreeSet<usize>| -> Vec<Scope> {
        picked.iter().map(|index| scope(&format!("b{index}"), limits[*index])).collect()
    };
    match step {
        Step::Reserve { hold, amount, budgets: picked } => {
            let found =
                budgets.reserve(&format!("h{hold}"), PicoUsd(*amount), time(SOON), &scopes(picked)).await.unwrap();
            assert_eq!(found, model.reserve(*hold, *amount, picked, limits));
        }
        Step::Settle { hold, cost, budgets: picked } => {
            let found = budgets.settle(&settlement(&format!("h{hold}"), *cost, &scopes(picked))).await.unwrap();
            assert_eq!(found, model.settle(*hold, *cost, picked));
        }
        Step::Sweep => {
            let open: Vec<usize> = model.open.keys().copied().collect();
            assert_eq!(budgets.sweep(time(SOON)).await.unwrap(), open.len() as u64);
            open.into_iter().for_each(|hold| drop(model.free(hold)));
        }
    }
    let all: BTreeSet<usize> = (0..BUDGETS).collect();
    let found = read(budgets, &scopes(&all)).await;
    let expected = model.counts.map(|(spent, held)| Counts { spent: PicoUsd(spent), held: PicoUsd(held) });
    assert_eq!(found, expected);
}

#[test]
fn every_sequence_does_what_the_model_does() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let redis = runtime.block_on(Redis::start());
    let cases = AtomicU64::new(0);
    let limits =
        prop::collection::vec(prop_oneof![0..200_i64, 18_014_398_509_481_980..18_014_398_509_482_000_i64], BUDGETS);
    proptest!(ProptestConfig::with_cases(64), |(steps in steps(), limits in limits)| {
        let namespace = format!("model{}", cases.fetch_add(1, Ordering::Relaxed));
        runtime.block_on(async {
            let budgets = open_filled(&redis, &namespace).await;
            let mut model = Model::default();
            for step in &steps {
                follow(&budgets, &mut model, step, &limits).await;
            }
        });
    });
}

/// The life of one task: what it holds, what it costs, and what goes wrong on its way.
#[derive(Clone, Debug)]
struct Life {
    amount: i64,
    cost: i64,
    budgets: BTreeSet<usize>,
    reserves: usize,
    settles: usize,
}

fn lives() -> impl Strategy<Value = Vec<Life>> {
    let life = (1..100_i64, 0..=100_i64, prop::collection::btree_set(0..BUDGETS, 1..=BUDGETS), 1..3_usize, 0..3_usize);
    let life = life.prop_map(|(amount, percent, budgets, reserves, settles)| Life {
        amount,
        cost: amount * percent / 100,
        budgets,
        reserves,
        settles,
    });
    prop::collection::vec(life, 30..120)
}

/// Lives one task; returns whether it was let in.
async fn live(budgets: Arc<Budgets>, name: String, life: Life, limits: Vec<i64>) -> bool {
    let scopes: Vec<Scope> = life.budgets.iter().map(|index| scope(&format!("b{index}"), limits[*index])).collect();
    for _ in 0..life.reserves {
        match budgets.reserve(&name, PicoUsd(life.amount), time(SOON), &scopes).await.unwrap() {
            Reserved::Held { .. } => {}
            Reserved::Exceeded { .. } => return false,
            found => panic!("{found:?} before it was settled"),
        }
    }
    let settles = (0..life.settles).map(|_| {
        let (budgets, settlement) = (budgets.clone(), settlement(&name, life.cost, &scopes));
        tokio::spawn(async move { budgets.settle(&settlement).await.unwrap() })
    });
    let mut counted = 0;
    for settle in settles.collect::<Vec<_>>() {
        counted += usize::from(settle.await.unwrap());
    }
    assert_eq!(counted, life.settles.min(1), "a hold is settled once");
    true
}

async fn watch(budgets: Budgets, limits: Vec<i64>, stop: Arc<AtomicBool>) -> u64 {
    let scopes: Vec<Scope> = (0..BUDGETS).map(|index| scope(&format!("b{index}"), limits[index])).collect();
    let mut looks = 0;
    while !stop.load(Ordering::Relaxed) {
        for (counts, scope) in read(&budgets, &scopes).await.into_iter().zip(&scopes) {
            assert!(counts.spent.0 + counts.held.0 <= scope.limit.0, "{counts:?} is over {scope:?}");
        }
        looks += 1;
    }
    looks
}

async fn together(redis: &Redis, namespace: &str, lives: Vec<Life>, limits: Vec<i64>) {
    drop(open_filled(redis, namespace).await);
    let replicas: Vec<Arc<Budgets>> = (0..3).map(|_| Arc::new(open(redis, namespace))).collect();
    let stop = Arc::new(AtomicBool::new(false));
    let watcher = tokio::spawn(watch(open(redis, namespace), limits.clone(), stop.clone()));
    let running: Vec<_> = lives
        .iter()
        .enumerate()
        .map(|(index, life)| {
            tokio::spawn(live(
                replicas[index % replicas.len()].clone(),
                format!("h{index}"),
                life.clone(),
                limits.clone(),
            ))
        })
        .collect();
    let mut expected = [Counts::default(); BUDGETS];
    for (life, running) in lives.iter().zip(running) {
        let was_let_in = running.await.unwrap();
        for budget in life.budgets.iter().filter(|_| was_let_in) {
            let counts = &mut expected[*budget];
            let place = if life.settles > 0 { &mut counts.spent } else { &mut counts.held };
            place.0 += if life.settles > 0 { life.cost } else { life.amount };
        }
    }
    stop.store(true, Ordering::Relaxed);
    assert!(watcher.await.unwrap() > 0);
    let scopes: Vec<Scope> = (0..BUDGETS).map(|index| scope(&format!("b{index}"), limits[index])).collect();
    assert_eq!(read(&replicas[0], &scopes).await, expected, "spent is the sum settled, held is what nobody settled");
    replicas[1].sweep(time(SOON)).await.unwrap();
    let left = read(&replicas[2], &scopes).await;
    assert!(left.iter().all(|counts| counts.held == PicoUsd::ZERO), "{left:?}");
}

#[test]
fn in_any_interleaving_no_budget_is_exceeded_and_spent_is_the_sum_settled() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let redis = runtime.block_on(Redis::start());
    let cases = AtomicU64::new(0);
    let limits = prop::collection::vec(50..2_000_i64, BUDGETS);
    proptest!(ProptestConfig { max_shrink_iters: 50, ..ProptestConfig::with_cases(24) }, |(lives in lives(), limits in limits)| {
        let namespace = format!("law{}", cases.fetch_add(1, Ordering::Relaxed));
        runtime.block_on(together(&redis, &namespace, lives, limits));
    });
}
