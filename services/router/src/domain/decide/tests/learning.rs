//! What feedback changes, and when a model is tried out of turn.

use super::*;
use crate::domain::quality::Context;
use neptune_contracts::{admission::Finding, ids::TaskId, names::DataClass, plan::Learning};
use proptest::prelude::{ProptestConfig, any, prop_assert, prop_assert_eq, proptest};

/// Feedback of so many good and bad answers about a model, at every level of the world's task.
fn heard(world: &mut World, model: &str, (good, bad): (f64, f64)) {
    let context = Context::of(&world.task, TaskType::QuestionAnswering, world.task.input.estimated_input_tokens());
    for (_, key) in context.keys() {
        let cell = Cell { good, bad, at_ms: NOW_MS, ..Cell::default() };
        world.cells.entry(key.clone()).or_default().insert(model.into(), cell);
    }
}

/// Two models about which little is known and that are worth about the same.
pub(super) fn close() -> World {
    World::new().with(|world| {
        heard(world, "a/small", (16.0, 4.0));
        heard(world, "b/medium", (16.0, 4.0));
        world.model("b/medium").price = world.model("a/small").price;
        world.may_explore = true;
    })
}

fn learning(world: &World) -> Learning {
    world.plan().explanation.learning.unwrap()
}

/// In how many of a thousand tasks a model is tried out of turn, and why not.
fn explored(mut world: World) -> (usize, Option<String>) {
    let mut explored = 0;
    for number in 0..1_000_u128 {
        world.task.id = TaskId(uuid::Uuid::from_u128(number));
        explored += usize::from(learning(&world).explored);
    }
    (explored, learning(&world).refrained)
}

#[test]
fn feedback_makes_and_unmakes_a_favourite() {
    let world = World::new().with(|world| heard(world, "b/medium", (5.0, 95.0)));
    assert_eq!(world.plan().attempts[0].model, "a/small");
    let candidate = world.plan().explanation.candidates.into_iter().find(|candidate| candidate.model == "b/medium");
    assert!(candidate.unwrap().quality < 0.2);
    let praised = World::new().with(|world| heard(world, "a/small", (100.0, 0.0)));
    assert_eq!(praised.plan().attempts[0].model, "a/small");
}

#[test]
fn feedback_can_take_a_model_below_the_floor() {
    let world = World::new().with(|world| {
        heard(world, "b/medium", (40.0, 60.0));
        world.task.constraints.min_quality = Some(0.8);
    });
    check(&world, &["c/large"], &["a/small quality", "b/medium quality"]);
}

#[test]
fn close_candidates_are_tried_out_of_turn_and_the_record_says_so() {
    let (explored, refrained) = explored(close());
    assert!((100..600).contains(&explored) && refrained.is_none(), "{explored} {refrained:?}");
    let mut world = close();
    let tried = (0..100).find_map(|number| {
        world.task.id = TaskId(uuid::Uuid::from_u128(number));
        Some(world.plan()).filter(|plan| plan.explanation.learning.as_ref().unwrap().explored)
    });
    let plan = tried.unwrap();
    let first = &plan.attempts[0].model;
    assert_ne!(first, &plan.explanation.candidates[0].model);
    assert!(
        plan.explanation.because.starts_with(&format!("{first} is tried for question_answering")),
        "{}",
        plan.explanation.because
    );
}

