use super::*;

/// What is spent, as a share of the budget, when a dollar buys less quality the dearer it is: a
/// task costs between nothing and `most_usd`, and less at a higher price of money.
fn realised(budget_usd: f64, most_usd: f64, tasks: u32) -> f64 {
    let mut pace = Pace::new(budget_usd);
    let mut spent_usd = 0.0;
    for task in 0..tasks {
        let worth = f64::from(task * 37 % 101 + 1) / 101.0;
        // The dearest call whose quality is worth its price.
        let cost_usd = most_usd * (worth / (pace.lambda(20.0) * most_usd)).min(1.0);
        pace.spend(cost_usd);
        spent_usd += cost_usd;
    }
    spent_usd / (budget_usd * f64::from(tasks))
}

#[test]
fn spending_keeps_to_the_budget() {
    for (budget_usd, most_usd) in [(0.001, 0.01), (0.0002, 0.01), (0.01, 0.05), (0.004, 0.01)] {
        let realised = realised(budget_usd, most_usd, 5_000);
        assert!((0.95..=1.02).contains(&realised), "{realised} of {budget_usd}");
    }
}

#[test]
fn money_is_dearer_ahead_of_the_window_and_cheaper_behind_it() {
    let (mut ahead, mut behind) = (Pace::new(0.01), Pace::new(0.01));
    for _ in 0..100 {
        ahead.spend(0.02);
        behind.spend(0.001);
    }
    assert!(ahead.lambda(20.0) > 20.0 && behind.lambda(20.0) < 20.0);
    assert!((Pace::new(0.01).lambda(20.0) - 20.0).abs() < 1e-12, "nothing spent is no lead");
}

#[test]
fn a_budget_that_buys_everything_leaves_quality_its_price() {
    assert!(realised(1.0, 0.01, 1_000) < 0.05, "nothing more can be bought");
}
