#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
use super::*;
use crate::domain::outlook::Outlook;
use crate::domain::{
    circuit::Circuit,
    headroom::Headroom,
    quality::{Cell, Cells},
    statistics::{AnswerStatistics, ModelStatistics, Statistics},
};
use neptune_contracts::{
    Timestamp,
    admission::{Exclusion, NO_GRANT},
    attempt::ErrorClass,
    names::{Lane, TaskType, Zone},
    plan::Strategy,
    resource::{ModelSpec, Objective, Resources, RouteSpec, StrategySpec},
};
use neptune_testkit::builders;
use serde_json::json;
use std::collections::HashMap;

mod circuits;
mod credentials;
mod headroom;
mod keep;
mod laws;
mod learning;
mod limits;
mod plans;
mod recall;
mod speed;
mod split;
mod vectors;

/// Three models: cheap and weak, middling, dear and strong; and everything that is known.
#[derive(Debug)]
struct World {
    task: Task,
    admission: Admission,
    resources: Resources,
    statistics: Statistics,
    circuits: HashMap<String, Circuit>,
    headroom: HashMap<String, Headroom>,
    cells: Cells,
    checks: crate::domain::checks::CheckCounts,
    may_explore: bool,
    trials: HashMap<String, i64>,
    held: Option<(String, u64)>,
    now: Timestamp,
}

const NOW_MS: i64 = 1_800_000_000_000;

impl World {
    fn new() -> Self {
        let models = [("a/small", 0.7, "0.1"), ("b/medium", 0.85, "1"), ("c/large", 0.95, "10")];
        let mut resources = Resources { revision: 7, ..Resources::default() };
        for (name, quality, price) in models {
            let endpoint = format!("https://{name}.example/v1");
            resources.models.insert(name.into(), ModelSpec { endpoint, ..builders::model(quality, price) });
        }
        let names: Vec<&str> = models.iter().map(|(name, ..)| *name).collect();
        let mut task = builders::task("support", "What is the difference between a router and a switch?");
        task.task_type = Some(TaskType::QuestionAnswering);
        Self {
            admission: builders::admission(&names),
            task,
            resources,
            statistics: Statistics::default(),
            circuits: HashMap::new(),
            headroom: HashMap::new(),
            cells: Cells::new(),
            checks: HashMap::new(),
            may_explore: false,
            trials: HashMap::new(),
            held: None,
            now: Timestamp::from_unix_micros(NOW_MS * 1_000).unwrap(),
        }
    }

    fn ask(mut self, model: &str) -> Self {
        self.task.input.model = Some(model.into());
        self
    }

    fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    fn model(&mut self, name: &str) -> &mut ModelSpec {
        self.resources.models.get_mut(name).unwrap()
    }

    fn open(&mut self, name: &str, for_ms: i64) {
        let circuit = Circuit {
            consecutive: 5,
            open_until_ms: NOW_MS + for_ms,
            failed_at_ms: NOW_MS - 1,
            cause: Some(ErrorClass::Overload),
            ..Circuit::default()
        };
        self.circuits.insert(name.into(), circuit);
    }

    fn decide(&self) -> Decision {
        let snapshot = Snapshot {
            resources: &self.resources,
            statistics: &self.statistics,
            circuits: &self.circuits,
            headroom: &self.headroom,
            cells: &self.cells,
            may_explore: self.may_explore,
            outlook: Outlook {
                held: self.held.as_ref().map(|(model, ago_ms)| crate::domain::keep::Held { model, ago_ms: *ago_ms }),
                trials: Some(&self.trials),
                checks: Some(&self.checks),
                ..Outlook::default()
            },
            may_hedge: true,
            now: self.now,
        };
        decide(&self.task, &self.admission, &snapshot)
    }

    fn plan(&self) -> Plan {
        match self.decide() {
            Decision::Route(plan) => *plan,
            Decision::Refuse(refusal) => panic!("refused: {refusal:?}"),
        }
    }

