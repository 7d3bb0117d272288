#![allow(clippy::unwrap_used, clippy::indexing_slicing)]
use super::*;
use crate::domain::samples::{attempt as made, routed, start, usd};
use neptune_contracts::{
    PicoUsd,
    attempt::Usage,
    embedding::EmbeddingSpec,
    ids::{AttemptId, TaskId},
    parked::Wait,
    resource::{BatchSpec, Provider},
};
use neptune_testkit::builders;
use serde_json::json;

fn spec() -> BatchSpec {
    BatchSpec { enabled: true, max_wait_seconds: 30, within_seconds: 600, price_percent: 50, ..BatchSpec::default() }
}

fn model() -> ModelSpec {
    ModelSpec { batch: Some(spec()), ..builders::model(0.9, "2") }
}

/// Whether a task of the batch lane with a day's admission joins, after `change`.
fn joins(change: impl FnOnce(&mut TaskRouted, &mut ModelSpec)) -> bool {
    let (mut routed, mut model) = (routed(), model());
    routed.task.constraints.lane = Lane::Batch;
    routed.admission.expires_at = start().plus_millis(3_600_000);
    change(&mut routed, &mut model);
    collection(&routed, (&model, &[Zone::External]), 10, start()).is_some()
}

#[test]
fn who_can_wait_for_a_batch_joins() {
    assert!(joins(|_, _| {}));
    assert!(joins(|_, model| model.provider = Provider::Anthropic));
    assert!(joins(|routed, _| routed.plan.strategy = Strategy::Single));
    assert!(joins(|routed, _| routed.task.constraints.deadline = Some(start().plus_millis(700_000))));
    assert!(joins(|routed, _| routed.task.input.stream = Some(false)));
}

#[test]
fn who_cannot_wait_or_would_be_answered_otherwise_is_called() {
    let day = |routed: &mut TaskRouted| routed.admission.expires_at = start().plus_millis(86_400_000);
    assert!(!joins(|routed, _| routed.task.constraints.lane = Lane::Realtime));
    assert!(!joins(|routed, _| routed.task.constraints.deadline = Some(start().plus_millis(600_000))), "too near");
    assert!(!joins(|routed, _| routed.admission.expires_at = start().plus_millis(5_000)), "void before it is sent");
    assert!(!joins(|routed, _| routed.task.input.stream = Some(true)));
    assert!(!joins(|routed, _| routed.task.input.embedding = Some(EmbeddingSpec::default())));
    assert!(!joins(|routed, _| routed.plan.strategy = Strategy::Hedge { delay_ms: 1 }));
    assert!(!joins(|routed, _| routed.task.origin = Origin::Shadow));
    assert!(!joins(|routed, _| routed.attempts_made = vec![made("a", None, "0")]));
    assert!(!joins(|routed, _| routed.plan.attempts[0].zone = Zone::Onprem), "another executor's");
    assert!(!joins(|routed, _| routed.plan.attempts[0].expected_cost_usd = usd("2")), "beyond what it may cost");
    assert!(!joins(|_, model| model.batch = None));
    assert!(!joins(|_, model| model.batch = Some(BatchSpec { enabled: false, ..spec() })));
    assert!(!joins(|_, model| model.disabled = true));
    assert!(!joins(|_, model| model.provider = Provider::Gemini));
    let (mut large, model) = (routed(), model());
    large.task.constraints.lane = Lane::Batch;
    day(&mut large);
    assert!(collection(&large, (&model, &[Zone::External]), LARGEST_ITEM_BYTES + 1, start()).is_none());
    assert!(collection(&large, (&model, &[Zone::External]), LARGEST_ITEM_BYTES, start()).is_some());
}

#[test]
fn who_was_in_a_batch_joins_none_again() {
    let came_back = |purpose: Option<&str>| {
        joins(|routed, _| {
            let attempts =
                [Attempt { purpose: purpose.map(str::to_owned), ..made("a", Some(ErrorClass::Timeout), "0") }];
            let wait = Wait { for_ms: 0, because: "it failed", attempts: &attempts, at_most_ms: u64::MAX };
            routed.task = routed.task.park(&wait, start()).unwrap().task;
        })
    };
    assert!(!came_back(Some(BATCH)));
    assert!(came_back(None));
}

