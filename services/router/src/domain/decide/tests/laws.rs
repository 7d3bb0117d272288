//! What holds for every task, whatever the models.

use super::*;
use neptune_contracts::{
    plan::{Combine, PlannedAttempt},
    resource::EnsembleSpec,
    task::OutputSpec,
};
use proptest::{
    collection, option,
    prelude::{ProptestConfig, any, prop, prop_assert, prop_assert_eq, prop_compose, proptest},
    strategy::Strategy as _,
};

#[derive(Clone, Debug)]
struct Model {
    quality: f64,
    cents: u32,
    zone: usize,
    disabled: bool,
    tools: bool,
    allowed: bool,
    open_for_ms: Option<i64>,
}

fn model() -> impl proptest::strategy::Strategy<Value = Model> {
    (
        0.0..=1.0,
        0..2_000_u32,
        0..3_usize,
        prop::bool::weighted(0.1),
        any::<bool>(),
        prop::bool::weighted(0.8),
        option::weighted(0.2, -8_000..8_000_i64),
    )
        .prop_map(|(quality, cents, zone, disabled, tools, allowed, open_for_ms)| Model {
            quality,
            cents,
            zone,
            disabled,
            tools,
            allowed,
            open_for_ms,
        })
}

prop_compose! {
    pub(super) fn world()(
        models in collection::vec(model(), 0..12),
        route in prop::sample::select(vec!["auto", "auto:cheap", "auto:fast", "auto:best", "p/m1", "m2", "declared"]),
        zones in prop::sample::subsequence(Zone::ALL.to_vec(), 0..=3),
        (min_quality, max_latency_ms, cap) in (option::of(0.0..=1.0), option::of(1..20_000_u64), option::of(0..20_000_000_000_i64)),
        (with_tools, deadline_ms) in (any::<bool>(), option::of(-10..60_000_i64)),
    ) -> World {
        let mut world = World::new().ask(route);
        world.resources.models.clear();
        let named = |number: usize| format!("p/m{number}");
        for (number, model) in models.iter().enumerate() {
            let mut spec = builders::model(model.quality, &format!("{}.{:02}", model.cents / 100, model.cents % 100));
            (spec.zone, spec.disabled, spec.capabilities.tools) = (Zone::ALL[model.zone], model.disabled, model.tools);
            world.resources.models.insert(named(number), spec);
            if let Some(for_ms) = model.open_for_ms {
                world.open(&named(number), for_ms);
            }
        }
        world.resources.routes.insert("declared".into(), RouteSpec { candidates: vec![named(0), named(3)], fallback: vec![named(4), named(0)], ..super::route() });
        world.admission.allowed_models = models.iter().enumerate().filter(|(_, model)| model.allowed).map(|(number, _)| named(number)).collect();
        world.admission.allowed_zones = zones;
        world.admission.max_cost_usd = cap.map(PicoUsd);
        (world.task.constraints.min_quality, world.task.constraints.max_latency_ms) = (min_quality, max_latency_ms);
        world.task.constraints.deadline = deadline_ms.map(|ms| world.now.plus_millis(ms));
        world.task.input.tools = with_tools.then(|| vec![json!({"type": "function"})]);
        world
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn no_plan_leaves_what_governance_and_ability_allow(world in world()) {
        let Decision::Route(plan) = world.decide() else { return Ok(()) };
        for attempt in &plan.attempts {
            let model = &world.resources.models[&attempt.model];
            prop_assert!(world.admission.allowed_models.contains(&attempt.model));
            prop_assert!(world.admission.allowed_zones.contains(&model.zone) && attempt.zone == model.zone);
            prop_assert!(!model.disabled);
            prop_assert!(model.capabilities.tools || world.task.input.tools.is_none());
            prop_assert!(world.admission.max_cost_usd.is_none_or(|cap| attempt.expected_cost_usd <= cap));
            prop_assert!(world.circuits.get(&attempt.model).is_none_or(|circuit| circuit.open_until_ms <= NOW_MS));
        }
    }

    #[test]
    fn a_plan_names_each_model_once_and_never_none(world in world()) {
        match world.decide() {
            Decision::Route(plan) => {
                let mut models: Vec<&str> = plan.attempts.iter().map(|attempt| attempt.model.as_str()).collect();
                prop_assert!((1..=3).contains(&models.len()));
                prop_assert_eq!(plan.strategy == neptune_contracts::plan::Strategy::Single, models.len() == 1);
                models.sort_unstable();
                models.dedup();
                prop_assert_eq!(models.len(), plan.attempts.len());
            }
            Decision::Refuse(refusal) => prop_assert!(!refusal.error.message.is_empty() && refusal.outcome != Outcome::Completed),
        }
    }

    #[test]
    fn every_model_is_either_weighed_or_removed_with_a_reason(world in world()) {
        let explanation = match world.decide() {
            Decision::Route(plan) => plan.explanation,
            Decision::Refuse(refusal) => match refusal.explanation {
                Some(explanation) => explanation,
                None => return Ok(()),
            },
        };
        let mut told: Vec<&str> = explanation.candidates.iter().map(|candidate| candidate.model.as_str()).collect();
        told.extend(explanation.removed.iter().map(|removed| removed.model.as_str()));
        told.sort_unstable();
        let is_pinned = world.task.input.model.as_deref().is_some_and(|model| model.starts_with("p/") || model == "m2");
        let expected = world.resources.models.keys().filter(|name| !is_pinned || name.ends_with(world.task.input.model.as_deref().unwrap().trim_start_matches("p/")));
        let mut expected: Vec<&str> = expected.map(String::as_str).collect();
        expected.sort_unstable();
        prop_assert_eq!(told, expected);
        prop_assert!(explanation.removed.iter().all(|removed| !removed.reason.is_empty()));
    }

    #[test]
    fn every_strategy_stays_within_cap_zone_and_rights(
        world in world(),
        strategy in prop::sample::select(vec![StrategySpec::Single, StrategySpec::Fallback, StrategySpec::Hedge, StrategySpec::Cascade, StrategySpec::Ensemble]),
        is_judged in any::<bool>(),
    ) {
        let ensemble = is_judged.then(|| EnsembleSpec { models: 4, combine: Combine::Judge, judge: Some("p/m1".into()) });
        let world = world.with(|world| {
            world.resources.routes.insert("combined".into(), RouteSpec { strategy, ensemble, ..super::route() });
            world.task.input.model = Some("combined".into());
            world.task.output = Some(OutputSpec { max_characters: Some(9), ..OutputSpec::default() });
        });
        let Decision::Route(plan) = world.decide() else { return Ok(()) };
        let at_once = match plan.strategy {
            Strategy::Ensemble { .. } => plan.attempts.len(),
            Strategy::Hedge { .. } => 2,
            Strategy::Single => plan.attempts.len(),
            _ => 1,
        };
        let together: Vec<&PlannedAttempt> = plan.attempts.iter().take(at_once).chain(&plan.judge).collect();
        let cost: PicoUsd = together.iter().map(|planned| planned.expected_cost_usd).sum();
        prop_assert!(world.admission.max_cost_usd.is_none_or(|cap| cost <= cap), "{plan:?}");
        prop_assert!(together.iter().all(|planned| planned.zone == plan.attempts[0].zone), "{plan:?}");
        for planned in plan.attempts.iter().chain(&plan.judge) {
            prop_assert!(world.admission.allowed_models.contains(&planned.model));
            prop_assert!(world.admission.allowed_zones.contains(&planned.zone));
            prop_assert!(!world.resources.models[&planned.model].disabled);
        }
        let mut models: Vec<&str> = plan.attempts.iter().map(|attempt| attempt.model.as_str()).collect();
        models.sort_unstable();
        models.dedup();
        prop_assert_eq!(models.len(), plan.attempts.len());
        let choice = plan.explanation.strategy.unwrap();
        prop_assert_eq!(choice.kind, plan.strategy.as_str());
        prop_assert!(!choice.because.is_empty());
    }

    #[test]
    fn the_order_in_which_governance_lists_models_does_not_matter(world in world(), seed in any::<u64>()) {
        let first = world.decide();
        let mut shuffled = world;
        let count = shuffled.admission.allowed_models.len().max(1);
        shuffled.admission.allowed_models.rotate_left(usize::try_from(seed).unwrap() % count);
        shuffled.admission.allowed_zones.reverse();
        prop_assert_eq!(first, shuffled.decide());
    }

    #[test]
    fn a_higher_price_never_makes_a_model_more_attractive(world in world(), pick in any::<prop::sample::Index>()) {
        // Relaxed constraints and a cap change who is weighed at all.
        let world = world.with(|world| (world.admission.max_cost_usd, world.task.constraints.min_quality) = (None, None));
        let Decision::Route(plan) = world.decide() else { return Ok(()) };
        let before = pick.index(plan.explanation.candidates.len());
        let name = plan.explanation.candidates[before].model.clone();
        let dearer = world.with(|world| world.model(&name).price.output_usd_per_mtok.0 += 50_000_000_000_000);
        let after = dearer.plan().explanation.candidates.iter().position(|candidate| candidate.model == name);
        prop_assert!(after.is_some_and(|after| after >= before));
    }
}
