#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
use super::*;

const OVERLOAD: ErrorClass = ErrorClass::Overload;

/// When failures come that open a circuit with the last of them.
const OPENING: [i64; 5] = [1, 2, 3, 4, 5];

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
    assert_eq!(after_failures(&OPENING[..4]).state(300), State::Closed);
    let circuit = after_failures(&OPENING);
    assert_eq!(circuit.state(254), State::Closed, "answers of the same moment are not known yet");
    assert_eq!(circuit.state(255), State::Open { for_ms: 4_750 });
}

#[test]
fn an_answer_in_the_midst_of_the_failures_keeps_it_closed_also_when_it_is_heard_of_late() {
    for answered_at in [3, 100, 254] {
        let mut circuit = after_failures(&OPENING);
        circuit.answered(answered_at);
        assert_eq!(circuit.state(300), State::Closed, "{answered_at}");
    }
    let mut circuit = after_failures(&[1, 2, 3, 4]);
    circuit.answered(3);
    assert_eq!((circuit.consecutive, circuit.failing_since_ms, circuit.succeeded_at_ms), (1, 3, 3));
    for at in [5, 6, 7] {
        circuit.failed(at, OVERLOAD, None);
        assert_eq!(circuit.state(at + GRACE_MS), State::Closed);
    }
    circuit.answered(2);
    assert_eq!(circuit.succeeded_at_ms, 3, "that was known to be past");
    circuit.failed(8, OVERLOAD, None);
    assert_eq!(circuit.state(8 + GRACE_MS), State::Open { for_ms: 4_750 });
}

#[test]
fn a_success_in_between_starts_the_count_again() {
    let mut circuit = after_failures(&OPENING[..4]);
    circuit.answered(5);
    circuit.failed(6, OVERLOAD, None);
    assert_eq!((circuit.consecutive, circuit.state(300)), (1, State::Closed));
}

#[test]
fn many_failures_at_once_are_one_outage() {
    let circuit = after_failures(&[1; 100]);
    assert_eq!(circuit.state(251), State::Open { for_ms: 4_750 }, "the first pause is short");
    assert_eq!(circuit.consecutive, 100, "all are forgiven when it is over");
}

#[test]
fn a_trial_that_is_answered_closes_it_also_when_another_fails_meanwhile() {
    let mut circuit = after_failures(&OPENING);
    circuit.failed(5_300, OVERLOAD, None);
    assert_eq!(circuit.state(5_300), State::Open { for_ms: 10_000 }, "nobody is waited for again");
    let mut circuit = after_failures(&OPENING);
    circuit.answered(5_260);
    circuit.failed(5_300, OVERLOAD, None);
    assert_eq!((circuit.state(5_300), circuit.consecutive), (State::Closed, 1));
}

#[test]
fn what_was_under_way_when_it_opened_changes_nothing() {
    let opened = after_failures(&OPENING);
    let mut circuit = opened;
    circuit.answered(300);
    circuit.failed(301, OVERLOAD, None);
    assert_eq!(circuit, Circuit { failed_at_ms: 301, ..opened });
}

#[test]
fn it_recovers_until_a_success_gives_it_everything_back() {
    let mut circuit = after_failures(&OPENING);
    assert_eq!(circuit.state(5_004), State::Open { for_ms: 1 });
    assert_eq!(circuit.state(5_005), State::Recovering);
    assert_eq!(circuit.state(500_000), State::Recovering);
    circuit.answered(5_006);
    assert_eq!(circuit.state(5_006), State::Closed);
}

#[test]
fn each_failed_recovery_doubles_the_pause_up_to_a_minute() {
    let mut circuit = after_failures(&OPENING);
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
fn after_a_pause_that_it_asked_for_a_model_has_its_traffic_at_once_unless_it_goes_on_failing() {
    let limited = |times: &[i64], last: Option<ErrorClass>| {
        let mut circuit = Circuit::default();
        for at in times {
            circuit.failed(*at, last.filter(|_| at == &times[0]).unwrap_or(ErrorClass::RateLimit), Some(100));
        }
        circuit.state(100_000)
    };
    assert_eq!(limited(&[1], None), State::Closed);
    assert_eq!(limited(&[1, 200, 400, 600], None), State::Closed);
    assert_eq!(limited(&[1, 200, 400, 600, 800], None), State::Recovering);
    assert_eq!(limited(&[1], Some(OVERLOAD)), State::Closed);
    assert_eq!(limited(&[1], Some(ErrorClass::Auth)), State::Recovering);
}

#[test]
fn together_the_newer_success_wins_else_the_longer_pause() {
    let open = after_failures(&OPENING);
    let mut closed = Circuit::default();
    closed.answered(300);
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
