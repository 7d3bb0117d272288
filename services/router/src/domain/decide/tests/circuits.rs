//! Models that failed are left out, tried again one task at a time, and fallen back on meanwhile.

use super::*;

#[test]
fn an_open_circuit_takes_a_model_out_and_says_when_it_comes_back() {
    let one = World::new().with(|world| world.open("b/medium", 3_000));
    check(&one, &["a/small", "c/large"], &["b/medium circuit"]);
    let all = World::new().with(|world| {
        world.open("a/small", 3_000);
        world.open("b/medium", 2_000);
        world.open("c/large", 9_000);
    });
    let refusal = all.refusal();
    assert_eq!(
        (refusal.outcome, refusal.error.code.as_str(), refusal.error.retry_after_ms),
        (Outcome::NoRoute, "no_capacity", Some(2_000))
    );
}

#[test]
fn a_recovering_model_is_tried_by_one_task_at_a_time() {
    let after_trial = |ago_ms: i64| {
        World::new().with(|world| {
            world.open("b/medium", -1);
            world.trials.insert("b/medium".into(), NOW_MS - ago_ms);
        })
    };
    check(&World::new().with(|world| world.open("b/medium", -1)), &["b/medium", "a/small", "c/large"], &[]);
    check(&after_trial(4_999), &["a/small", "c/large", "b/medium"], &["b/medium circuit"]);
    check(&after_trial(5_000), &["b/medium", "a/small", "c/large"], &[]);
    check(&after_trial(0).ask("b/medium"), &["b/medium"], &[]);
}

#[test]
fn a_recovering_model_is_fallen_back_on_where_a_plan_has_room() {
    let two_recover = || {
        World::new().with(|world| {
            for name in ["b/medium", "c/large"] {
                world.open(name, -1);
                world.trials.insert(name.into(), NOW_MS);
            }
        })
    };
    check(&two_recover(), &["a/small", "b/medium", "c/large"], &["b/medium circuit", "c/large circuit"]);
    assert_eq!(two_recover().plan().strategy, Strategy::Fallback);
    let short = two_recover().with(|world| declare(world, RouteSpec { max_attempts: 2, ..route() }));
    check(&short, &["a/small", "b/medium"], &["b/medium circuit", "c/large circuit"]);
    let single = two_recover().with(|world| declare(world, RouteSpec { strategy: StrategySpec::Single, ..route() }));
    check(&single, &["a/small"], &["b/medium circuit", "c/large circuit"]);
    let hurried = two_recover().with(|world| world.task.constraints.deadline = Some(world.now.plus_millis(13_000)));
    check(&hurried, &["a/small", "b/medium"], &["b/medium circuit", "c/large circuit"]);
    let poor = two_recover().with(|world| world.admission.max_cost_usd = Some("0.002".parse().unwrap()));
    check(&poor, &["a/small", "b/medium"], &["b/medium circuit", "c/large cost"]);
}

#[test]
fn a_recovering_model_is_tried_in_spite_of_its_outage() {
    let world = World::new().with(|world| {
        world.open("b/medium", -5_000);
        let measured = ModelStatistics {
            failures: 5.0,
            counted_at_ms: NOW_MS,
            circuit: world.circuits["b/medium"],
            ..ModelStatistics::default()
        };
        world.statistics = Statistics { read_at_ms: Some(NOW_MS), models: [("b/medium".into(), measured)].into() };
    });
    assert_eq!(world.plan().attempts[0].model, "b/medium");
}
