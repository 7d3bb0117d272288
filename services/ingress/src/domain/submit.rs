//! From an HTTP body to the task it asks for.

use super::{hints::Hints, json, keys::Caller};
use neptune_contracts::{
    Timestamp,
    chat::ChatRequest,
    names::Origin,
    problem::Problem,
    resource::Resources,
    task::{TEAM, TaskSubmitted},
};
use serde_json::{Map, Value};

/// The task of a `POST /v1/tasks` body. The HTTP API is strict where messages are lenient: a
/// misspelt limit must not silently be no limit. Without an `id` in the body it has none yet.
///
/// # Errors
/// Every fault of the body.
pub fn task(
    body: &[u8],
    caller: &Caller,
    now: Timestamp,
    resources: &Resources,
) -> Result<TaskSubmitted, Vec<Problem>> {
    // Who asks follows from the API key alone.
    let mut task: TaskSubmitted = json::read_strict(body, &[TEAM])?;
    let mut faults = Vec::new();
    if task.id.is_some_and(|id| !id.may_be_submitted()) {
        let remedy = "mint a UUID v7, or leave it out and send an Idempotency-Key";
        faults.push(Problem::new("id", "not a UUID of version 7, nor an id that a submit answered", remedy));
    }
    if task.step.take().is_some() {
        faults.push(Problem::new("step", "only a run can set it", "leave it out, or submit a run"));
    }
    if task.input.stream == Some(true) {
        faults.push(Problem::new("input.stream", "a task has no stream to answer on", "leave it out or send false"));
    }
    faults.extend(settle(&mut task, caller, now, resources));
    if faults.is_empty() { Ok(task) } else { Err(faults) }
}

/// A chat completion as it is asked for.
///
/// # Errors
/// The fault of the body.
pub fn chat(body: &[u8]) -> Result<ChatRequest, Vec<Problem>> {
    json::read_whole(body)
}

/// The task of a chat completion, with the caller's labels. It has no id yet.
///
/// # Errors
/// Every fault of the request and the headers, by the paths of the task.
pub fn completion(
    (request, labels): (ChatRequest, Map<String, Value>),
    hints: &Hints,
    caller: &Caller,
    now: Timestamp,
    resources: &Resources,
) -> Result<TaskSubmitted, Vec<Problem>> {
    let mut faults = Vec::new();
    let options = request.other.get("stream_options").filter(|options| !options.is_null());
    if options.is_some() && request.stream != Some(true) {
        faults.push(Problem::new("stream_options", "only a stream has options", "leave it out, or send stream: true"));
    }
    let usage = options.and_then(|options| options.get("include_usage"));
    if usage.is_some_and(|usage| !usage.is_boolean()) {
        faults.push(Problem::new("stream_options.include_usage", "not true or false", "send true or leave it out"));
    }
    let mut task = TaskSubmitted::new(caller.team.clone(), request);
    (task.id, task.metadata) = (None, labels);
    match hints.constraints(now) {
        Ok((constraints, task_type)) => (task.constraints, task.task_type) = (constraints, task_type),
        Err(wrong) => faults.extend(wrong),
    }
    faults.extend(settle(&mut task, caller, now, resources));
    if faults.is_empty() { Ok(task) } else { Err(faults) }
}

/// Says who asks, whatever the body says. Returns what is wrong with the task.
fn settle(task: &mut TaskSubmitted, caller: &Caller, now: Timestamp, resources: &Resources) -> Vec<Problem> {
    task.team = Some(caller.team.clone());
    task.key = Some(caller.key.clone());
    (task.origin, task.fingerprint) = (Origin::Api, None);
    let mut problems = task.problems(now, resources);
    if let Some(team) = resources.teams.get(caller.team.as_str()) {
        for (index, spec) in task.deliver.iter().enumerate().filter(|(_, spec)| !team.channels.contains(&spec.channel))
        {
            let text = format!("team {} may not deliver over {}", caller.team, spec.channel);
            let remedy = "choose another channel, or let an operator add it to the team's channels";
            problems.push(Problem::new(format!("deliver[{index}].channel"), text, remedy));
        }
    }
    problems
}

