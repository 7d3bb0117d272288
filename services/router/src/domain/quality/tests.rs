#![allow(clippy::unwrap_used, clippy::indexing_slicing)]
use super::*;
use neptune_contracts::names::TaskType;
use proptest::{
    collection,
    prelude::{ProptestConfig, any, prop, prop_assert, prop_assert_eq, proptest},
    strategy::Strategy,
};

const NOW_MS: i64 = 1_800_000_000_000;

fn context(step: Option<&str>) -> Context {
    Context::new(TaskType::Extraction, 100, step)
}

fn signal(kind: Kind, reward: f64, at_ms: i64) -> Signal {
    Signal { kind, reward, at_ms }
}

fn posterior(book: &Book, labelled: &Labelled, context: &Context, declared: f64) -> Posterior {
    Beliefs { cells: &book.cells, labelled, now_ms: NOW_MS }.view(context).posterior("a", declared)
}

fn labelled(key: &str, mean: f64, count: f64) -> Labelled {
    [(key.to_owned(), [("a".to_owned(), Mean { mean, count })].into())].into()
}

/// A book after so many good and bad answers in `context`.
fn book(context: &Context, good: u128, bad: u128) -> Book {
    let mut book = Book::default();
    for task in 0..good + bad {
        let reward = if task % (good + bad) < good { 1.0 } else { 0.0 };
        // Each in its turn, so that no streak raises an alarm.
        book.give(task, "a", (context, reward), signal(Kind::Explicit, reward, NOW_MS));
    }
    book
}

#[test]
fn nothing_known_is_what_the_resource_declares() {
    let believed = posterior(&Book::default(), &Labelled::new(), &context(Some("s")), 0.8);
    assert!((believed.mean - 0.8).abs() < 1e-12, "{believed:?}");
    assert!((believed.mass - DECLARED_MASS).abs() < 1e-12, "{believed:?}");
}

#[test]
fn labelled_examples_of_the_step_count_more_than_what_is_declared() {
    let labelled = labelled("step:s", 0.3, 500.0);
    let believed = posterior(&Book::default(), &labelled, &context(Some("s")), 0.8);
    assert!((believed.mean - 0.3).abs() < 1e-12 && (believed.mass - LABELLED_MASS).abs() < 1e-12, "{believed:?}");
    let elsewhere = posterior(&Book::default(), &labelled, &context(Some("t")), 0.8);
    assert!((elsewhere.mean - 0.8).abs() < 1e-12, "{elsewhere:?}");
}

#[test]
fn a_step_without_feedback_leans_on_its_kind_of_work() {
    let book = book(&context(None), 10, 30);
    let step = posterior(&book, &Labelled::new(), &context(Some("new")), 0.9);
    let kind = posterior(&book, &Labelled::new(), &context(None), 0.9);
    assert!(step.mean < 0.5 && (step.mean - kind.mean).abs() < 1e-12, "{step:?} {kind:?}");
    assert!(step.mass < kind.mass, "what is only inferred is worth less: {step:?} {kind:?}");
}

#[test]
fn own_feedback_outweighs_everything_else_in_the_end() {
    let book = book(&context(Some("s")), 10, 90);
    let believed = posterior(&book, &labelled("step:other", 0.9, 100.0), &context(Some("s")), 0.9);
    assert!((0.05..0.25).contains(&believed.mean), "{believed:?}");
}

#[test]
fn feedback_fades_towards_what_was_known_before() {
    let book = book(&context(Some("s")), 0, 60);
    let labelled = labelled("step:s", 0.9, 100.0);
    let at = |days: i64| {
        let beliefs = Beliefs { cells: &book.cells, labelled: &labelled, now_ms: NOW_MS + days * 86_400_000 };
        beliefs.view(&context(Some("s"))).posterior("a", 0.5).mean
    };
    assert!(at(0) < at(7) && at(7) < at(30), "{} {} {}", at(0), at(7), at(30));
    assert!(at(60) > 0.89, "{}", at(60));
}

