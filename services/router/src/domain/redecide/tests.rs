#![allow(clippy::unwrap_used, clippy::panic)]
use super::*;
use neptune_contracts::{
    finished::Outcome,
    ids::TaskId,
    names::{TaskType, Zone},
    resource::RouteSpec,
};
use neptune_testkit::builders;

const NOW_MS: i64 = 1_800_000_000_000;

/// Resources of three models with these qualities and prices per million tokens.
fn resources(models: [(f64, &str); 3]) -> Resources {
    let mut resources = Resources { revision: 7, ..Resources::default() };
    for (name, (quality, price)) in ["a/small", "b/medium", "c/large"].into_iter().zip(models) {
        let endpoint = format!("https://{name}.example/v1");
        resources.models.insert(name.into(), ModelSpec { endpoint, ..builders::model(quality, price) });
    }
    resources
}

fn usual() -> Resources {
    resources([(0.8, "0.5"), (0.85, "1"), (0.9, "4")])
}

/// A task decided under `resources` with feedback about its models, and the fact that it left.
fn recorded(id: u128, resources: &Resources, good: [f64; 3]) -> TaskFinished {
    let mut task = builders::task("support", &"The lamp is broken, what can be done? ".repeat(40));
    task.id = TaskId(uuid::Uuid::from_u128(id));
    task.task_type = Some(TaskType::QuestionAnswering);
    let names = ["a/small", "b/medium", "c/large"];
    let cell = |good: f64| Cell { good, bad: 20.0 - good, at_ms: NOW_MS, ..Cell::default() };
    let of_type: HashMap<String, Cell> =
        names.iter().zip(good).map(|(name, good)| ((*name).to_owned(), cell(good))).collect();
    let cells = Cells::from([("type:question_answering".to_owned(), of_type)]);
    let now = Timestamp::from_unix_micros(NOW_MS * 1_000).unwrap();
    let snapshot = Snapshot {
        resources,
        statistics: &Statistics::default(),
        circuits: &HashMap::new(),
        headroom: &HashMap::new(),
        cells: &cells,
        may_explore: true,
        outlook: crate::domain::outlook::Outlook::default(),
        may_hedge: false,
        now,
    };
    let admission = builders::admission(&names);
    let Decision::Route(plan) = decide(&task, &admission, &snapshot) else { panic!("no plan") };
    let first = plan.attempts.first().unwrap();
    let mut call = builders::answered(&first.model);
    call.usage.input_uncached = task.input.estimated_input_tokens();
    TaskFinished {
        attempts: vec![call],
        admission: Some(admission),
        route: Some(plan.explanation),
        times: neptune_contracts::finished::Times {
            routed_at: Some(now),
            ..TaskFinished::without_calls(&task, Outcome::Completed, now).times
        },
        ..TaskFinished::without_calls(&task, Outcome::Completed, now)
    }
}

fn again(fact: &TaskFinished, before: &Resources, after: &Resources) -> Option<String> {
    Question::of(fact, before).unwrap().answer(after, before).map(|choice| choice.model)
}

#[test]
fn under_the_same_resources_choices_are_the_same_but_for_near_ties() {
    let before = usual();
    let (mut same, mut others) = (0, BTreeMap::<String, u32>::new());
    for number in 0..1_000_u32 {
        let good = |step: u32| 10.0 + f64::from(number * step % 101) / 10.0;
        let fact = recorded(u128::from(number) << 90, &before, [good(7), good(31), good(53)]);
        let first = fact.attempts[0].model.clone();
        same += u32::from(again(&fact, &before, &before).as_ref() == Some(&first));
        *others.entry(first).or_default() += 1;
    }
    assert!(others.len() == 3 && others.values().all(|count| *count > 50), "the choices differ: {others:?}");
    // Beliefs are on record to a millionth.
    assert!(same >= 990, "{same} of 1000");
}

#[test]
fn what_a_change_would_do_is_told() {
    let before = usual();
    let fact = recorded(1, &before, [16.0, 16.0, 16.0]);
    assert_eq!(fact.attempts[0].model, "a/small");
    let mut after = before.clone();
    after.models.get_mut("a/small").unwrap().disabled = true;
    assert_eq!(again(&fact, &before, &after).as_deref(), Some("b/medium"));
    let dearer = resources([(0.8, "50"), (0.85, "1"), (0.9, "4")]);
    assert_eq!(again(&fact, &before, &dearer).as_deref(), Some("b/medium"));
    let mut routed = before.clone();
    let only =
        RouteSpec { candidates: vec!["c/large".into()], ..serde_json::from_value(serde_json::json!({})).unwrap() };
    routed.routes.insert("auto".into(), only);
    assert_eq!(again(&fact, &before, &routed).as_deref(), Some("c/large"));
    let declared_better = resources([(0.1, "0.5"), (0.85, "1"), (0.9, "4")]);
    assert_eq!(again(&fact, &before, &declared_better).as_deref(), Some("a/small"), "what was learnt outweighs it");
}

#[test]
fn a_new_model_counts_as_allowed_where_its_zone_is() {
    let before = usual();
    let mut fact = recorded(1, &before, [16.0, 16.0, 16.0]);
    let mut after = before.clone();
    after.models.insert("d/new".into(), ModelSpec { zone: Zone::Onprem, ..builders::model(0.99, "0.1") });
    assert_eq!(again(&fact, &before, &after).as_deref(), Some("d/new"));
    fact.admission.as_mut().unwrap().allowed_zones = vec![Zone::External];
    assert_eq!(again(&fact, &before, &after).as_deref(), Some("a/small"));
}

#[test]
fn what_was_out_of_the_question_stays_out_and_nothing_is_made_up() {
    let before = usual();
    let mut fact = recorded(1, &before, [16.0, 16.0, 16.0]);
    let removed = neptune_contracts::plan::Removed {
        model: "a/small".into(),
        by: "circuit".into(),
        reason: "its circuit is open".into(),
    };
    fact.route.as_mut().unwrap().removed.push(removed);
    assert_eq!(again(&fact, &before, &before).as_deref(), Some("b/medium"));
    fact.attempts.clear();
    assert!(Question::of(&fact, &before).is_none(), "without a call nobody knows how long the input is");
}
