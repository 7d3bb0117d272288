#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]
use super::*;
use crate::domain::{
    decide::{Decision, decide},
    filter::Snapshot,
    outlook::{Outlook, Tempo},
    quality::Cells,
    statistics::Statistics,
};
use neptune_contracts::{Timestamp, ids::TaskId, plan::Plan, resource::Resources};
use neptune_testkit::builders;
use proptest::prelude::{prop_assert, proptest};
use std::collections::HashMap;

const DAY_MS: i64 = 24 * 3_600_000;

fn pace(spent_share: f64, elapsed_share: f64) -> BudgetPace {
    BudgetPace { budget: "team:2026-11".into(), spent_share, elapsed_share }
}

/// Three models, each ten times as dear as the one before.
fn resources() -> Resources {
    let mut resources = Resources::default();
    for (name, quality, price) in [("a/small", 0.60, "0.1"), ("b/medium", 0.75, "1"), ("c/large", 0.90, "10")] {
        resources.models.insert(name.into(), builders::model(quality, price));
    }
    resources
}

/// A decision of the router as it runs.
fn route(number: u32, now: Timestamp, resources: &Resources, tempo: Option<Tempo<'_>>) -> Plan {
    let (statistics, cells, circuits) = (Statistics::default(), Cells::new(), HashMap::new());
    let mut task = builders::task("support", &"The pump in hall 3 leaks. ".repeat(1 + number as usize * 7 % 40));
    task.id = TaskId(uuid::Uuid::from_u128(u128::from(number)));
    let snapshot = Snapshot {
        resources,
        statistics: &statistics,
        circuits: &circuits,
        cells: &cells,
        may_explore: false,
        outlook: Outlook { tempo, ..Outlook::default() },
        now,
        headroom: &HashMap::new(),
        may_hedge: false,
    };
    match decide(&task, &builders::admission(&["a/small", "b/medium", "c/large"]), &snapshot) {
        Decision::Route(plan) => *plan,
        Decision::Refuse(refusal) => panic!("{refusal:?}"),
    }
}

/// When the task of that number comes, as a share of the month: mostly by day, and less at weekends.
fn arrivals(tasks: u32) -> Vec<f64> {
    let weight = |hour: u32| {
        let by_day = if (8..18).contains(&(hour % 24)) { 10.0 } else { 1.0 };
        by_day * if hour / 24 % 7 >= 5 { 0.2 } else { 1.0 }
    };
    let sum: f64 = (0..720).map(weight).sum();
    let (mut due, mut arrivals) = (0.0, Vec::new());
    for hour in 0..720 {
        due += weight(hour) * f64::from(tasks) / sum;
        let now = (due - f64::from(u32::try_from(arrivals.len()).unwrap())).floor().max(0.0);
        arrivals.extend(
            (0..)
                .take_while(|number| f64::from(*number) < now)
                .map(|number| (f64::from(hour) + f64::from(number) / now.max(1.0)) / 720.0),
        );
    }
    arrivals
}

/// What a month of tasks spends of a budget of `share` of what the dearest model would cost, and the
/// share of tasks that did not fit any more.
fn month(tasks: u32, share: f64) -> (f64, f64) {
    let (resources, start) = (resources(), Timestamp::from_unix_micros(1_793_491_200_000_000).unwrap());
    let dearest = |number| route(number, start, &resources, None).explanation.candidates;
    let all: f64 = (0..tasks)
        .step_by(7)
        .map(|number| 7.0 * dearest(number).iter().map(|c| c.cost_usd.as_usd_f64()).fold(0.0, f64::max))
        .sum();
    let (budget, mut spent, mut refused) = (all * share, 0.0, 0.0);
    let mut controller = None::<Controller>;
    for (number, at) in (0..).zip(arrivals(tasks)) {
        let seen = pace(spent / budget, at);
        let known = controller.unwrap_or_else(|| Controller::new(&seen)).seen(&seen);
        controller = Some(known);
        let words = words(&seen);
        #[allow(clippy::cast_possible_truncation)]
        let now = start.plus_millis((at * 30.0 * DAY_MS as f64) as i64);
        let plan = route(number, now, &resources, Some(Tempo { factor: known.factor(), from: &words }));
        // Answers are half to one and a half times as long as expected.
        let noise = 0.5 + f64::from(number.wrapping_mul(2_654_435_761) >> 16) / 65_536.0;
        let cost = plan.attempts[0].expected_cost_usd.as_usd_f64() * noise;
        // Governance refuses what does not fit any more.
        if spent + cost <= budget {
            spent += cost;
        } else {
            refused += 1.0 / f64::from(tasks);
        }
    }
    (spent / budget, refused)
}