#[test]
fn a_model_that_changed_raises_the_alarm_and_is_judged_anew() {
    let (mut book, step) = (Book::default(), context(Some("s")));
    let labelled = labelled("step:s", 0.9, 200.0);
    let mut raised_after = None;
    for task in 0..200_u128 {
        // Nine of ten good for a hundred tasks, then three of ten.
        let good = if task < 100 { task % 10 != 9 } else { task % 10 < 3 };
        let expected = posterior(&book, &labelled, &step, 0.5).mean;
        let effect = book.give(task, "a", (&step, expected), signal(Kind::Explicit, f64::from(u8::from(good)), NOW_MS));
        if let Effect::Counted { changed } = effect
            && changed.contains(&"step:s".to_owned())
        {
            raised_after.get_or_insert(task);
            assert!(book.cells["step:s"]["a"].good + book.cells["step:s"]["a"].bad <= MASS_AFTER_ALARM + 1e-9);
        }
    }
    let after = raised_after.unwrap();
    assert!((100..125).contains(&after), "raised at task {after}");
    assert!(posterior(&book, &labelled, &step, 0.5).mean < 0.45);
}

#[test]
fn a_model_that_does_not_change_raises_no_alarm() {
    let (mut book, step, mut alarms) = (Book::default(), context(Some("s")), 0);
    for task in 0..2_000_u128 {
        let expected = posterior(&book, &Labelled::new(), &step, 0.7).mean;
        // Seven of ten, in an order without long streaks.
        let reward = f64::from(u8::from(task * 7 % 10 < 7));
        let effect = book.give(task, "a", (&step, expected), signal(Kind::Explicit, reward, NOW_MS));
        alarms += usize::from(!matches!(effect, Effect::Counted { changed } if changed.is_empty()));
    }
    assert_eq!(alarms, 0);
}

#[test]
fn words_move_a_mean_and_never_out_of_bounds() {
    let half = Posterior { mean: 0.5, mass: 10.0 };
    assert!(half.shifted(1.0).mean > 0.7 && half.shifted(-1.0).mean < 0.3 && half.shifted(0.0) == half);
    for mean in [0.0, 1.0] {
        let moved = Posterior { mean, mass: 10.0 }.shifted(3.0).mean;
        assert!((0.0..=1.0).contains(&moved), "{moved}");
    }
}

fn kinds() -> impl Strategy<Value = Kind> {
    prop::sample::select(Kind::ALL.to_vec())
}

/// Signals about one task, each at a time of its own.
fn signals() -> impl Strategy<Value = Vec<Signal>> {
    collection::vec((kinds(), 0.0..=1.0_f64), 1..6).prop_map(|signals| {
        (0_i64..).zip(signals).map(|(at, (kind, reward))| signal(kind, reward, NOW_MS + at)).collect()
    })
}