    fn refusal(&self) -> Refusal {
        match self.decide() {
            Decision::Refuse(refusal) => *refusal,
            Decision::Route(plan) => panic!("routed: {plan:?}"),
        }
    }
}

/// The plan's models in order, and whatever was removed as `model by`.
fn check(world: &World, wanted: &[&str], removed: &[&str]) {
    let plan = world.plan();
    let models: Vec<&str> = plan.attempts.iter().map(|attempt| attempt.model.as_str()).collect();
    assert_eq!(models, wanted, "{:#?}", plan.explanation);
    let mut found: Vec<String> =
        plan.explanation.removed.iter().map(|removed| format!("{} {}", removed.model, removed.by)).collect();
    found.sort();
    assert_eq!(found, removed, "{:#?}", plan.explanation);
}

#[test]
fn each_objective_has_its_own_favourite() {
    check(&World::new().ask("auto"), &["b/medium", "a/small", "c/large"], &[]);
    check(&World::new().ask("auto:cheap"), &["a/small", "b/medium", "c/large"], &[]);
    check(&World::new().ask("neptune/auto:best"), &["c/large", "b/medium", "a/small"], &[]);
    let quick = World::new().ask("auto:fast").with(|world| world.model("a/small").speed.tokens_per_second = 1_000.0);
    assert_eq!(quick.plan().attempts[0].model, "a/small");
}

#[test]
fn nothing_asked_is_auto_and_constraints_route_wins() {
    let plan = World::new().plan();
    assert_eq!((plan.explanation.route.as_str(), plan.strategy), ("auto", Strategy::Fallback));
    let world = World::new().ask("c/large").with(|world| world.task.constraints.route = Some("auto:cheap".into()));
    check(&world, &["a/small", "b/medium", "c/large"], &[]);
}

#[test]
fn a_model_asked_for_is_the_only_one_tried() {
    for name in ["c/large", "large"] {
        let world = World::new().ask(name);
        check(&world, &["c/large"], &[]);
        assert_eq!(world.plan().strategy, Strategy::Single);
        assert_eq!(world.plan().explanation.route, name);
    }
}

#[test]
fn a_model_that_several_providers_have_fails_over_between_them() {
    let world = World::new().ask("large").with(|world| {
        world.resources.models.insert("d/large".into(), builders::model(0.95, "11"));
        world.admission.allowed_models.push("d/large".into());
    });
    check(&world, &["c/large", "d/large"], &[]);
}

#[test]
fn unknown_names_are_told() {
    for world in
        [World::new().ask("d/none"), World::new().with(|world| world.task.constraints.route = Some("c/large".into()))]
    {
        let refusal = world.refusal();
        assert_eq!((refusal.outcome, refusal.error.code.as_str()), (Outcome::NoRoute, "model_not_found"));
    }
}

fn declare(world: &mut World, route: RouteSpec) {
    world.resources.routes.insert("careful".into(), route);
    world.task.input.model = Some("careful".into());
}

fn route() -> RouteSpec {
    RouteSpec {
        candidates: Vec::new(),
        objective: Objective::Balanced,
        value_usd: None,
        min_quality: None,
        fallback: Vec::new(),
        max_attempts: 3,
        split: Vec::new(),
        cache: None,
        strategy: StrategySpec::Auto,
        hedge: None,
        cascade: None,
        ensemble: None,
        shadow: None,
        judge: None,
    }
}

#[test]
fn a_declared_route_says_who_may_be_chosen_and_in_which_order_to_fall_back() {
    let named = World::new()
        .with(|world| declare(world, RouteSpec { candidates: vec!["a/*".into(), "c/large".into()], ..route() }));
    check(&named, &["a/small", "c/large"], &["b/medium route"]);
    let ordered = World::new()
        .with(|world| declare(world, RouteSpec { fallback: vec!["c/large".into(), "a/small".into()], ..route() }));
    check(&ordered, &["b/medium", "c/large", "a/small"], &[]);
    let short = World::new().with(|world| declare(world, RouteSpec { max_attempts: 2, ..route() }));
    check(&short, &["b/medium", "a/small"], &[]);
    let valued =
        World::new().with(|world| declare(world, RouteSpec { value_usd: Some("5".parse().unwrap()), ..route() }));
    assert_eq!(valued.plan().attempts[0].model, "c/large");
    assert_eq!(valued.plan().explanation.value_usd, "5".parse().unwrap());
}

