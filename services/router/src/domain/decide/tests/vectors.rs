//! Texts that are to become vectors go to models that give them, and nothing else does.

use super::*;
use neptune_contracts::{PicoUsd, chat::ChatRequest, embedding::EmbeddingSpec};

/// Two models that give vectors besides one that answers, on a route of all three.
fn world(texts: &[&str]) -> World {
    World::new().with(|world| {
        for name in ["b/medium", "c/large"] {
            let model = world.model(name);
            (model.capabilities.embeddings, model.capabilities.context_tokens) = (true, 100);
            model.price.output_usd_per_mtok = PicoUsd::ZERO;
        }
        world.resources.routes.insert("vectors".into(), serde_json::from_value(serde_json::json!({})).unwrap());
        if !texts.is_empty() {
            let texts = texts.iter().map(|text| (*text).to_owned()).collect();
            world.task.input = ChatRequest::embedding(None, texts, EmbeddingSpec::default());
        }
        world.task.constraints.route = Some("vectors".into());
    })
}

#[test]
fn each_kind_of_task_goes_to_its_kind_of_model() {
    let vectors = world(&["a pump", "a valve"]);
    check(&vectors, &["c/large", "b/medium"], &["a/small capability"]);
    assert_eq!(vectors.plan().explanation.removed[0].reason, "it cannot give embeddings");
    let chat = world(&[]);
    check(&chat, &["a/small"], &["b/medium capability", "c/large capability"]);
    assert_eq!(chat.plan().explanation.removed[0].reason, "it gives embeddings, and answers nothing");
    // Where none is left the task itself says why.
    let refused = world(&["a pump"]).with(|world| {
        world.task.constraints.route = None;
        world.task.input.model = Some("a/small".into());
    });
    let error = refused.refusal().error;
    assert_eq!((error.code.as_str(), error.problems[0].field.as_str()), ("capability_missing", "input.model"));
}

#[test]
fn each_text_has_a_context_of_its_own_and_only_input_costs() {
    let long = "x".repeat(360);
    check(&world(&[&long, &long, &long]), &["b/medium", "c/large"], &["a/small capability"]);
    let longer = "x".repeat(400);
    assert_eq!(world(&[&longer]).refusal().error.code, "context_length_exceeded");
    let world = world(&["a pump"]);
    let plan = world.plan();
    let price = world.resources.models[&plan.attempts[0].model].price.input_usd_per_mtok;
    let tokens = world.task.input.estimated_input_tokens();
    assert_eq!(plan.attempts[0].expected_cost_usd, PicoUsd::of_quantities(&[(tokens, price)]));
}

#[test]
fn vectors_are_never_combined() {
    for strategy in [StrategySpec::Ensemble, StrategySpec::Cascade] {
        let world = world(&["a pump"]).with(|world| {
            let route = world.resources.routes.get_mut("vectors").unwrap();
            *route = RouteSpec { strategy, ..route.clone() };
        });
        let plan = world.plan();
        assert_eq!(plan.strategy, Strategy::Fallback);
        assert!(plan.explanation.strategy.unwrap().because.contains("cannot be combined"));
    }
}
