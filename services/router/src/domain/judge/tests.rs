#![allow(clippy::unwrap_used, clippy::indexing_slicing)]
use super::*;
use crate::domain::lesson::tests::finished;
use neptune_contracts::{admission::Finding, finished::CacheHit, ids::RunId, names::DataClass, task::StepRef};
use neptune_testkit::builders;
use proptest::prelude::{any, prop_assert, proptest};

const JUDGE: &str = "c/judge";

fn spec(share: f64) -> JudgeSpec {
    JudgeSpec { model: JUDGE.into(), share, max_cost_usd_per_day: "1".parse().unwrap() }
}

/// The finished task "hello", which `a/first` answered with `text`.
fn answered(text: &str) -> TaskFinished {
    let mut fact = finished(&[("a/first", None)]);
    fact.route.as_mut().unwrap().judged_by = Some(JUDGE.into());
    fact.admission = Some(builders::admission(&["a/first", JUDGE]));
    fact.output = Some(json!({"choices": [{"message": {"role": "assistant", "content": text}}]}));
    fact
}

fn check_draw(change: impl FnOnce(&mut Task, &mut Admission), wanted: Option<&str>) {
    let (mut task, mut admission) = (builders::task("support", "hello"), builders::admission(&["a/first", JUDGE]));
    change(&mut task, &mut admission);
    // A whole share, which no route can have, draws every task.
    assert_eq!(judge(&task, &admission, &spec(1.0)).as_deref(), wanted);
}

#[test]
fn only_what_a_caller_asked_and_the_judge_may_see_is_drawn() {
    check_draw(|_, _| {}, Some(JUDGE));
    check_draw(|task, _| task.origin = Origin::Api, Some(JUDGE));
    check_draw(|task, _| task.origin = Origin::Shadow, None);
    check_draw(|task, _| task.origin = Origin::Run, None);
    let step = StepRef { run: RunId::mint(), workflow: "a/b:1".into(), step: "c".into(), instance: None };
    check_draw(|task, _| task.step = Some(step), None);
    check_draw(|_, admission| admission.class = DataClass::Confidential, None);
    check_draw(|_, admission| admission.class = DataClass::Restricted, None);
    check_draw(|_, admission| admission.findings.push(Finding { kind: "EMAIL".into(), count: 1 }), None);
    check_draw(|_, admission| admission.allowed_models.retain(|model| model != JUDGE), None);
}

#[test]
fn so_many_are_drawn_as_the_route_says() {
    let admission = builders::admission(&[JUDGE]);
    let drawn = (0..10_000).filter(|_| judge(&builders::task("support", "hello"), &admission, &spec(0.03)).is_some());
    let count = drawn.count();
    // Five standard deviations of 17.
    assert!((215..385).contains(&count), "{count} of 10000 at 3 %");
}

fn check_question(change: impl FnOnce(&mut ChatRequest), wanted: Option<Value>) {
    let mut task = builders::task("support", "hello");
    change(&mut task.input);
    assert_eq!(question(&task).map(|text| serde_json::from_str::<Value>(&text).unwrap()), wanted);
}

#[test]
fn only_a_short_conversation_of_texts_is_kept() {
    check_question(|_| {}, Some(json!([{"role": "user", "content": "hello"}])));
    check_question(|input| input.n = Some(2), None);
    check_question(|input| input.tools = Some(vec![json!({"type": "function"})]), None);
    check_question(|input| input.messages[0].content = None, None);
    let parts = |kind: &str| serde_json::from_value(json!([{"type": kind, "text": "hi"}])).unwrap();
    check_question(
        |input| input.messages[0].content = Some(parts("text")),
        Some(json!([{"role": "user", "content": "hi"}])),
    );
    check_question(|input| input.messages[0].content = Some(parts("image_url")), None);
    check_question(|input| input.messages[0] = ChatMessage::text("user", "x".repeat(MOST_BYTES)), None);
}

fn check_answer(change: impl FnOnce(&mut TaskFinished), is_judged: bool) {
    let mut fact = answered("hi");
    change(&mut fact);
    assert_eq!(answer(&fact), is_judged.then_some((JUDGE, "hi")), "{fact:?}");
}

#[test]
fn only_a_whole_answer_of_another_model_is_judged() {
    check_answer(|_| {}, true);
    check_answer(|fact| fact.route.as_mut().unwrap().judged_by = None, false);
    check_answer(|fact| fact.route.as_mut().unwrap().judged_by = Some("a/first".into()), false);
    check_answer(|fact| fact.outcome = Outcome::Failed, false);
    check_answer(|fact| fact.origin = Origin::Shadow, false);
    check_answer(|fact| fact.admission = None, false);
    check_answer(|fact| fact.admission.as_mut().unwrap().class = DataClass::Confidential, false);
    check_answer(|fact| fact.output = Some(json!({"choices": [{"message": {"content": ""}}]})), false);
    let long = json!({"choices": [{"message": {"content": "x".repeat(MOST_BYTES + 1)}}]});
    check_answer(|fact| fact.output = Some(long), false);
    let hit: CacheHit = serde_json::from_value(json!({
        "task": TaskId::mint(), "kind": "exact", "likeness": 1.0, "model": "a/first", "provider": "a",
        "answered_at": "2026-11-26T10:00:00Z", "saved_usd": "0.1",
    }))
    .unwrap();
    check_answer(|fact| fact.cache = Some(hit), false);
}

