//! Models that recover from failures, as the last ones of a plan.

use super::*;

#[test]
fn a_recovering_model_is_fallen_back_on_where_a_plan_has_room() {
    let two_recover = || {
        World::new().with(|world| {
            // A hundredth of their share is over: next to no task is drawn for them.
            world.open("b/medium", -1);
            world.open("c/large", -1);
            world.task.id = neptune_contracts::ids::TaskId(uuid::Uuid::from_u128(99));
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