/// A change after which nothing is tried, and the reason that is told.
type Refusing = (fn(&mut World), &'static str);

#[test]
fn nothing_is_tried_where_it_must_not_be_or_teaches_nothing() {
    let refusals: [Refusing; 5] = [
        (|world| world.admission.class = DataClass::Confidential, "sensitive"),
        (|world| world.admission.findings = vec![Finding { kind: "EMAIL".into(), count: 1 }], "sensitive"),
        (|world| drop(world.task.metadata.insert("priority".into(), "critical".into())), "critical"),
        (|world| world.may_explore = false, "spent"),
        (|world| world.cells.clear(), "no_feedback"),
    ];
    for (change, reason) in refusals {
        assert_eq!(explored(close().with(change)), (0, Some(reason.to_owned())));
    }
}

#[test]
fn a_model_that_is_known_to_be_much_worse_is_never_tried() {
    let world = close().with(|world| heard(world, "a/small", (6.0, 14.0)));
    assert_eq!(explored(world).0, 0);
}

#[test]
fn the_record_says_what_was_known_and_what_would_have_changed_the_choice() {
    let learning = learning(&World::new().with(|world| heard(world, "b/medium", (17.0, 3.0))));
    let levels: Vec<(&str, f64)> =
        learning.levels.iter().map(|level| (level.key.as_str(), level.observations)).collect();
    assert_eq!(levels, [("*", 20.0), ("type:question_answering", 20.0), ("band:question_answering:short", 20.0)]);
    let models: Vec<&str> = learning.beliefs.iter().map(|belief| belief.model.as_str()).collect();
    assert_eq!(models, ["b/medium", "a/small", "c/large"]);
    let known = &learning.beliefs[0];
    assert!(
        known.quality_low > 0.75 && known.quality_high < 0.95 && known.quality_low < known.quality_high,
        "{known:?}"
    );
    assert_eq!(learning.policy, "1.7");
    assert!(learning.margin_usd.unwrap() > 0.0 && learning.would_change.len() == 3, "{learning:?}");
}

#[test]
fn what_would_change_does() {
    let world = World::new();
    let told = learning(&world).would_change;
    let value: f64 = number(&told[0], "worth less than $");
    let with_value = |usd: f64| {
        World::new().with(|world| {
            declare(world, RouteSpec { value_usd: Some(format!("{usd:.4}").parse().unwrap()), ..route() })
        })
    };
    assert_eq!(with_value(value - 0.0002).plan().attempts[0].model, "a/small", "{told:?}");
    assert_eq!(with_value(value + 0.0002).plan().attempts[0].model, "b/medium", "{told:?}");
    let quality: f64 = number(&told[1], "below ");
    let with_quality = |quality: f64| {
        World::new().with(|world| {
            world.model("b/medium").quality.insert("default".into(), quality);
        })
    };
    assert_eq!(with_quality(quality - 0.002).plan().attempts[0].model, "a/small", "{told:?}");
    assert_eq!(with_quality(quality + 0.002).plan().attempts[0].model, "b/medium", "{told:?}");
}

/// The number after `words` in a sentence.
fn number(sentence: &str, words: &str) -> f64 {
    sentence.split(words).nth(1).unwrap().split(' ').next().unwrap().parse().unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn replay_equals_decision(id in any::<u128>(), good in 1.0..50.0_f64, bad in 1.0..50.0_f64) {
        let mut world = close().with(|world| heard(world, "a/small", (good, bad)));
        world.task.id = TaskId(uuid::Uuid::from_u128(id));
        let (decided, again) = (world.plan(), world.plan());
        prop_assert_eq!(&decided, &again);
        // The draws of the record are those of its task and policy, to the last bit.
        let learning = decided.explanation.learning.unwrap();
        let draws = crate::domain::draw::Draws::new(id, &learning.policy);
        let labelled = crate::domain::quality::Labelled::new();
        let beliefs = crate::domain::quality::Beliefs { cells: &world.cells, labelled: &labelled, now_ms: NOW_MS };
        let view = beliefs.view(&Context::of(&world.task, TaskType::QuestionAnswering, world.task.input.estimated_input_tokens()));
        for belief in &learning.beliefs {
            let declared = world.resources.models[&belief.model].prior_quality(TaskType::QuestionAnswering);
            let posterior = view.posterior(&belief.model, declared);
            prop_assert_eq!(draws.quality(&belief.model, posterior.mean, posterior.mass).to_bits(), belief.draw.to_bits());
        }
    }

    #[test]
    fn exploring_only_reorders_what_passed_the_filters(id in any::<u128>(), good in 0.0..50.0_f64, bad in 0.0..50.0_f64) {
        let mut world = close().with(|world| heard(world, "c/large", (good, bad)));
        world.task.id = TaskId(uuid::Uuid::from_u128(id));
        let names = |world: &World| -> Vec<String> {
            let mut names: Vec<String> = world.plan().attempts.into_iter().map(|attempt| attempt.model).collect();
            names.sort();
            names
        };
        let may = names(&world);
        world.may_explore = false;
        prop_assert!(may == names(&world));
    }
}
