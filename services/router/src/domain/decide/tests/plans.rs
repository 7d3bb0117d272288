//! How the models of a plan are combined.

use super::*;
use crate::domain::tail::{Tail, bucket};
use neptune_contracts::{
    plan::Combine,
    resource::{CascadeSpec, EnsembleSpec, HedgeSpec},
    task::OutputSpec,
};

/// Checks that find most wrong answers.
const GOOD: CascadeSpec = CascadeSpec { catch_rate: Some(0.8), false_flag_rate: Some(0.05) };

fn world(change: impl FnOnce(&mut RouteSpec)) -> World {
    let mut spec = route();
    change(&mut spec);
    World::new().with(|world| declare(world, spec))
}

fn checked(world: &mut World) {
    world.task.output = Some(OutputSpec { max_characters: Some(400), ..OutputSpec::default() });
}

fn models(plan: &Plan) -> Vec<&str> {
    plan.attempts.iter().map(|attempt| attempt.model.as_str()).collect()
}

fn because(plan: &Plan) -> &str {
    plan.explanation.strategy.as_ref().map_or("", |choice| choice.because.as_str())
}

/// Of 1000 answers, this many took `slow_ms` and the others 500 ms.
fn measure(world: &mut World, slow: f64, slow_ms: u64) {
    world.statistics.read_at_ms = Some(NOW_MS);
    let tail = Tail::of([(bucket(500), 1_000.0 - slow), (bucket(slow_ms), slow)].into_iter());
    for name in ["a/small", "b/medium", "c/large"] {
        world.statistics.models.entry(name.into()).or_default().tail = tail.clone();
    }
}

#[test]
fn without_checks_or_haste_it_is_the_usual_fallback() {
    let plan = World::new().plan();
    assert_eq!((plan.strategy, because(&plan)), (Strategy::Fallback, ""));
    let single = world(|route| route.strategy = StrategySpec::Single).plan();
    assert_eq!((single.strategy, single.attempts.len()), (Strategy::Single, 1));
    assert!(because(&single).contains("careful asks for it"));
    let fallback = world(|route| route.strategy = StrategySpec::Fallback).with(checked).plan();
    assert_eq!(fallback.strategy, Strategy::Fallback);
}

#[test]
fn a_cascade_is_planned_when_it_is_worth_more_than_the_best_model_alone() {
    let worthy = |route: &mut RouteSpec| {
        (route.cascade, route.value_usd) = (Some(GOOD), Some("0.05".parse().unwrap()));
    };
    let plan = world(worthy).with(checked).plan();
    assert_eq!(plan.strategy, Strategy::Cascade);
    assert_eq!(models(&plan)[..2], ["b/medium", "c/large"]);
    for part in ["b/medium first", "more than b/medium alone", "expected 16 % of the time"] {
        assert!(because(&plan).contains(part), "{}", because(&plan));
    }
    let unchecked = world(worthy).plan();
    assert_eq!(unchecked.strategy, Strategy::Fallback);
    let form_only = world(|_| {}).with(checked).plan();
    assert_eq!(form_only.strategy, Strategy::Fallback, "such checks find too little");
    let in_haste = world(worthy).with(checked).with(|world| {
        world.task.constraints.max_latency_ms = Some(5_000);
    });
    assert_eq!(in_haste.plan().strategy, Strategy::Fallback, "two calls take 8 s");
}

#[test]
fn what_the_checks_found_so_far_decides_whether_a_cascade_is_worth_it() {
    let found = |passed: f64, refused: f64, right: f64, wrong: f64| {
        let counted = crate::domain::checks::Checks { passed, refused, right, wrong };
        move |world: &mut World| {
            world.checks.insert("type:question_answering".into(), counted);
        }
    };
    let unknown = world(|_| {}).with(checked).plan();
    assert_eq!(unknown.strategy, Strategy::Fallback, "checks of the form find too little");
    // What passes is right: they find most of what is wrong.
    let sharp = world(|_| {}).with(checked).with(found(840.0, 160.0, 195.0, 5.0)).plan();
    assert_eq!(sharp.strategy, Strategy::Cascade);
    assert!(because(&sharp).contains("by 1000 checked answers"), "{}", because(&sharp));
    let set = |route: &mut RouteSpec| {
        (route.cascade, route.value_usd) = (Some(GOOD), Some("0.05".parse().unwrap()));
    };
    let trusted = world(set).with(checked).plan();
    assert!(because(&trusted).contains("80 % of wrong answers and refuse 5.0 % of right ones, as set"));
    let asks = |route: &mut RouteSpec| (route.strategy, route.cascade) = (StrategySpec::Cascade, Some(GOOD));
    let idle = world(asks).with(checked).with(found(1_000.0, 0.0, 150.0, 50.0)).plan();
    let find: u32 =
        because(&idle).split("the checks find ").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap();
    assert!(find < 5, "what never refuses and lets wrong answers through finds nothing: {}", because(&idle));
}

#[test]
fn a_cascade_that_is_asked_for_needs_checks_and_two_models() {
    let cascade = |change: fn(&mut World)| world(|route| route.strategy = StrategySpec::Cascade).with(change).plan();
    assert_eq!(cascade(checked).strategy, Strategy::Cascade);
    let unchecked = cascade(|_| {});
    assert_eq!(unchecked.strategy, Strategy::Fallback);
    assert!(because(&unchecked).contains("not checked"), "{}", because(&unchecked));
    let alone = cascade(|world| {
        checked(world);
        world.admission.allowed_models = vec!["b/medium".into()];
    });
    assert_eq!(alone.strategy, Strategy::Single);
    assert!(because(&alone).contains("no two models"), "{}", because(&alone));
}

