//! Sessions that stay with their model.

use super::*;
use neptune_contracts::plan::Kept;

/// A task of a session whose last one went to `model` so long ago.
fn of_session(model: &str, ago_ms: u64) -> World {
    World::new().with(|world| {
        world.held = Some((model.into(), ago_ms));
        world.task.metadata.insert("session".into(), "s1".into());
    })
}

/// `a/small` is behind by so many micro-dollars: it is slower by what costs as much.
fn behind(mut world: World, micro_usd: u64) -> World {
    let small = world.resources.models["b/medium"].clone();
    *world.model("a/small") = ModelSpec { endpoint: "https://a/small.example/v1".into(), ..small };
    // A second costs 500 of them on `auto`.
    world.model("a/small").speed.first_token_ms += micro_usd * 2;
    world
}

fn kept(world: &World) -> Option<Kept> {
    world.plan().explanation.learning.unwrap().kept
}

#[test]
fn a_session_stays_until_another_model_is_worth_more_than_a_change() {
    // Another voice costs 2 % of 0.02.
    let near = behind(of_session("a/small", 1_000), 300);
    assert_eq!(near.plan().attempts[0].model, "a/small");
    let record = kept(&near).unwrap();
    assert!((record.behind_usd - 0.0003).abs() < 1e-6 && (record.change_usd - 0.0004).abs() < 1e-6, "{record:?}");
    let because = near.plan().explanation.because;
    assert!(because.starts_with("a/small goes on with its session on route auto"), "{because}");
    let far = behind(of_session("a/small", 1_000), 500);
    assert_eq!((far.plan().attempts[0].model.as_str(), kept(&far)), ("b/medium", None));
    let no_session = near.with(|world| world.held = None);
    assert_eq!((no_session.plan().attempts[0].model.as_str(), kept(&no_session)), ("b/medium", None));
}

#[test]
fn a_prompt_that_the_provider_still_has_keeps_a_session_longer() {
    let long = |ago_ms| {
        behind(of_session("a/small", ago_ms), 800).with(|world| {
            let text = "word ".repeat(800);
            world.task.input.messages[0].content = Some(neptune_contracts::chat::Content::Text(text));
            for name in ["a/small", "b/medium"] {
                world.model(name).price.cached_input_usd_per_mtok = Some("0.1".parse().unwrap());
            }
        })
    };
    // A thousand tokens at 0.9 dollars less per million, and the other voice.
    let record = kept(&long(1_000)).unwrap();
    assert!((record.change_usd - 0.0013).abs() < 1e-4, "{record:?}");
    assert_eq!(kept(&long(300_001)), None, "the provider has forgotten it");
}

#[test]
fn a_model_that_is_out_of_the_question_keeps_nobody() {
    let open = behind(of_session("a/small", 1_000), 100).with(|world| world.open("a/small", 3_000));
    assert_eq!((open.plan().attempts[0].model.as_str(), kept(&open)), ("b/medium", None));
    let refused = behind(of_session("a/small", 1_000), 100)
        .with(|world| world.admission.allowed_models = vec!["b/medium".into(), "c/large".into()]);
    assert_eq!((refused.plan().attempts[0].model.as_str(), kept(&refused)), ("b/medium", None));
}

#[test]
fn nothing_is_tried_on_a_session_that_has_its_model() {
    for number in 0..200_u128 {
        let mut world = super::learning::close();
        world.task.id = neptune_contracts::ids::TaskId(uuid::Uuid::from_u128(number));
        let best = world.with(|world| world.may_explore = false).plan().explanation.candidates[0].model.clone();
        let mut world = super::learning::close();
        world.task.id = neptune_contracts::ids::TaskId(uuid::Uuid::from_u128(number));
        world.held = Some((best.clone(), 1_000));
        let learning = world.plan().explanation.learning.unwrap();
        assert_eq!((learning.explored, learning.refrained.as_deref()), (false, Some("session")));
        assert_eq!(world.plan().attempts[0].model, best);
        assert_eq!(world.plan().explanation.propensity, Some(1.0));
    }
}
