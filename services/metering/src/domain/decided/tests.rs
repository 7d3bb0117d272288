#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::float_cmp)]
use super::*;
use neptune_contracts::query::routing::{Method, PolicyName};
use serde_json::json;

/// A decision between a strong and dear model and a weak and cheap one, in which `first` was called
/// and answered. It cost twice what was expected.
fn decided(first: &str, policy: &str, propensity: Option<f64>, score: Option<f64>) -> Decided {
    let candidate = |model: &str, quality: f64, cost_usd: &str| json!({"model": model, "quality": quality, "success": 1.0, "cost_usd": cost_usd, "latency_ms": 1, "utility_usd": quality * 0.02});
    let explanation = serde_json::from_value(json!({
        "route": "auto", "task_type": "chat", "task_type_by": "declared", "task_type_confidence": 1.0, "config_revision": 1,
        "value_usd": "0.02", "because": "", "decided_in_us": 1, "propensity": propensity,
        "removed": [{"model": "x", "by": "governance", "reason": ""}, {"model": "y", "by": "governance", "reason": ""},
            {"model": "z", "by": "circuit", "reason": ""}],
        "candidates": [candidate("strong", 0.9, "0.004"), candidate("weak", 0.7, "0.001")],
        "learning": {"policy": policy, "levels": [], "beliefs": [], "explored": first == "weak"},
    }));
    let explanation: Explanation = explanation.unwrap();
    let expected = explanation.candidates.iter().find(|candidate| candidate.model == first).unwrap().cost_usd.0;
    Decided {
        explanation,
        task_type: Some(TaskType::Chat),
        first: Some(first.into()),
        answered_by: Some(first.into()),
        calls: 1,
        cost_pico_usd: 2 * expected,
        score,
    }
}

fn find(outcomes: &[PolicyOutcome], policy: PolicyName) -> &PolicyOutcome {
    outcomes.iter().find(|outcome| outcome.policy == policy).unwrap()
}

fn quality(outcome: &PolicyOutcome, by: Method) -> Option<(f64, u64)> {
    let found = outcome.quality.iter().find(|estimate| estimate.by == by);
    found.map(|estimate| ((estimate.mean * 1e6).round() / 1e6, estimate.observations))
}

#[test]
fn other_policies_cost_what_they_were_expected_to_times_how_much_longer_tasks_were() {
    let tasks = [decided("weak", "1.1", None, None), decided("strong", "1.1", None, None)];
    let outcomes = policies(&tasks);
    let strongest = find(&outcomes, PolicyName::AlwaysStrongest);
    assert_eq!((strongest.cost_usd, strongest.actual_cost_usd), ("0.016".parse().unwrap(), "0.01".parse().unwrap()));
    assert_eq!((strongest.tasks, strongest.unavailable, strongest.cost_by), (2, 0, Method::ExpectedCost));
    assert_eq!(quality(strongest, Method::Believed), Some((0.9, 2)));
    assert_eq!(quality(strongest, Method::InversePropensity), None, "nobody judged, so nothing is claimed");
    let single = find(&outcomes, PolicyName::BestSingle);
    // 0.02 * 0.7 - 0.002 is more than 0.02 * 0.9 - 0.008.
    assert_eq!((single.detail.as_deref(), single.cost_usd), (Some("weak"), "0.004".parse().unwrap()));
}

#[test]
fn qualities_of_unlikely_choices_weigh_more_and_those_without_a_probability_are_left_out() {
    let mut tasks = vec![
        decided("strong", "1.1", Some(0.9), Some(1.0)),
        decided("strong", "1.1", Some(0.1), Some(0.0)),
        decided("weak", "1.1", Some(0.5), Some(1.0)),
        decided("strong", "1.1", None, Some(1.0)),
    ];
    // The strong one answered in another's place, which no draw chose.
    tasks.push(Decided { first: Some("weak".into()), calls: 2, ..decided("strong", "1.1", Some(0.5), Some(1.0)) });
    let outcomes = policies(&tasks);
    let strongest = find(&outcomes, PolicyName::AlwaysStrongest);
    let weight: f64 = 1.0 / 0.9;
    assert_eq!(
        quality(strongest, Method::InversePropensity),
        Some(((weight / (weight + 10.0) * 1e6).round() / 1e6, 2))
    );
    let effective = strongest.quality[0].effective.unwrap();
    assert!((1.0..1.3).contains(&effective), "{effective}: one observation outweighs the other");
    assert_eq!(quality(find(&outcomes, PolicyName::AsDecided), Method::Observed), Some((0.8, 5)));
}

#[test]
fn a_policy_without_a_model_of_its_own_leaves_the_task_as_it_was() {
    let mut without = decided("weak", "1.1", None, None);
    without.explanation.candidates.clear();
    let outcomes = policies(&[without, decided("weak", "1.1", None, None)]);
    let strongest = find(&outcomes, PolicyName::AlwaysStrongest);
    assert_eq!((strongest.unavailable, strongest.cost_usd), (1, "0.01".parse().unwrap()));
    assert!(!outcomes.iter().any(|outcome| outcome.policy == PolicyName::BestSingle), "none was there often enough");
}

#[test]
fn the_previous_policy_is_told_by_kind_of_work_and_only_when_there_was_one() {
    let before = [decided("strong", "1.1", None, Some(0.5)), decided("strong", "1.1", None, Some(1.0))];
    let now = [decided("weak", "1.2", None, None), decided("weak", "1.2", None, None), {
        Decided { task_type: Some(TaskType::Reasoning), ..decided("weak", "1.2", None, None) }
    }];
    let tasks: Vec<Decided> = before.iter().chain(&now).cloned().collect();
    let outcomes = policies(&tasks);
    let previous = find(&outcomes, PolicyName::Previous);
    assert_eq!((previous.detail.as_deref(), previous.tasks, previous.unavailable), (Some("1.1"), 3, 1));
    assert_eq!((previous.cost_usd, previous.actual_cost_usd), ("0.018".parse().unwrap(), "0.006".parse().unwrap()));
    assert_eq!(quality(previous, Method::ObservedByKind), Some((0.75, 2)));
    assert!(!policies(&before).iter().any(|outcome| outcome.policy == PolicyName::Previous));
}

#[test]
fn exploration_and_removals_are_counted() {
    let tasks = [decided("weak", "1.1", None, None), decided("strong", "1.1", None, None)];
    let spent = exploration(&tasks);
    assert_eq!((spent.tasks, spent.cost_usd), (1, "0.002".parse().unwrap()));
    assert!((spent.forgone_usd - 0.004).abs() < 1e-12);
    let rows: Vec<_> = removed(&tasks).into_iter().map(|row| (row.by, row.models, row.tasks)).collect();
    assert_eq!(rows, [("governance".to_owned(), 4, 2), ("circuit".to_owned(), 2, 2)]);
}
