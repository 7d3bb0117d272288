//! The task that `submit` sends: a body from a file, and what the options add to it.

use crate::args::SubmitArgs;
use neptune_contracts::{ids::TaskId, json::plain, task::TaskSubmitted};
use serde_json::{Map, Value, json};

/// Builds the task. `body` is a task or a chat completion request; options go before it.
///
/// # Errors
/// Names the field or option that is wrong, and what to write instead.
pub fn task(body: Option<Value>, schema: Option<Value>, args: &SubmitArgs, id: TaskId) -> Result<Value, String> {
    let mut task =
        match body {
            None => json!({"input": {"messages": []}}),
            Some(body) if body.get("messages").is_some() => json!({"input": body}),
            Some(body) if body.get("input").is_some() => body,
            Some(_) => return Err(
                "the body has neither `input` (a task) nor `messages` (a chat completion request); give one of them"
                    .into(),
            ),
        };
    let minted = task.get("id").is_none().then(|| json!(id));
    add(&mut task, &[], "id", minted)?;
    let message = |role: &str, text: &Option<String>| text.as_ref().map(|text| json!({"role": role, "content": text}));
    let mut messages = task.pointer("/input/messages").and_then(Value::as_array).cloned().unwrap_or_default();
    messages.splice(0..0, message("system", &args.system));
    messages.extend(message("user", &args.prompt));
    add(&mut task, &["input"], "messages", Some(json!(messages)))?;
    add(&mut task, &["input"], "model", args.model.as_ref().map(|model| json!(model)))?;
    add(&mut task, &[], "task_type", args.task_type.map(|task_type| json!(task_type)))?;
    for (field, value) in [
        ("route", args.route.as_ref().map(|route| json!(route))),
        ("max_cost_usd", args.max_cost_usd.map(|cost| json!(cost))),
        ("max_latency_ms", args.max_latency_ms.map(|millis| json!(millis))),
        ("min_quality", args.min_quality.map(|quality| json!(quality))),
        ("lane", args.lane.map(|lane| json!(lane))),
    ] {
        add(&mut task, &["constraints"], field, value)?;
    }
    add(&mut task, &["output"], "schema", schema)?;
    let mut deliveries = task.get("deliver").and_then(Value::as_array).cloned().unwrap_or_default();
    for text in &args.deliver {
        deliveries.push(delivery(text)?);
    }
    add(&mut task, &[], "deliver", (!deliveries.is_empty()).then(|| json!(deliveries)))?;
    for text in &args.metadata {
        let (name, value) = text.split_once('=').ok_or_else(|| format!("--metadata {text:?}: write NAME=VALUE"))?;
        add(&mut task, &["metadata"], name, Some(json!(value)))?;
    }
    refuse_unknown(&task)?;
    Ok(task)
}

/// The typed task.
///
/// # Errors
/// Names the field that does not have its form.
pub fn typed(task: &Value) -> Result<TaskSubmitted, String> {
    serde_json::from_value(task.clone()).map_err(|error| format!("the task is not readable: {}", plain(&error)))
}

fn delivery(text: &str) -> Result<Value, String> {
    let (channel, to) =
        text.split_once('=').ok_or_else(|| format!("--deliver {text:?}: write webhook=URL or email=ADDRESS"))?;
    Ok(json!({"channel": channel, "to": to}))
}

fn add(task: &mut Value, path: &[&str], field: &str, value: Option<Value>) -> Result<(), String> {
    let Some(value) = value else { return Ok(()) };
    let mut place = task;
    for step in path {
        let object =
            place.as_object_mut().ok_or_else(|| format!("{step}: its parent is no JSON object; correct the body"))?;
        place = object.entry(*step).or_insert_with(|| Value::Object(Map::new()));
    }
    let object =
        place.as_object_mut().ok_or_else(|| format!("{}: no JSON object; correct the body", path.join(".")))?;
    object.insert(field.to_owned(), value);
    Ok(())
}

/// A misspelt limit must not silently be no limit: what the typed task does not hold is refused.
fn refuse_unknown(task: &Value) -> Result<(), String> {
    let kept = serde_json::to_value(typed(task)?).map_err(|error| error.to_string())?;
    for part in ["", "/constraints", "/output"] {
        let names = task.pointer(part).and_then(Value::as_object).into_iter().flatten();
        for (name, value) in names.filter(|(_, value)| !is_empty(value)) {
            if kept.pointer(part).and_then(|kept| kept.get(name)).is_none() {
                let field = format!("{part}/{name}").trim_start_matches('/').replace('/', ".");
                return Err(format!(
                    "{field}: there is no such field (value {value}); remove it, or see /openapi.json for the right name"
                ));
            }
        }
    }
    Ok(())
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;
    use crate::args::{Cli, Command};
    use clap::Parser as _;

    const ID: &str = "00000000-0000-7000-8000-000000000000";

    fn build(body: Option<Value>, options: &[&str]) -> Result<Value, String> {
        let line = ["neptune", "submit", "-"].iter().chain(options);
        let Command::Submit(args) = Cli::try_parse_from(line).unwrap().command else { panic!("not submit") };
        task(body, None, &args, ID.parse().unwrap())
    }

    #[test]
    fn options_make_a_task() {
        let options = [
            "--prompt",
            "hi",
            "--system",
            "be kind",
            "--route",
            "triage",
            "--max-cost-usd",
            "0.25",
            "--lane",
            "batch",
            "--deliver",
            "email=a@b.example",
            "--metadata",
            "ticket=7",
        ];
        let expected = json!({
            "id": ID,
            "input": {"messages": [{"role": "system", "content": "be kind"}, {"role": "user", "content": "hi"}]},
            "constraints": {"route": "triage", "max_cost_usd": "0.25", "lane": "batch"},
            "deliver": [{"channel": "email", "to": "a@b.example"}],
            "metadata": {"ticket": "7"},
        });
        assert_eq!(build(None, &options).unwrap(), expected);
    }

    #[test]
    fn a_completion_request_becomes_the_input() {
        let body = json!({"model": "auto", "messages": [{"role": "user", "content": "a"}], "seed": 3});
        let task = build(Some(body), &["--prompt", "b", "--model", "auto:cheap"]).unwrap();
        assert_eq!(task["input"]["seed"], 3);
        assert_eq!(
            (task["input"]["model"].as_str(), task["input"]["messages"][1]["content"].as_str()),
            (Some("auto:cheap"), Some("b"))
        );
    }

    #[test]
    fn faults_name_the_field() {
        let input = json!({"messages": [{"role": "user", "content": "a"}]});
        for (body, options, part) in [
            (json!({"x": 1}), [].as_slice(), "neither `input`"),
            (json!({"input": input, "constraint": {"lane": "batch"}}), &[], "constraint: there is no such field"),
            (
                json!({"input": input, "constraints": {"max_cost": "1"}}),
                &[],
                "constraints.max_cost: there is no such field",
            ),
            (json!({"input": input, "constraints": {"max_cost_usd": "much"}}), &[], "US dollars"),
            (json!({"input": input}), &["--deliver", "a@b.example"], "webhook=URL"),
            (json!({"input": input}), &["--deliver", "pigeon=x"], "unknown value"),
            (json!({"input": input}), &["--metadata", "x"], "NAME=VALUE"),
        ] {
            let fault = build(Some(body), options).unwrap_err();
            assert!(fault.contains(part), "{fault}");
        }
    }
}
