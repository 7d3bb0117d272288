//! What a task asks for itself and no model gives.

use super::*;

#[test]
fn a_limit_of_the_tasks_own_is_named_with_what_would_help() {
    let check = |world: World, code: &str, field: &str, says: &str, remedy: &str| {
        let error = world.refusal().error;
        let [problem] = error.problems.as_slice() else { panic!("{error:#?}") };
        assert_eq!((error.code.as_str(), problem.field.as_str()), (code, field), "{error:#?}");
        assert!(problem.message.contains(says) && problem.remedy.contains(remedy), "{problem:?}");
        assert!(error.message.contains(&problem.to_string()) && error.retry_after_ms.is_none(), "{error:#?}");
    };
    let tiny = || Some("0.00001".parse().unwrap());
    let poor = World::new().with(|world| world.admission.max_cost_usd = tiny());
    check(
        poor,
        "cost_limit_reached",
        "(team).maxCostUsd",
        "0.00001 US dollars; the cheapest model, a/small, is expected to cost 0.0000818",
        "a higher limit of the team",
    );
    let thrifty = World::new().with(|world| {
        world.admission.max_cost_usd = tiny();
        world.task.constraints.max_cost_usd = tiny();
    });
    check(thrifty, "cost_limit_reached", "constraints.max_cost_usd", "a/small", "allow 0.0000818 or more");
    let unable = |change: fn(&mut World)| {
        World::new().with(|world| {
            for name in ["a/small", "b/medium", "c/large"] {
                let can = &mut world.model(name).capabilities;
                (can.tools, can.json_schema, can.context_tokens) = (false, false, 10_000);
            }
            world.model("b/medium").capabilities.context_tokens = 10_100;
            change(world);
        })
    };
    let long = unable(|world| {
        world.task.input.messages[0].content = Some(neptune_contracts::chat::Content::Text("x".repeat(48_000)));
    });
    check(long, "context_length_exceeded", "input.messages", "the largest context has 10100 (b/medium)", "shorten");
    let tools = unable(|world| world.task.input.tools = Some(vec![json!({"type": "function"})]));
    check(tools, "capability_missing", "input.tools", "call tools", "another route");
    let schema = unable(|world| world.task.input.response_format = Some(json!({"type": "json_schema"})));
    check(schema, "capability_missing", "input.response_format", "JSON Schema", "another route");
    let streamed = unable(|world| {
        for name in ["a/small", "b/medium", "c/large"] {
            world.model(name).capabilities.streaming = false;
        }
        world.task.input.stream = Some(true);
    });
    check(streamed, "capability_missing", "input.stream", "piece by piece", "another route");
    let wordy = unable(|world| world.task.input.max_completion_tokens = Some(99_999));
    check(
        wordy,
        "max_tokens_exceeded",
        "input.max_completion_tokens",
        "the limit is 16384 tokens",
        "allow 16384 or less",
    );
    let apart = World::new().with(|world| {
        declare(world, RouteSpec { candidates: vec!["a/small".into()], ..route() });
        world.task.constraints.models = vec!["c/large".into()];
    });
    check(apart, "no_model_on_route", "constraints.models", "on the route", "another route");
    let foreign = World::new().with(|world| declare(world, RouteSpec { candidates: vec!["d/none".into()], ..route() }));
    check(foreign, "no_model_on_route", "input.model", "no model that the team may use", "auto");
}

#[test]
fn an_outage_goes_before_the_tasks_own_limits() {
    let world = World::new().with(|world| {
        world.open("a/small", 3_000);
        for name in ["b/medium", "c/large"] {
            world.model(name).capabilities.tools = false;
        }
        world.task.input.tools = Some(vec![json!({"type": "function"})]);
    });
    let error = world.refusal().error;
    assert_eq!((error.code.as_str(), error.problems.len()), ("no_capacity", 0), "{error:#?}");
}