fn is_close(left: &Book, right: &Book) -> bool {
    left.cells.len() == right.cells.len()
        && left.cells.iter().all(|(key, models)| {
            let other = &right.cells[key]["a"];
            (models["a"].good - other.good).abs() < 1e-6 && (models["a"].bad - other.bad).abs() < 1e-6
        })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn a_mixture_lies_between_and_is_no_surer_than_both(mean in 0.0..1.0, other in 0.0..1.0, mass in 1.0..100.0, more in 1.0..100.0, weight in 0.0..0.5) {
        let (one, two) = (Posterior { mean, mass }, Posterior { mean: other, mass: more });
        let mixed = one.mixed(two, weight);
        prop_assert!(mixed.mean >= mean.min(other) - 1e-9 && mixed.mean <= mean.max(other) + 1e-9);
        prop_assert!(mixed.mass >= 1.0 && mixed.mass <= mass.max(more));
        prop_assert!((one.mixed(two, 0.0).mean - mean).abs() < 1e-9);
    }

    #[test]
    fn duplicates_change_nothing(signals in signals(), again in any::<prop::sample::Index>()) {
        let mut book = Book::default();
        let step = context(Some("s"));
        for signal in &signals {
            book.give(1, "a", (&step, 0.5), *signal);
        }
        let before = book.clone();
        let effect = book.give(1, "a", (&step, 0.5), *again.get(&signals));
        prop_assert_eq!(effect, Effect::Ignored);
        prop_assert_eq!(book, before);
    }

    #[test]
    fn only_the_strongest_signal_counts_in_whatever_order_they_come(
        (signals, shuffled) in signals().prop_flat_map(|signals| (prop::strategy::Just(signals.clone()), prop::strategy::Just(signals).prop_shuffle())),
        others in collection::vec(0.0..=1.0_f64, 0..40),
    ) {
        let step = context(Some("s"));
        let give = |signals: &[Signal]| {
            let mut book = Book::default();
            for signal in signals {
                book.give(0, "a", (&step, 0.5), *signal);
            }
            for (task, reward) in (1..).zip(&others) {
                book.give(task, "a", (&step, *reward), signal(Kind::Explicit, *reward, NOW_MS + 10));
            }
            book
        };
        let strongest = signals.iter().copied().max_by_key(|signal| (signal.kind.rank(), signal.at_ms)).unwrap();
        let (alone, all, mixed) = (give(&[strongest]), give(&signals), give(&shuffled));
        prop_assert!(is_close(&all, &mixed), "{:?}\n{:?}", all, mixed);
        prop_assert!(is_close(&all, &alone), "{:?}\n{:?}", all, alone);
    }

    #[test]
    fn a_stronger_signal_that_comes_later_still_takes_the_place_of_the_weaker(
        reward in 0.0..=1.0_f64, others in collection::vec(0.0..=1.0_f64, 0..60),
    ) {
        let step = context(Some("s"));
        let run = |first: Signal, last: Option<Signal>| {
            let mut book = Book::default();
            book.give(0, "a", (&step, 0.5), first);
            for (task, other) in (1..).zip(&others) {
                book.give(task, "a", (&step, *other), signal(Kind::Judge, *other, NOW_MS));
            }
            last.map(|last| book.give(0, "a", (&step, 0.5), last));
            book
        };
        let late = run(signal(Kind::Implied, 1.0 - reward, NOW_MS), Some(signal(Kind::Explicit, reward, NOW_MS + 5)));
        let at_once = run(signal(Kind::Explicit, reward, NOW_MS), None);
        prop_assert!(is_close(&late, &at_once), "{:?}\n{:?}", late, at_once);
    }

    #[test]
    fn evidence_stays_within_bounds_and_beliefs_are_probabilities(
        given in collection::vec((kinds(), 0.0..=1.0_f64, 0.0..=1.0_f64, 0..2_000_000_000_i64), 0..300), declared in 0.0..=1.0_f64,
    ) {
        let mut book = Book::default();
        let step = context(Some("s"));
        for (task, (kind, reward, expected, at_ms)) in (0..).zip(&given) {
            book.give(task, "a", (&step, *expected), signal(*kind, *reward, NOW_MS + at_ms));
        }
        for models in book.cells.values() {
            let cell = models["a"];
            prop_assert!(cell.good >= 0.0 && cell.bad >= 0.0 && cell.good + cell.bad <= OBSERVATIONS_KEPT + 1.0);
        }
        let believed = posterior(&book, &Labelled::new(), &step, declared);
        prop_assert!((0.0..=1.0).contains(&believed.mean) && believed.mass > 0.0, "{:?}", believed);
    }

    #[test]
    fn better_feedback_never_makes_a_model_look_worse(
        rewards in collection::vec(0.0..=0.5_f64, 1..80), raised in any::<prop::sample::Index>(), declared in 0.0..=1.0_f64,
    ) {
        let step = context(Some("s"));
        let believed = |rewards: &[f64]| {
            let mut book = Book::default();
            for (task, reward) in (0..).zip(rewards) {
                book.give(task, "a", (&step, *reward), signal(Kind::Explicit, *reward, NOW_MS));
            }
            posterior(&book, &Labelled::new(), &step, declared).mean
        };
        let mut better = rewards.clone();
        better[raised.index(rewards.len())] += 0.5;
        prop_assert!(believed(&better) >= believed(&rewards));
    }
}
