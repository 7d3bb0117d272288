#![allow(clippy::unwrap_used)]
use super::*;
use crate::domain::samples::start;
use proptest::prelude::*;

fn me(number: u128) -> ReplicaId {
    format!("{number:032x}").parse().unwrap()
}

fn limits(requests: Option<u64>, tokens: Option<u64>, in_flight: Option<u64>) -> LimitsSpec {
    LimitsSpec { requests_per_minute: requests, tokens_per_minute: tokens, in_flight }
}

fn want(lane: Lane, tokens: u64) -> Want {
    Want { lane, tokens }
}

const URGENT: Want = Want { lane: Lane::Realtime, tokens: 10 };

fn take(book: &mut Book, want: Want, limits: &LimitsSpec) -> Result<Taken, NoRoom> {
    book.take(me(1), want, limits, start())
}

#[test]
fn a_limit_on_calls_under_way_holds_for_all_together() {
    let limits = limits(None, None, Some(2));
    let mut book = Book::default();
    take(&mut book, URGENT, &limits).unwrap();
    book.take(me(2), URGENT, &limits, start()).unwrap();
    let before = book.clone();
    assert_eq!(take(&mut book, URGENT, &limits).unwrap_err().cause, Full::InFlight);
    assert_eq!(book, before, "a refusal changes nothing");
    book.sign(me(2), Holder::default());
    take(&mut book, URGENT, &limits).unwrap();
    assert!(book.spent.is_empty(), "what no limit counts is not written down");
}

#[test]
fn it_says_when_the_minute_has_room_again() {
    let limits = limits(Some(2), None, None);
    let mut book = Book::default();
    let at = |seconds: i64| start().plus_millis(seconds * 1_000);
    for seconds in [0, 20] {
        book.take(me(1), URGENT, &limits, at(seconds)).unwrap();
    }
    let refused = book.take(me(1), URGENT, &limits, at(30)).unwrap_err();
    assert_eq!((refused.for_ms, refused.cause), (35_000, Full::Requests));
    assert!(book.take(me(1), URGENT, &limits, at(64)).is_err());
    book.take(me(1), URGENT, &limits, at(65)).unwrap();
    assert_eq!(book.take(me(1), URGENT, &limits, at(65)).unwrap_err().for_ms, 20_000);
}

#[test]
fn tokens_are_reserved_and_then_counted() {
    let limits = limits(None, Some(1_000), None);
    let mut book = Book::default();
    let taken = take(&mut book, want(Lane::Realtime, 900), &limits).unwrap();
    assert_eq!(take(&mut book, want(Lane::Realtime, 200), &limits).unwrap_err().cause, Full::Tokens);
    book.settle(taken, Some(300));
    take(&mut book, want(Lane::Realtime, 200), &limits).unwrap();
    // More than a minute holds begins a minute of its own.
    assert!(take(&mut book, want(Lane::Realtime, 5_000), &limits).is_err());
    let mut book = Book::default();
    take(&mut book, want(Lane::Realtime, 5_000), &limits).unwrap();
    assert!(take(&mut book, want(Lane::Realtime, 1), &limits).is_err());
}

#[test]
fn batch_work_leaves_a_fifth_and_yields_to_who_waits() {
    let limits = limits(Some(10), None, Some(10));
    let mut book = Book::default();
    for _ in 0..8 {
        take(&mut book, want(Lane::Batch, 0), &limits).unwrap();
    }
    assert!(take(&mut book, want(Lane::Batch, 0), &limits).is_err());
    take(&mut book, URGENT, &limits).unwrap();
    let mut book = Book::default();
    book.sign(me(2), Holder { is_waiting: true, ..Holder::default() });
    assert_eq!(take(&mut book, want(Lane::Batch, 0), &limits).unwrap_err().cause, Full::UrgentFirst);
    take(&mut book, URGENT, &limits).unwrap();
}

#[test]
fn who_is_not_heard_of_is_dead_and_its_calls_are_over() {
    let limits = limits(None, None, Some(1));
    let mut book = Book::default();
    book.sign(me(2), Holder { calls: 1, is_waiting: false, beat: 1 });
    let mut heard = Heard::default();
    for at_ms in (0..=7_000).step_by(500) {
        heard.sees(&book, at_ms);
        assert_eq!(heard.dead(me(1)).len(), usize::from(at_ms == 7_000), "{at_ms}");
    }
    assert_eq!(heard.dead(me(2)), [], "nobody is dead in its own eyes");
    book.clear(&heard.dead(me(1)), start());
    take(&mut book, URGENT, &limits).unwrap();
}

#[test]
fn a_sign_of_life_counts_and_so_does_only_time_in_which_one_looked() {
    let mut book = Book::default();
    let mut heard = Heard::default();
    book.sign(me(2), Holder { calls: 1, is_waiting: false, beat: 1 });
    heard.sees(&book, 0);
    for at_ms in (500..=6_500).step_by(500) {
        heard.sees(&book, at_ms);
    }
    book.sign(me(2), Holder { calls: 1, is_waiting: false, beat: 2 });
    heard.sees(&book, 7_000);
    assert_eq!(heard.dead(me(1)), []);
    // The broker did not answer for a minute; the other could not write either.
    heard.sees(&book, 67_000);
    assert_eq!(heard.dead(me(1)), []);
}

#[test]
fn a_book_is_read_as_it_was_written() {
    let mut book = Book::default();
    take(&mut book, URGENT, &limits(Some(3), None, Some(3))).unwrap();
    book.sign(me(1), Holder { calls: 1, is_waiting: true, beat: 7 });
    let text = serde_json::to_vec(&book).unwrap();
    assert_eq!(serde_json::from_slice::<Book>(&text).unwrap(), book);
}

proptest! {
    #[test]
    fn no_60_seconds_ever_hold_more_than_the_limit(
        limit in 1_u64..12,
        steps in prop::collection::vec((0_i64..9_000, any::<bool>(), 1_u128..4), 1..120),
    ) {
        let limits = limits(Some(limit), None, None);
        let (mut book, mut now) = (Book::default(), start());
        let mut begun: Vec<Timestamp> = Vec::new();
        for (pause_ms, is_batch, who) in steps {
            now = now.plus_millis(pause_ms);
            book.clear(&[], now);
            let lane = if is_batch { Lane::Batch } else { Lane::Realtime };
            match book.take(me(who), want(lane, 0), &limits, now) {
                Ok(_) => begun.push(now),
                Err(refused) => {
                    // What it says is true: then, and not a moment before, there is room.
                    let then = now.plus_millis(i64::try_from(refused.for_ms).unwrap());
                    prop_assert!(book.clone().take(me(who), want(lane, 0), &limits, then).is_ok());
                    prop_assert!(book.clone().take(me(who), want(lane, 0), &limits, then.plus_millis(-2)).is_err());
                }
            }
            let in_a_minute = begun.iter().filter(|at| now.micros_since(**at) < 60_000_000).count();
            prop_assert!(in_a_minute as u64 <= limit);
        }
    }
}