fn weighed(sizes: &[usize]) -> Vec<Weighed> {
    let member = || BatchMember {
        team: "support".parse().unwrap(),
        task: TaskId::mint(),
        attempt: AttemptId::mint(),
        deadline: None,
    };
    sizes.iter().map(|size| (member(), *size)).collect()
}

fn lengths(sizes: &[usize], limits: (u32, usize), is_closed: bool) -> Vec<usize> {
    batches(weighed(sizes), limits, is_closed).iter().map(Vec::len).collect()
}

#[test]
fn items_are_put_together_by_number_and_size_and_only_full_ones_before_the_end() {
    assert_eq!(lengths(&[1; 5], (2, 0), true), [2, 2, 1]);
    assert_eq!(lengths(&[1; 5], (2, 0), false), [2, 2]);
    assert_eq!(lengths(&[1; 4], (2, 0), false), [2, 2]);
    assert_eq!(lengths(&[1; 1], (2, 0), false), [0; 0]);
    let half = LARGEST_BATCH_BYTES / 2 + 1;
    assert_eq!(lengths(&[half, half, 1], (9, 0), true), [1, 2]);
    assert_eq!(lengths(&[1; 5], (9, MOST_MEMBERS - 3), true), [3], "the others wait until there is room");
    assert_eq!(lengths(&[1; 5], (9, MOST_MEMBERS + 3), true), [0; 0]);
}

#[test]
fn the_next_look_is_at_the_close_or_at_a_moment_that_all_agree_on() {
    let collection = Collection::open(Zone::External, "acme/a", 30, start());
    let looks = |standing, at: Timestamp| {
        super::looks(&collection, standing, 60, at).into_iter().map(|look| look.timer).collect::<Vec<_>>()
    };
    let after = collection.closes_at().plus_millis(1_000);
    assert_eq!(looks((false, true), start()), ["close"]);
    assert_eq!(looks((false, false), start()), [""; 0]);
    assert_eq!(looks((false, false), after), [""; 0]);
    let polled = looks((true, false), after);
    assert_eq!((polled.len(), &polled), (1, &looks((true, true), after.plus_millis(1))));
    let due = super::looks(&collection, (true, false), 60, after)[0].due_at;
    assert!(due > after && due.unix_seconds() % 60 == 0 && polled[0] == format!("at-{}", due.unix_seconds()));
}

#[test]
fn an_item_costs_its_part_of_the_price_and_says_that_it_was_one() {
    let collection = Collection::open(Zone::External, "a", 30, start());
    let item = BatchItem { collection, attempt: AttemptId::mint(), collected_at: start(), routed: routed() };
    let usage = Usage { input_uncached: 100, output: 10, ..Usage::default() };
    let answer = Answer { output: json!({}), usage: Some(usage), warnings: Vec::new(), limits: None };
    let ended = |model: Option<&ModelSpec>, result: &Result<Answer, Failure>| {
        attempt(&item, model, result, start().plus_millis(5)).unwrap()
    };
    let record = ended(Some(&model()), &Ok(answer));
    // Half of 100 at 2 and 10 at 8 micro-dollars.
    assert_eq!((record.cost_usd, record.estimated), (usd("0.00014"), false));
    assert_eq!((record.purpose.as_deref(), record.latency_us, record.id), (Some(BATCH), 5_000, item.attempt));
    let lost = ended(Some(&model()), &Err(late()));
    assert!(lost.estimated && lost.cost_usd > PicoUsd::ZERO, "{lost:?}");
    assert_eq!(ended(None, &Err(missing())).cost_usd, PicoUsd::ZERO, "no price is known any more");
}

#[test]
fn a_batch_is_waited_for_as_long_as_it_may_take() {
    let at = |millis: i64| start().plus_millis(millis);
    assert!(!is_overdue(start(), 600, at(600_000 + OVERDUE_MS)));
    assert!(is_overdue(start(), 600, at(600_001 + OVERDUE_MS)));
    assert!(!is_unmakeable(start(), at(MAKE_WITHIN_MS)) && is_unmakeable(start(), at(MAKE_WITHIN_MS + 1)));
    assert!(!is_running_out(None, (30_000, 60), start()));
    assert!(!is_running_out(Some(at(100_000)), (30_000, 60), start()));
    assert!(is_running_out(Some(at(99_999)), (30_000, 60), start()));
    assert!(!is_running_out(Some(at(190_000)), (3_600_000, 60), start()), "a call gets two minutes at most");
}
