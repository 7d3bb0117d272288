#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
use super::*;

const OVERLOAD: ErrorClass = ErrorClass::Overload;

/// A circuit after failures without a pause at the given times.
fn after_failures(times: &[i64]) -> Circuit {
    let mut circuit = Circuit::default();
    for at in times {
        circuit.failed(*at, OVERLOAD, None);
    }
    circuit
}

#[test]
fn five_failures_in_a_row_open_it_and_four_do_not() {
    assert_eq!(after_failures(&[1, 2, 3, 4]).state(5), State::Closed);
    assert_eq!(after_failures(&[1, 2, 3, 4, 5]).state(5), State::Open { for_ms: 5_000 });
}

#[test]
fn a_success_in_between_starts_the_count_again() {
    let mut circuit = after_failures(&[1, 2, 3, 4]);
    circuit.answered(5);
    circuit.failed(6, OVERLOAD, None);
    assert_eq!((circuit.consecutive, circuit.state(6)), (1, State::Closed));
}

#[test]
fn what_was_under_way_when_it_opened_changes_nothing() {
    let opened = after_failures(&[1, 2, 3, 4, 5]);
    let mut circuit = opened;
    circuit.answered(100);
    circuit.failed(101, OVERLOAD, None);
    assert_eq!(circuit, Circuit { failed_at_ms: 101, ..opened });
}

#[test]
fn it_recovers_until_a_success_gives_it_everything_back() {
    let mut circuit = after_failures(&[1, 2, 3, 4, 5]);
    assert_eq!(circuit.state(5_004), State::Open { for_ms: 1 });
    assert_eq!(circuit.state(5_005), State::Recovering);
    assert_eq!(circuit.state(500_000), State::Recovering);
    circuit.answered(5_006);
    assert_eq!(circuit.state(5_006), State::Closed);
}

#[test]
fn each_failed_recovery_doubles_the_pause_up_to_a_minute() {
    let mut circuit = after_failures(&[1, 2, 3, 4, 5]);
    let mut pauses = Vec::new();
    for _ in 0..5 {
        let at = circuit.open_until_ms;
        circuit.failed(at, OVERLOAD, None);
        pauses.push(circuit.open_until_ms - at);
    }
    assert_eq!(pauses, [10_000, 20_000, 40_000, 60_000, 60_000]);
}

#[test]
fn retry_after_holds_at_once_also_when_it_comes_late() {
    let mut circuit = Circuit::default();
    circuit.answered(50);
    circuit.failed(40, ErrorClass::RateLimit, Some(2_000));
    assert_eq!((circuit.consecutive, circuit.state(60)), (0, State::Open { for_ms: 1_980 }));
}

#[test]
fn after_a_rate_limit_a_model_has_its_traffic_at_once_unless_it_goes_on_refusing() {
    let limited = |times: &[i64], last: Option<ErrorClass>| {
        let mut circuit = Circuit::default();
        for at in times {
            circuit.failed(*at, last.filter(|_| at == &times[0]).unwrap_or(ErrorClass::RateLimit), Some(100));
        }
        circuit.state(100_000)
    };
    assert_eq!(limited(&[0], None), State::Closed);
    assert_eq!(limited(&[0, 200, 400, 600], None), State::Closed);
    assert_eq!(limited(&[0, 200, 400, 600, 800], None), State::Recovering);
    assert_eq!(limited(&[0], Some(OVERLOAD)), State::Recovering);
    assert_eq!(limited(&[0], Some(ErrorClass::Auth)), State::Recovering);
}

#[test]
fn together_the_newer_success_wins_else_the_longer_pause() {
    let open = after_failures(&[1, 2, 3, 4, 5]);
    let mut closed = Circuit::default();
    closed.answered(9);
    let empty = Circuit::default();
    for (left, right, wanted) in
        [(open, closed, closed), (closed, open, closed), (open, empty, open), (empty, open, open)]
    {
        assert_eq!(left.together(right), wanted);
    }
}

#[test]
fn a_failure_pauses_a_model_for_as_long_as_it_deserves() {
    let check = |class, retry_after_ms, wanted| {
        let mut attempt = neptune_testkit::builders::failed("a/model", class);
        attempt.error.as_mut().unwrap().retry_after_ms = retry_after_ms;
        assert_eq!(health(&attempt), wanted, "{class:?} {retry_after_ms:?}");
    };
    let failed = |class, pause_ms| Health::Failed { class, pause_ms };
    check(ErrorClass::RateLimit, Some(2_000), failed(ErrorClass::RateLimit, Some(2_000)));
    check(ErrorClass::RateLimit, None, failed(ErrorClass::RateLimit, Some(1_000)));
    check(ErrorClass::RateLimit, Some(u64::MAX), failed(ErrorClass::RateLimit, Some(600_000)));
    check(ErrorClass::Auth, None, failed(ErrorClass::Auth, Some(60_000)));
    check(ErrorClass::Quota, Some(90_000), failed(ErrorClass::Quota, Some(90_000)));
    check(ErrorClass::Overload, Some(500), failed(ErrorClass::Overload, Some(500)));
    for class in [ErrorClass::Timeout, ErrorClass::Overload, ErrorClass::Malformed, ErrorClass::Network] {
        check(class, None, failed(class, None));
    }
    for class in [ErrorClass::ContextLength, ErrorClass::Refusal, ErrorClass::BadRequest, ErrorClass::Unsupported] {
        check(class, Some(5_000), Health::Unrelated);
    }
    assert_eq!(health(&neptune_testkit::builders::answered("a/model")), Health::Answered);
}