/// A fault as whoever sent a completion knows it: its body is the input itself.
#[must_use]
pub fn of_the_input(mut problem: Problem) -> Problem {
    if let Some(field) = problem.field.strip_prefix("input.") {
        problem.field = field.to_owned();
    }
    problem
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use neptune_contracts::resource::{KeyRole, TeamSpec};

    fn caller() -> Caller {
        Caller { key: "k1".into(), team: "support".parse().unwrap(), role: KeyRole::Caller }
    }

    fn now() -> Timestamp {
        Timestamp::from_unix_micros(1_700_000_000_000_000).unwrap()
    }

    fn fields(found: Result<TaskSubmitted, Vec<Problem>>) -> Vec<String> {
        found.err().unwrap_or_default().into_iter().map(|problem| problem.field).collect()
    }

    fn check_task(body: &str, faults: &[&str]) {
        assert_eq!(fields(task(body.as_bytes(), &caller(), now(), &Resources::default())), faults, "{body}");
    }

    fn check_completion(body: &str, faults: &[&str]) {
        let hints = Hints { lane: Some("slow".into()), ..Hints::default() };
        let found = chat(body.as_bytes())
            .and_then(|request| completion((request, Map::new()), &hints, &caller(), now(), &Resources::default()))
            .map_err(|faults| faults.into_iter().map(of_the_input).collect());
        assert_eq!(fields(found), faults, "{body}");
    }

    #[test]
    fn who_asks_follows_from_the_key_alone() {
        let body = r#"{"team": "sales", "origin": "run", "key": "other", "input": {"messages": [{"role": "user", "content": "hi"}]}}"#;
        let task = task(body.as_bytes(), &caller(), now(), &Resources::default()).unwrap();
        assert_eq!(task.team, Some(caller().team));
        assert_eq!((task.origin, task.key.as_deref(), task.id), (Origin::Api, Some("k1"), None));
    }

    #[test]
    fn every_fault_of_a_task_is_named() {
        check_task(
            r#"{"input": {"messages": []}, "constraints": {"min_quality": 2}}"#,
            &["input.messages", "constraints.min_quality"],
        );
        check_task(
            r#"{"input": {"messages": [{"role": "boss"}], "stream": true}}"#,
            &["input.stream", "input.messages[0].role"],
        );
        let step = r#"{"run": "0199f2aa-0000-7000-8000-0000000000e1", "workflow": "w", "step": "/do"}"#;
        check_task(
            &format!(r#"{{"input": {{"messages": [{{"role": "user", "content": "hi"}}]}}, "step": {step}}}"#),
            &["step"],
        );
        let with_id =
            |id: &str| format!(r#"{{"input": {{"messages": [{{"role": "user", "content": "hi"}}]}}, "id": "{id}"}}"#);
        check_task(&with_id("7"), &["id"]);
        check_task(&with_id("00000000-0000-0000-0000-000000000000"), &["id"]);
        check_task(&with_id("9b2c1f6e-5a0d-4b8f-9c37-2f1f0a5d6e21"), &["id"]);
        check_task(&with_id("0199f2aa-0000-7000-8000-000000000001"), &[]);
        // As Neptune derives it from an Idempotency-Key.
        check_task(&with_id("2ed6657d-e927-568b-95e1-2665a8aea6a2"), &[]);
    }

    #[test]
    fn a_channel_that_the_team_lacks_is_refused_before_anything_is_paid() {
        let body = br#"{"input": {"messages": [{"role": "user", "content": "hi"}]},
            "deliver": [{"channel": "webhook", "to": "https://example.com/hook"}, {"channel": "email", "to": "a@example.com"}]}"#;
        let mut resources = Resources::default();
        let deliver = |resources: &Resources| fields(task(body, &caller(), now(), resources));
        assert!(deliver(&resources).is_empty(), "governance knows better than an ingress that has no resources yet");
        let spec: TeamSpec = serde_json::from_value(serde_json::json!({"channels": ["email"]})).unwrap();
        resources.teams.insert("support".into(), spec);
        assert_eq!(deliver(&resources), ["deliver[0].channel"]);
    }

    #[test]
    fn every_fault_of_a_completion_is_named_as_the_body_has_it() {
        check_completion(r#"{"messages": [{"role": "user", "content": "hi"}]}"#, &["x-neptune-lane"]);
        check_completion(r#"{"messages": [], "stream": true}"#, &["x-neptune-lane", "messages"]);
        let options = r#"{"messages": [], "stream_options": {"include_usage": 1}}"#;
        check_completion(options, &["stream_options", "stream_options.include_usage", "x-neptune-lane", "messages"]);
        check_completion(r#"{"messages": [{"role": "user", "content": "hi"}], "n": "two"}"#, &["n"]);
    }

    #[test]
    fn a_completion_keeps_what_neptune_does_not_read() {
        let body = r#"{"model": "auto:cheap", "messages": [{"role": "user", "content": "hi"}], "stream": false, "logit_bias": {"1": 2}}"#;
        let task = completion(
            (chat(body.as_bytes()).unwrap(), Map::new()),
            &Hints::default(),
            &caller(),
            now(),
            &Resources::default(),
        )
        .unwrap();
        assert_eq!(task.input.model.as_deref(), Some("auto:cheap"));
        assert_eq!(task.input.other.get("logit_bias"), Some(&serde_json::json!({"1": 2})));
    }
}