#[test]
fn a_model_that_is_only_a_fallback_is_never_the_first_unless_it_is_the_last() {
    let route = RouteSpec {
        candidates: vec!["a/small".into()],
        fallback: vec!["c/large".into()],
        objective: Objective::Best,
        ..route()
    };
    let world = World::new().with(|world| declare(world, route));
    check(&world, &["a/small", "c/large"], &["b/medium route"]);
    let world = world.with(|world| world.open("a/small", 1_000));
    check(&world, &["c/large"], &["a/small circuit", "b/medium route"]);
}

#[test]
fn governance_is_never_gone_around() {
    let granted = World::new().with(|world| world.admission.allowed_models = vec!["a/small".into(), "b/medium".into()]);
    check(&granted, &["b/medium", "a/small"], &["c/large governance"]);
    let zoned = World::new().with(|world| {
        world.model("b/medium").zone = Zone::Onprem;
        world.admission.allowed_zones = vec![Zone::Onprem];
    });
    check(&zoned, &["b/medium"], &["a/small governance", "c/large governance"]);
    let disabled = World::new().with(|world| world.model("b/medium").disabled = true);
    check(&disabled, &["a/small", "c/large"], &["b/medium governance"]);
    let pinned =
        World::new().ask("c/large").with(|world| world.admission.allowed_models = vec!["a/small".into()]).refusal();
    assert_eq!((pinned.outcome, pinned.error.code.as_str()), (Outcome::NoRoute, "model_not_allowed"));
}

#[test]
fn a_caller_is_not_told_of_models_that_its_team_was_never_granted() {
    let refusal = World::new()
        .with(|world| {
            world.admission.allowed_models = vec!["a/small".into()];
            let excluded = |model: &str, code: &str| Exclusion {
                model: model.into(),
                code: code.into(),
                reason: "a reason".into(),
            };
            world.admission.excluded_models = vec![excluded("b/medium", NO_GRANT), excluded("c/large", "class")];
            world.task.input.max_tokens = Some(20_000_000);
        })
        .refusal();
    let message = &refusal.error.message;
    assert!(message.contains("1 model is not granted to team") && !message.contains("b/medium"), "{message}");
    assert!(message.contains("c/large: a reason"), "{message}");
    // Who reviews the decision sees all of them.
    assert!(refusal.explanation.unwrap().removed.iter().any(|removed| removed.model == "b/medium"));
}

#[test]
fn only_models_that_the_caller_named_are_used() {
    let world = World::new().with(|world| world.task.constraints.models = vec!["large".into()]);
    check(&world, &["c/large"], &["a/small constraint", "b/medium constraint"]);
}

#[test]
fn models_that_cannot_do_it_are_out() {
    let needs: [fn(&mut World); 6] = [
        |world| world.task.input.stream = Some(true),
        |world| world.task.input.tools = Some(vec![json!({"type": "function"})]),
        |world| world.task.input.response_format = Some(json!({"type": "json_schema"})),
        |world| {
            world.task.input =
                serde_json::from_value(json!({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}))
                    .unwrap()
        },
        |world| world.task.input.max_tokens = Some(20_000),
        |world| world.task.input.messages[0].content = Some(neptune_contracts::chat::Content::Text("x".repeat(40_000))),
    ];
    for need in needs {
        let world = World::new().with(|world| {
            for name in ["a/small", "b/medium"] {
                let can = &mut world.model(name).capabilities;
                (can.tools, can.json_schema, can.vision, can.streaming) = (false, false, false, false);
                (can.context_tokens, can.max_output_tokens) = (10_100, 4_096);
            }
            let can = &mut world.model("c/large").capabilities;
            (can.vision, can.max_output_tokens) = (true, 32_000);
            need(world);
        });
        check(&world, &["c/large"], &["a/small capability", "b/medium capability"]);
    }
}