#[test]
fn a_long_tail_is_hedged_where_time_is_short() {
    let hedge = |slow: f64, slow_ms: u64, change: fn(&mut World)| {
        World::new()
            .with(|world| {
                measure(world, slow, slow_ms);
                world.task.constraints.max_latency_ms = Some(20_000);
                change(world);
            })
            .plan()
    };
    let plan = hedge(20.0, 15_000, |_| {});
    let Strategy::Hedge { delay_ms } = plan.strategy else { panic!("{plan:?}") };
    assert!((500..=575).contains(&delay_ms), "{delay_ms}");
    assert_eq!(models(&plan)[0], "b/medium");
    assert_eq!(hedge(20.0, 700, |_| {}).strategy, Strategy::Fallback, "a second call would be later");
    assert_eq!(hedge(5.0, 15_000, |_| {}).strategy, Strategy::Fallback, "five in a thousand are too few");
    let patient = hedge(20.0, 15_000, |world| world.task.constraints.max_latency_ms = None);
    assert_eq!(patient.strategy, Strategy::Fallback);
    let poor = hedge(20.0, 15_000, |world| world.admission.max_cost_usd = Some("0.00085".parse().unwrap()));
    assert_ne!(poor.strategy, Strategy::Hedge { delay_ms }, "the cap leaves no second call");
}

#[test]
fn a_hedge_that_is_asked_for_stays_in_its_zone() {
    let hedge = |delay_ms: Option<u64>, change: fn(&mut World)| {
        let asked = |route: &mut RouteSpec| {
            (route.strategy, route.hedge) = (StrategySpec::Hedge, Some(HedgeSpec { delay_ms }));
        };
        world(asked).with(change).plan()
    };
    assert_eq!(hedge(Some(300), |_| {}).strategy, Strategy::Hedge { delay_ms: 300 });
    let unmeasured = hedge(None, |_| {});
    assert_eq!(unmeasured.strategy, Strategy::Hedge { delay_ms: unmeasured.attempts[0].expected_latency_ms * 2 });
    let apart = hedge(Some(300), |world| {
        world.model("a/small").zone = Zone::Onprem;
        world.model("c/large").zone = Zone::Private;
    });
    assert_eq!(apart.strategy, Strategy::Fallback);
    assert!(because(&apart).contains("no second model is left in zone external"), "{}", because(&apart));
}

#[test]
fn an_ensemble_has_the_best_models_first_and_stays_within_the_cap() {
    let ensemble = |spec: EnsembleSpec, change: fn(&mut World)| {
        world(|route| (route.strategy, route.ensemble) = (StrategySpec::Ensemble, Some(spec))).with(change).plan()
    };
    let three = EnsembleSpec::default();
    let plan = ensemble(three.clone(), |_| {});
    assert_eq!(plan.strategy, Strategy::Ensemble { combine: Combine::Majority });
    assert_eq!(models(&plan), ["c/large", "b/medium", "a/small"]);
    let capped = ensemble(three.clone(), |world| {
        world.model("c/large").price = world.model("b/medium").price;
        world.admission.max_cost_usd = Some("0.00165".parse().unwrap());
    });
    assert_eq!(models(&capped), ["c/large", "b/medium"]);
    assert!(because(&capped).contains("3 were asked for"), "{}", because(&capped));
    let poor = ensemble(three.clone(), |world| world.admission.max_cost_usd = Some("0.0005".parse().unwrap()));
    assert_eq!(poor.strategy, Strategy::Single);
    assert!(because(&poor).contains("fewer than two models"), "{}", because(&poor));
    let apart = ensemble(three, |world| world.model("a/small").zone = Zone::Onprem);
    assert_eq!(models(&apart), ["c/large", "b/medium"]);
}

#[test]
fn a_judge_is_bound_like_any_model() {
    let judged = |judge: &str, change: fn(&mut World)| {
        let ensemble = EnsembleSpec { models: 2, combine: Combine::Judge, judge: Some(judge.into()) };
        world(|route| (route.strategy, route.ensemble) = (StrategySpec::Ensemble, Some(ensemble))).with(change).plan()
    };
    let plan = judged("c/large", |_| {});
    assert_eq!(plan.strategy, Strategy::Ensemble { combine: Combine::Judge });
    let judge = plan.judge.as_ref().unwrap();
    assert_eq!((judge.model.as_str(), judge.zone), ("c/large", Zone::External));
    assert!(judge.expected_cost_usd > PicoUsd::ZERO);
    // It would judge an answer of its own.
    assert_eq!(models(&plan), ["b/medium", "a/small"]);
    assert!(plan.explanation.because.starts_with("b/medium, a/small answer at once"), "{}", plan.explanation.because);
    let alone = judged("c/large", |world| world.admission.allowed_models.retain(|name| name != "a/small"));
    assert_eq!(models(&alone), ["c/large", "b/medium"], "one answer needs no judge");
    for (change, why) in [
        (
            (|world: &mut World| world.admission.allowed_models.retain(|name| name != "c/large")) as fn(&mut World),
            "does not allow",
        ),
        (|world| world.model("c/large").zone = Zone::Onprem, "another zone"),
        (|world| world.open("c/large", 5_000), "out of service"),
        (|world| world.admission.max_cost_usd = Some("0.0017".parse().unwrap()), "leaves nothing for the judge"),
    ] {
        let plan = judged("c/large", change);
        assert_eq!((plan.strategy, &plan.judge), (Strategy::Ensemble { combine: Combine::Majority }, &None), "{why}");
        assert!(because(&plan).contains(why), "{}", because(&plan));
    }
    assert!(because(&judged("d/none", |_| {})).contains("is no model"));
}