#[test]
fn a_month_of_decisions_spends_its_budget() {
    for (tasks, share) in [(2_500, 0.05), (2_500, 0.25), (2_500, 0.5), (600, 0.3)] {
        let (realised, refused) = month(tasks, share);
        assert!((0.95..=1.02).contains(&realised), "{realised:.4} of {share} with {tasks} tasks");
        assert!(refused < 0.01, "{refused:.4} refused at {share} with {tasks} tasks");
    }
}

#[test]
fn a_budget_that_is_seen_late_does_not_lag() {
    for (spent, elapsed) in [(0.0, 0.78), (0.4, 0.5), (0.0, 0.0), (0.2, 1.0)] {
        let late = Controller::new(&pace(spent, elapsed));
        assert!((late.seen(&pace(spent, elapsed)).factor() - 1.0).abs() < 1e-9, "{spent} {elapsed}");
    }
    // One that is ahead is, however late it is seen.
    assert!(Controller::new(&pace(0.8, 0.4)).factor() > 2.0);
    // What is left is spread over what is left of the period.
    let late = Controller::new(&pace(0.0, 0.5));
    assert!(late.seen(&pace(AIM / 2.0, 0.6)).factor() > 1.0, "half of the rest in a fifth of the time");
    assert!(late.seen(&pace(AIM / 20.0, 0.75)).factor() < 1.0, "a twentieth in half of the time");
}

#[test]
fn the_record_says_where_the_price_comes_from() {
    let now = Timestamp::EPOCH;
    let free = route(1, now, &resources(), None).explanation;
    let money = free.money.unwrap();
    assert_eq!((money.lambda, money.lambda_from.as_str()), (50.0, "route auto"));
    let (seen, budget) = (pace(0.8, 0.4), "budget team:2026-11: 80.0 % spent when 40.0 % of its period is over");
    let factor = Controller::new(&pace(0.0, 0.0)).seen(&seen).factor();
    assert_eq!(words(&seen), budget);
    let paced = route(1, now, &resources(), Some(Tempo { factor, from: budget })).explanation;
    assert!(factor > 1.0 && paced.value_usd < free.value_usd, "{factor}");
    let money = paced.money.unwrap();
    assert!((money.lambda - 50.0 * factor).abs() < 1e-3 && money.lambda_from == budget, "{money:?}");
}

proptest! {
    #[test]
    fn spending_more_never_makes_money_cheaper(spent in 0.0..2.0_f64, more in 0.0..1.0_f64, elapsed in 0.0..1.0_f64) {
        let factor = |spent| Controller::new(&pace(0.0, 0.0)).seen(&pace(spent, elapsed)).factor();
        prop_assert!(factor(spent) <= factor(spent + more));
        prop_assert!((-8.0..=8.0).contains(&factor(spent).ln()));
    }

    #[test]
    fn replicas_that_see_other_tasks_agree(shift in 0.0..0.01_f64, lead in -0.2..0.2_f64) {
        let run = |every: f64, shift: f64| {
            let at = |step: u32| (f64::from(step) * every + shift).min(1.0);
            let steps = (0..).map(at).take_while(|at| *at < 0.9);
            let seen = |elapsed: f64| pace((elapsed * AIM * (1.0 + lead)).max(0.0), elapsed);
            let first = Controller::new(&seen(0.0));
            let end = steps.map(seen).fold(first, |controller, pace| controller.seen(&pace)).seen(&seen(0.9));
            end.factor().ln()
        };
        let (often, seldom) = (run(0.0005, 0.0), run(0.004, shift));
        prop_assert!((often - seldom).abs() < 0.2, "{often} {seldom}");
    }
}