#[test]
fn quality_latency_and_cost_remove_models() {
    let floor = World::new().with(|world| world.task.constraints.min_quality = Some(0.8));
    check(&floor, &["b/medium", "c/large"], &["a/small quality"]);
    let by_route = World::new().with(|world| declare(world, RouteSpec { min_quality: Some(0.9), ..route() }));
    check(&by_route, &["c/large"], &["a/small quality", "b/medium quality"]);
    let hurry = World::new().with(|world| {
        world.model("b/medium").speed.first_token_ms = 9_000;
        world.task.constraints.max_latency_ms = Some(8_000);
    });
    check(&hurry, &["a/small", "c/large"], &["b/medium latency"]);
    let poor = World::new().with(|world| world.admission.max_cost_usd = Some("0.002".parse().unwrap()));
    check(&poor, &["b/medium", "a/small"], &["c/large cost"]);
}

#[test]
fn constraints_give_way_in_order_and_only_as_far_as_needed() {
    let check_relaxed = |world: World, relaxed: &[&str], first: &str| {
        let plan = world.plan();
        assert_eq!(
            (plan.explanation.relaxed.as_slice(), plan.attempts[0].model.as_str()),
            (relaxed.map_to_strings().as_slice(), first),
            "{:#?}",
            plan.explanation
        );
    };
    check_relaxed(World::new().with(|world| world.task.constraints.min_quality = Some(0.99)), &["quality"], "b/medium");
    check_relaxed(World::new().with(|world| world.task.constraints.max_latency_ms = Some(1)), &["latency"], "b/medium");
    let both = World::new().with(|world| {
        (world.task.constraints.min_quality, world.task.constraints.max_latency_ms) = (Some(0.99), Some(1));
    });
    check_relaxed(both, &["quality", "latency"], "b/medium");
    // The cheapest is expected to cost 0.0000818 and, with a long answer, 0.0001618.
    let tight = World::new().with(|world| world.admission.max_cost_usd = Some("0.0001".parse().unwrap()));
    check_relaxed(tight, &["cost"], "a/small");
}

trait MapToStrings {
    fn map_to_strings(&self) -> Vec<String>;
}

impl MapToStrings for &[&str] {
    fn map_to_strings(&self) -> Vec<String> {
        self.iter().map(ToString::to_string).collect()
    }
}

#[test]
fn the_cost_cap_itself_never_gives_way() {
    let refusal = World::new().with(|world| world.admission.max_cost_usd = Some("0.00001".parse().unwrap())).refusal();
    assert_eq!((refusal.outcome, refusal.error.code.as_str()), (Outcome::NoRoute, "cost_limit_reached"));
    let explanation = refusal.explanation.unwrap();
    assert!(explanation.removed.iter().all(|removed| removed.by == "cost") && explanation.removed.len() == 3);
    for name in ["a/small", "b/medium", "c/large"] {
        assert!(refusal.error.message.contains(name), "{}", refusal.error.message);
    }
}

