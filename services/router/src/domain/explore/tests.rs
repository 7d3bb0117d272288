use super::*;
use proptest::{
    collection,
    prelude::{prop_assert, prop_assert_eq, proptest},
};

fn prospect(quality: f64, expected_usd: f64, drawn_usd: f64) -> Prospect {
    Prospect { quality, expected_usd, drawn_usd }
}

fn check(prospects: &[Prospect], refrain: Option<Refrain>, wanted: (usize, bool)) {
    let pick = pick(prospects, 0.0, refrain).map(|pick| (pick.index, pick.explored));
    assert_eq!(pick, Some(wanted));
}

#[test]
fn the_draw_decides_where_it_may() {
    let close = [prospect(0.90, 0.018, 0.017), prospect(0.85, 0.017, 0.019)];
    check(&close, None, (1, true));
    for refrain in [Refrain::Sensitive, Refrain::Critical, Refrain::Spent] {
        check(&close, Some(refrain), (0, false));
    }
}

#[test]
fn a_much_worse_model_is_not_tried() {
    check(&[prospect(0.90, 0.018, 0.017), prospect(0.79, 0.016, 0.030)], None, (0, false));
}

#[test]
fn a_model_below_the_floor_is_not_tried() {
    let prospects = [prospect(0.90, 0.018, 0.017), prospect(0.85, 0.017, 0.019)];
    assert_eq!(pick(&prospects, 0.88, None), Some(Pick { index: 0, explored: false }));
    assert_eq!(pick(&prospects, 0.95, None), Some(Pick { index: 1, explored: true }), "a floor nobody meets is none");
    assert_eq!(pick(&[], 0.0, None), None);
}

#[test]
fn exploring_keeps_to_its_share() {
    let mut budget = Budget::default();
    let mut explored = 0;
    for decided in 1..=5_000 {
        let explores = budget.is_left();
        budget.spend(explores);
        explored += u32::from(explores);
        // What was long ago is forgotten, so that the whole may have a little more.
        assert!(f64::from(explored) <= 1.1 * MOST_EXPLORED * f64::from(decided) + 1.0, "{explored} of {decided}");
    }
    assert!(explored > 80, "{explored}");
}

proptest! {
    #[test]
    fn without_exploring_the_draws_do_not_matter(numbers in collection::vec((0.0..1.0_f64, -1.0..1.0_f64, -1.0..1.0_f64, -1.0..1.0_f64), 1..16)) {
        let with = |drawn: fn(&(f64, f64, f64, f64)) -> f64| -> Vec<Prospect> {
            numbers.iter().map(|number| prospect(number.0, number.1, drawn(number))).collect()
        };
        let (one, other) = (with(|number| number.2), with(|number| number.3));
        prop_assert_eq!(pick(&one, 0.0, Some(Refrain::Sensitive)), pick(&other, 0.0, Some(Refrain::Sensitive)));
        let best = numbers.iter().map(|number| number.1).fold(f64::NEG_INFINITY, f64::max);
        let chosen = pick(&one, 0.0, None).and_then(|pick| one.get(pick.index).copied());
        prop_assert!(chosen.is_some_and(|chosen| chosen.expected_usd <= best));
    }
}
