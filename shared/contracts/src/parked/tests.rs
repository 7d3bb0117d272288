#![allow(clippy::unwrap_used)]
use super::*;
use crate::{chat::ChatRequest, ids::TaskId, task::TaskSubmitted};
use proptest::prelude::*;

fn now() -> Timestamp {
    Timestamp::from_unix_micros(1_795_000_000_000_000).unwrap()
}

fn task(deadline_in_ms: Option<i64>) -> Task {
    let mut submitted = TaskSubmitted::new("support".parse().unwrap(), ChatRequest::user("hello"));
    submitted.constraints.deadline = deadline_in_ms.map(|ms| now().plus_millis(ms));
    submitted.settle(TaskId::mint(), now()).unwrap()
}

fn wait(for_ms: u64) -> Wait<'static> {
    Wait { for_ms, because: "no room", attempts: &[], at_most_ms: 60_000 }
}

#[test]
fn a_task_waits_as_long_as_its_deadline_or_the_limit_allows() {
    for (deadline, for_ms, may) in [
        (Some(10_000), 9_000, true),
        (Some(10_000), 9_800, false),
        (Some(400), 100, false),
        (Some(-1), 100, false),
        // A deadline may be further away than the limit for tasks without one.
        (Some(600_000), 500_000, true),
        (None, 59_000, true),
        (None, 60_000, false),
    ] {
        let parked = task(deadline).park(&wait(for_ms), now());
        assert_eq!(parked.is_ok(), may, "{deadline:?} {for_ms}: {parked:?}");
    }
    let never = Wait { at_most_ms: 0, ..wait(100) };
    let reason = task(None).park(&never, now()).unwrap_err();
    assert_eq!(reason, "it cannot wait 100 ms, because without a deadline it waits 0 ms at most");
    assert!(task(Some(5_000)).park(&never, now()).is_ok());
}

#[test]
fn waits_add_up_and_end() {
    let (mut task, mut at, mut times) = (task(None), now(), 0);
    let short = Wait { at_most_ms: u64::MAX, ..wait(1_000) };
    while let Ok(parked) = task.park(&short, at) {
        times += 1;
        at = parked.task.parked.as_ref().unwrap().until;
        task = parked.task.resumed(at);
        assert_eq!(task.parking().unwrap().times, times);
    }
    assert_eq!(times, MAX_PARKS);
    assert_eq!(task.parking().unwrap().total_ms, at.micros_since(now()) / 1_000);
    assert!(task.park(&short, at).unwrap_err().contains("32 times"));
}

proptest! {
    #[test]
    fn nobody_comes_back_before_the_reset_or_after_the_deadline(for_ms in 0_u64..100_000, deadline_ms in 0_i64..200_000) {
        if let Ok(parked) = task(Some(deadline_ms)).park(&wait(for_ms), now()) {
            let back_ms = parked.task.parked.unwrap().until.micros_since(now()) / 1_000;
            prop_assert!(back_ms >= for_ms && back_ms < deadline_ms.unsigned_abs());
            prop_assert!(back_ms <= for_ms.max(LEAST_MS) + WIDEST_SPREAD_MS);
        } else {
            prop_assert!(for_ms.max(LEAST_MS) + LEAST_LEFT_MS > deadline_ms.unsigned_abs() );
        }
    }
}