#[test]
fn what_was_measured_changes_the_order() {
    let failing = World::new().with(|world| {
        let measured = ModelStatistics { failures: 60.0, counted_at_ms: NOW_MS, ..ModelStatistics::default() };
        world.statistics =
            Statistics { read_at_ms: Some(NOW_MS - 100), models: [("b/medium".into(), measured)].into() };
    });
    assert_eq!(failing.plan().attempts[0].model, "a/small");
    assert_eq!(failing.plan().explanation.statistics_age_ms, Some(100));
    // Ten minutes later the failures are half forgotten, and an hour later altogether.
    let forgiven = failing.with(|world| {
        world.now = world.now.plus_millis(3_600_000);
        world.statistics.read_at_ms = Some(NOW_MS + 3_599_990);
    });
    assert_eq!(forgiven.plan().attempts[0].model, "b/medium");
    let wordy = World::new().with(|world| {
        let answers = AnswerStatistics {
            answers: 32.0,
            latency_ms: 40_000.0,
            output_tokens: 4_000.0,
            ..AnswerStatistics::default()
        };
        let by_type = [(TaskType::QuestionAnswering, answers)].into();
        let measured = ModelStatistics { by_type, counted_at_ms: NOW_MS, ..ModelStatistics::default() };
        world.statistics = Statistics { read_at_ms: Some(NOW_MS), models: [("b/medium".into(), measured)].into() };
    });
    let plan = wordy.plan();
    let candidate = plan.explanation.candidates.iter().find(|candidate| candidate.model == "b/medium").unwrap();
    assert!(plan.attempts[0].model == "a/small" && candidate.cost_usd > "0.01".parse().unwrap(), "{candidate:?}");
}

#[test]
fn stale_statistics_are_not_used() {
    let world = World::new().with(|world| {
        let measured = ModelStatistics { failures: 60.0, counted_at_ms: NOW_MS, ..ModelStatistics::default() };
        world.statistics =
            Statistics { read_at_ms: Some(NOW_MS - 600_001), models: [("b/medium".into(), measured)].into() };
    });
    assert_eq!(
        (world.plan().attempts[0].model.as_str(), world.plan().explanation.statistics_age_ms),
        ("b/medium", None)
    );
}

#[test]
fn what_shares_a_failed_endpoint_is_tried_later() {
    let world = World::new().with(|world| world.model("a/small").endpoint = "https://b/medium.example/v1".into());
    check(&world, &["b/medium", "c/large", "a/small"], &[]);
}

#[test]
fn the_deadline_bounds_the_attempts() {
    let in_ms = |ms: i64| World::new().with(|world| world.task.constraints.deadline = Some(world.now.plus_millis(ms)));
    // An answer takes 600 ms and 200 tokens at 60 a second: 3,933 ms, and 95 % of them 6,163 ms at most.
    check(&in_ms(20_000), &["b/medium", "a/small", "c/large"], &[]);
    check(&in_ms(13_000), &["b/medium", "a/small"], &[]);
    check(&in_ms(9_000), &["b/medium"], &[]);
    // Expected in time, but not with 95 %.
    assert_eq!(in_ms(5_000).plan().explanation.relaxed, ["latency"]);
    assert_eq!(in_ms(9_000).plan().attempts[0].timeout_ms, 9_000);
    assert_eq!(in_ms(60_000).plan().attempts[0].timeout_ms, 30_000);
    assert_eq!(in_ms(0).refusal().outcome, Outcome::Expired);
}

#[test]
fn nobody_waits_for_batch_work() {
    let slow = |lane: Lane| {
        World::new().ask("auto:fast").with(|world| {
            world.model("b/medium").speed.first_token_ms = 4_000;
            world.task.constraints.lane = lane;
        })
    };
    assert_eq!(slow(Lane::Batch).plan().attempts[0].model, "b/medium");
    assert_ne!(slow(Lane::Realtime).plan().attempts[0].model, "b/medium");
}

#[test]
fn the_explanation_says_what_was_weighed() {
    let plan = World::new().plan();
    let explanation = &plan.explanation;
    assert_eq!(
        (explanation.config_revision, explanation.task_type, explanation.task_type_by.as_str()),
        (7, TaskType::QuestionAnswering, "declared")
    );
    let utilities: Vec<f64> = explanation.candidates.iter().map(|candidate| candidate.utility_usd).collect();
    assert!(utilities.len() == 3 && utilities.is_sorted_by(|left, right| left >= right), "{utilities:?}");
    assert_eq!(plan.attempts[0].expected_cost_usd, explanation.candidates[0].cost_usd);
    assert_eq!(
        explanation.because,
        "b/medium is worth the most of 3 candidates for question_answering on route auto (expected quality 0.85, success 0.950, $0.000818, 3.9 s), $0.002075 more than a/small"
    );
}
