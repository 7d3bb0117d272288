#![allow(clippy::cast_precision_loss)]
use super::*;
use proptest::{
    prelude::{any, prop_assert, prop_assert_eq, proptest},
    prop_assume,
};

#[test]
fn draws_are_as_recorded() {
    // If these change, records of earlier decisions cannot be replayed: give the policy a new version.
    let draws = Draws::new(0x0198_7654_3210_7abc_8def_0123_4567_89ab, "1.7");
    let drawn: Vec<String> =
        ["a/small", "b/medium"].map(|model| format!("{:.17}", draws.quality(model, 0.8, 10.0))).into();
    assert_eq!(drawn, RECORDED);
}

const RECORDED: [&str; 2] = ["0.74189312965967491", "0.76030693833326102"];

#[test]
fn draws_have_the_mean_and_the_spread_they_should() {
    for (mean, mass) in [(0.8, 10.0), (0.5, 2.0), (0.05, 4.0), (0.99, 100.0)] {
        let count = 20_000;
        let drawn: Vec<f64> = (0..count).map(|task| Draws::new(task, "p").quality("m", mean, mass)).collect();
        let found = drawn.iter().sum::<f64>() / count as f64;
        let spread = drawn.iter().map(|value| (value - found).powi(2)).sum::<f64>() / count as f64;
        let wanted = mean * (1.0 - mean) / (TEMPER * mass + 1.0);
        assert!((found - mean).abs() < 5.0 * (wanted / count as f64).sqrt(), "mean {found} of {mean}");
        assert!((spread / wanted - 1.0).abs() < 0.08, "variance {spread}, wanted {wanted}");
    }
}

proptest! {
    #[test]
    fn the_same_decision_draws_the_same_and_another_does_not(task in any::<u128>(), other in any::<u128>(), mean in 0.01..0.99_f64) {
        prop_assume!(task != other);
        let drawn = |task, policy, model| Draws::new(task, policy).quality(model, mean, 8.0).to_bits();
        prop_assert_eq!(drawn(task, "1.7", "m"), drawn(task, "1.7", "m"));
        prop_assert!(drawn(task, "1.7", "m") != drawn(other, "1.7", "m"));
        prop_assert!(drawn(task, "1.7", "m") != drawn(task, "1.8", "m"));
        prop_assert!(drawn(task, "1.7", "m") != drawn(task, "1.7", "n"));
    }

    #[test]
    fn a_draw_is_a_quality(task in any::<u128>(), mean in 0.0..=1.0_f64, mass in 0.0..1_000.0_f64) {
        let drawn = Draws::new(task, "p").quality("m", mean, mass);
        prop_assert!((0.0..=1.0).contains(&drawn), "{}", drawn);
    }
}