#[test]
fn a_judgement_is_a_bounded_task_of_the_team_with_nobody_to_answer() {
    let fact = answered("hi");
    let asked = question(&builders::task("support", "hello")).unwrap();
    let (task, cost) = judgement(&fact, &asked, (JUDGE, "hi"), &builders::model(0.9, "1")).unwrap();
    assert_eq!(
        (task.origin, task.constraints.lane, task.team.as_ref()),
        (Origin::Shadow, Lane::Batch, Some(&fact.team))
    );
    assert_eq!(task.input.model.as_deref(), Some(JUDGE));
    assert!(task.deliver.is_empty() && task.key.is_none() && task.constraints.cache.is_none());
    assert_eq!((task.constraints.max_cost_usd, task.constraints.class), (Some(cost), Some(DataClass::Internal)));
    assert_eq!(task.metadata[JUDGE_OF], fact.id.to_string());
    assert_eq!(task.id, Some(judgement_id(fact.origin, fact.id)));
    let material: Value = serde_json::from_str(task.input.messages[1].texts().next().unwrap()).unwrap();
    assert_eq!(material, json!({"conversation": [{"role": "user", "content": "hello"}], "answer": "hi"}));
    // 512 tokens of output at the least, whatever such models usually say.
    let spec = builders::model(0.9, "1");
    assert!(cost >= PicoUsd::of_quantities(&[(512, spec.price.output_usd_per_mtok)]), "{cost}");
    assert!(judgement(&fact, "no JSON", (JUDGE, "hi"), &spec).is_none());
}

/// A judgement of another task, which ended with this answer.
fn judged_with(text: &str, of: TaskId) -> TaskFinished {
    let mut fact = answered(text);
    fact.origin = Origin::Shadow;
    fact.metadata.insert(JUDGE_OF.into(), Value::from(of.to_string()));
    fact
}

#[test]
fn what_a_judge_says_is_feedback_and_nothing_else_is() {
    let task = TaskId::mint();
    let fact = judged_with(r#"{"score": 0.7}"#, task);
    let said = feedback(&fact).unwrap();
    assert_eq!((said.task, said.score, said.by, said.team.as_ref()), (task, 0.7, FeedbackBy::Judge, Some(&fact.team)));
    assert_eq!(feedback(&fact), Some(said), "the same again");
    assert_eq!(feedback(&judged_with("I like it", task)), None);
    let labelled = TaskFinished { origin: Origin::Api, ..fact.clone() };
    assert_eq!(feedback(&labelled), None, "a caller's label says nothing");
    assert_eq!(feedback(&TaskFinished { outcome: Outcome::Failed, ..fact }), None);
}

fn check_score(text: &str, wanted: Option<f64>) {
    assert_eq!(score(text), wanted, "{text}");
}

#[test]
fn a_score_is_a_number_in_an_object() {
    check_score(r#"{"score": 1}"#, Some(1.0));
    check_score("```json\n{\"score\": 0.25, \"why\": \"{half} of it\"}\n```", Some(0.25));
    check_score(r#"{"score": "1"}"#, None);
    check_score(r#"{"score": 1.01}"#, None);
    check_score(r#"{"score": -0.1}"#, None);
    check_score(r#"{"score": null}"#, None);
    check_score(r#"{"score": 0.1} or {"score": 0.9}"#, None);
    check_score("0.8", None);
    check_score("}{", None);
    check_score("", None);
}

proptest! {
    #[test]
    fn every_score_is_read_whatever_stands_around_it(wanted in 0.0..=1.0_f64, before in "[^{}]{0,40}", after in "[^{}]{0,40}") {
        let object = json!({"score": wanted});
        // The reader of JSON may be off in the last digit.
        let read = score(&format!("{before}{object}{after}")).unwrap();
        prop_assert!((read - wanted).abs() < 1e-12, "{} is read as {}", wanted, read);
    }

    #[test]
    fn no_text_gives_a_score_out_of_range(text in "\\PC{0,60}", number in any::<f64>()) {
        for text in [text, format!("{{\"score\": {number}}}")] {
            prop_assert!(score(&text).is_none_or(|score| (0.0..=1.0).contains(&score)));
        }
    }

    #[test]
    fn a_larger_share_draws_all_that_a_smaller_one_draws(id in any::<u128>(), one in 0.0..=1.0_f64, other in 0.0..=1.0_f64) {
        let (mut task, admission) = (builders::task("support", "hello"), builders::admission(&[JUDGE]));
        task.id = TaskId(uuid::Uuid::from_u128(id));
        let is_drawn = |share: f64| judge(&task, &admission, &spec(share)).is_some();
        prop_assert!(is_drawn(one.max(other)) || !is_drawn(one.min(other)));
        prop_assert!(is_drawn(1.0) && !is_drawn(0.0));
    }
}
