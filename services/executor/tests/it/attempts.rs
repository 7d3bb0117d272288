//! A task's plan, attempt by attempt.

use crate::{
    upstream::{Reply, Upstream},
    world::{ChangeTask, World, planned},
};
use futures::StreamExt as _;
use neptune_contracts::{
    PicoUsd, Timestamp,
    attempt::{AttemptFailed, ErrorClass},
    finished::Outcome,
    names::{Lane, Origin, Service, TaskType, Zone},
    output::OutputSpec,
    plan::Strategy,
    task::TaskSubmitted,
};
use serde_json::json;

fn usd(text: &str) -> PicoUsd {
    text.parse().unwrap()
}

fn both() -> Vec<neptune_contracts::plan::PlannedAttempt> {
    vec![planned("acme/a", Zone::External), planned("acme/b", Zone::External)]
}

fn refused(status: u16, headers: &'static str, code: &str) -> Reply {
    Reply::With(status, headers, json!({"error": {"code": code, "message": "hello is not allowed here"}}).to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_answer_ends_the_task_with_everything_in_its_fact() {
    let world = World::start(both(), |_| {}).await;
    let (a, b) = (Upstream::answering("from a").await, Upstream::answering("from b").await);
    world.declare("acme/a", Zone::External, &a).await;
    world.declare("acme/b", Zone::External, &b).await;
    world.execute(&[Zone::External]);
    let task = world
        .submit(|task| {
            task.input.model = Some("auto".into());
            task.input.temperature = Some(0.3);
            task.input.other.insert("metadata".into(), json!({"x": 1}));
            task.input.stream = Some(true);
            task.metadata.insert("ticket".into(), 7.into());
            // Only the ingress says which key a task came with.
            (task.origin, task.key) = (Origin::Api, Some("k1".into()));
        })
        .await;
    let fact = world.finished(task).await;
    assert_eq!((fact.outcome, fact.text(), &fact.error), (Outcome::Completed, Some("from a"), &None));
    assert_eq!(fact.output.as_ref().unwrap()["model"], "acme/a");
    // 800 · 2 + 200 · 0.5 + 100 · 8 micro-dollars.
    assert_eq!(fact.cost_usd, usd("0.0025"));
    assert_eq!((fact.lane, fact.task_type, fact.key.as_deref()), (Lane::Realtime, Some(TaskType::Chat), Some("k1")));
    assert_eq!(fact.metadata["ticket"], 7);
    assert!(fact.admission.is_some() && fact.route.is_some());
    let times = fact.times;
    let order =
        [Some(times.submitted_at), times.admitted_at, times.routed_at, times.started_at, Some(times.finished_at)];
    assert!(order.is_sorted() && order.iter().all(Option::is_some), "{times:?}");
    assert!(times.added_us <= times.finished_at.micros_since(times.submitted_at));
    let attempt = &fact.attempts[0];
    assert_eq!((fact.attempts.len(), attempt.provider.as_str(), attempt.estimated), (1, "openai", false));
    let asked = &a.asked()[0];
    assert_eq!(asked.headers["idempotency-key"], attempt.id.to_string());
    let body = json!({"model": "upstream-name", "messages": [{"role": "user", "content": "hello"}], "temperature": 0.3, "metadata": {"x": 1},
        "stream": true, "stream_options": {"include_usage": true}});
    assert_eq!(asked.body, body);
    assert_eq!((a.calls(), b.calls()), (1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_is_told_at_once_and_the_next_model_answers() {
    let world = World::start(both(), |_| {}).await;
    let (a, b) = (Upstream::that(Reply::Cut).await, Upstream::answering("from b").await);
    world.declare("acme/a", Zone::External, &a).await;
    world.declare("acme/b", Zone::External, &b).await;
    let router = world.bus(Service::Router).await;
    let mut failures = Box::pin(router.listen::<AttemptFailed>().await.unwrap());
    world.execute(&[Zone::External, Zone::Private, Zone::Onprem]);
    let task = world.submit(|_| {}).await;
    let fact = world.finished(task).await;
    assert_eq!((fact.outcome, fact.text(), fact.attempts.len()), (Outcome::Completed, Some("from b"), 2));
    let told = failures.next().await.unwrap();
    assert_eq!((told.task, &told.attempt), (task, &fact.attempts[0]));
    // The provider may have billed the input of the call that was cut: 6 tokens at 2 dollars.
    assert!(told.attempt.estimated);
    assert_eq!((told.attempt.usage.input_uncached, told.attempt.cost_usd), (6, usd("0.000012")));
    assert_eq!(fact.cost_usd, usd("0.002512"));
}

#[tokio::test(flavor = "multi_thread")]
async fn when_every_model_fails_the_error_names_them_and_the_earliest_retry() {
    let world = World::start(both(), |_| {}).await;
    let a = Upstream::that(refused(429, "retry-after: 9\r\n", "rate_limit_exceeded")).await;
    let b = Upstream::that(refused(503, "retry-after-ms: 1500\r\n", "overloaded")).await;
    world.declare("acme/a", Zone::External, &a).await;
    world.declare("acme/b", Zone::External, &b).await;
    world.execute(&[Zone::External]);
    // The second one is called again when it said, as long as there is time for that; the first one said later.
    let task = world.submit(|task| task.constraints.deadline = Some(Timestamp::now().plus_millis(6_000))).await;
    let fact = world.finished(task).await;
    let error = fact.error.unwrap();
    assert_eq!(
        (fact.outcome, error.code.as_str(), error.retry_after_ms),
        (Outcome::Failed, "upstream_failed", Some(1_500))
    );
    let parked = fact.parked.unwrap();
    assert!(parked.times > 0, "{parked:?}");
    for part in ["acme/a: rate limited", "acme/b: overloaded"] {
        assert!(error.message.contains(part), "{}", error.message);
    }
    assert!(!error.message.contains("hello"), "the provider's words repeat the task's");
    let called = fact
        .attempts
        .iter()
        .filter(|attempt| !attempt.error.as_ref().is_some_and(|error| error.message.contains("not called")));
    assert_eq!((called.count(), fact.cost_usd), (a.calls() + b.calls(), PicoUsd::ZERO));
    assert!(a.calls() == 1 && (2..=4).contains(&b.calls()), "{} and {} calls", a.calls(), b.calls());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_request_is_not_tried_elsewhere() {
    let world = World::start(both(), |_| {}).await;
    let (a, b) = (Upstream::that(refused(400, "", "invalid_value")).await, Upstream::answering("from b").await);
    world.declare("acme/a", Zone::External, &a).await;
    world.declare("acme/b", Zone::External, &b).await;
    world.execute(&[Zone::External]);
    let task = world.submit(|_| {}).await;
    let fact = world.finished(task).await;
    assert_eq!((fact.outcome, fact.error.unwrap().code.as_str()), (Outcome::Failed, "invalid_request"));
    assert_eq!(fact.attempts[0].error.as_ref().unwrap().class, ErrorClass::BadRequest);
    assert_eq!((a.calls(), b.calls()), (1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_passed_deadline_expires_the_task_and_cuts_the_call() {
    let world = World::start(both(), |_| {}).await;
    let (a, b) = (Upstream::that(Reply::Stalled).await, Upstream::that(Reply::Stalled).await);
    world.declare("acme/a", Zone::External, &a).await;
    world.declare("acme/b", Zone::External, &b).await;
    world.execute(&[Zone::External]);
    // The executor must be there before the clock runs.
    let warm_up = world.submit(|task| task.constraints.deadline = Some(Timestamp::now().plus_millis(-1))).await;
    assert_eq!(world.finished(warm_up).await.outcome, Outcome::Expired);
    let task = world.submit(|task| task.constraints.deadline = Some(Timestamp::now().plus_millis(700))).await;
    let fact = world.finished(task).await;
    assert_eq!((fact.outcome, fact.error.unwrap().code.as_str()), (Outcome::Expired, "deadline_exceeded"));
    assert_eq!(fact.attempts[0].error.as_ref().unwrap().class, ErrorClass::Timeout);
    assert_eq!((a.calls(), b.calls()), (1, 1), "each had a part of the time");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_called_on_an_admission_that_was_changed_or_expired() {
    for (what, tamper) in [
        (
            "a forged cap",
            (|admission| admission.max_cost_usd = None) as fn(&mut neptune_contracts::admission::Admission),
        ),
        ("another input", |admission| admission.input_sha256 = "x".into()),
        ("a model more", |admission| admission.allowed_models.push("acme/c".into())),
        ("a model less", |admission| drop(admission.allowed_models.pop())),
        ("other terms", |admission| admission.terms_sha256 = Some("x".into())),
        ("no terms, as if it were of before", |admission| admission.terms_sha256 = None),
        ("a longer life", |admission| admission.expires_at = admission.expires_at.plus_millis(1)),
    ] {
        let world = World::start(both(), tamper).await;
        let a = Upstream::answering("from a").await;
        world.declare("acme/a", Zone::External, &a).await;
        world.execute(&[Zone::External]);
        let task = world.submit(|_| {}).await;
        let fact = world.finished(task).await;
        assert_eq!((fact.outcome, fact.error.unwrap().code.as_str()), (Outcome::Failed, "admission_invalid"), "{what}");
        assert_eq!((a.calls(), fact.attempts.len()), (0, 0), "{what}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_router_cannot_change_what_an_answer_must_be_or_where_it_goes() {
    let changes: [(&str, ChangeTask); 4] = [
        ("no check of the answer", |task| task.output = None),
        ("another recipient", |task| task.deliver[0].to = "eve@support.example".into()),
        ("another payer", |task| task.key = Some("another".into())),
        ("later than asked for", |task| task.constraints.deadline = Some(Timestamp::now().plus_millis(60_000))),
    ];
    for (what, change) in changes {
        let plan = (Strategy::Fallback, both(), None);
        let world = World::start_between(plan, |_| {}, change).await;
        let a = Upstream::answering("from a").await;
        world.declare("acme/a", Zone::External, &a).await;
        world.execute(&[Zone::External]);
        let asked = |task: &mut TaskSubmitted| {
            task.output = Some(OutputSpec { max_characters: Some(3), ..OutputSpec::default() });
            task.deliver = serde_json::from_value(json!([{"channel": "email", "to": "ann@support.example"}])).unwrap();
        };
        let task = world.submit(asked).await;
        let fact = world.finished(task).await;
        assert_eq!((fact.outcome, fact.error.unwrap().code.as_str()), (Outcome::Failed, "admission_invalid"), "{what}");
        assert_eq!((a.calls(), fact.attempts.len()), (0, 0), "{what}");
    }
}
