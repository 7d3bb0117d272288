//! Model steps: tasks like any other, and what their facts answer.

use super::{Step, class, configuration};
use neptune_contracts::{
    PicoUsd, Timestamp,
    chat::ChatRequest,
    finished::{Outcome as TaskOutcome, TaskFinished},
    names::{DataClass, Lane, Origin, TaskType},
    output::OutputSpec,
    task::{CacheMode, Constraints, StepRef, TaskSubmitted},
};
use neptune_workflow::{
    call::model,
    run::{Answer, Outcome, Problem, Request, Standard},
};
use serde_json::{Value, json};
use std::str::FromStr;

/// The task that a model step is. The same step gives the same task, whoever asks and whenever.
///
/// # Errors
/// Its arguments ask for what no task can be.
pub fn task(step: &Step<'_>, request: &Request) -> Result<TaskSubmitted, Problem> {
    let arguments = &request.arguments;
    let mut completion = model::completion(arguments, request.repair.as_ref())?;
    // The task's `output` asks for it, in whatever way the chosen model understands.
    if let Value::Object(fields) = &mut completion {
        fields.remove("response_format");
    }
    let input: ChatRequest = serde_json::from_value(completion)
        .map_err(|fault| configuration(format!("the arguments make no chat completion: {fault}")))?;
    let mut task = TaskSubmitted::new(step.team.clone(), input);
    task.id = Some(step.run.task(step.instance));
    task.origin = Origin::Run;
    task.key.clone_from(&step.made_of.key);
    task.task_type = text(arguments, "task").and_then(task_type);
    task.constraints = constraints(step, request)?;
    task.output = output(arguments);
    task.metadata.clone_from(&step.made_of.metadata);
    if step.made_of.priority != 0 {
        task.metadata.entry("priority").or_insert_with(|| step.made_of.priority.into());
    }
    task.step = Some(StepRef {
        run: step.run,
        workflow: step.made_of.workflow.clone(),
        step: request.pointer.clone(),
        instance: Some(step.instance),
    });
    Ok(task)
}

fn text<'a>(arguments: &'a Value, name: &str) -> Option<&'a str> {
    arguments.get(name).and_then(Value::as_str)
}

/// A word of the arguments that has a fixed set of values.
fn word<T: FromStr<Err = String>>(arguments: &Value, name: &str) -> Result<Option<T>, Problem> {
    let read = |text: &str| text.parse().map_err(|known| configuration(format!("`{name}` is `{text}`; {known}")));
    text(arguments, name).map(read).transpose()
}

/// A kind of work, British spelling too; what is none is left to be recognised.
fn task_type(text: &str) -> Option<TaskType> {
    text.replace("isation", "ization").replace(['-', ' '], "_").parse().ok()
}

fn constraints(step: &Step<'_>, request: &Request) -> Result<Constraints, Problem> {
    let arguments = &request.arguments;
    let wanted: Option<DataClass> = word(arguments, "class")?;
    let deadline =
        request.deadline_ms.and_then(|ms| Timestamp::from_unix_micros(i64::try_from(ms).ok()?.checked_mul(1_000)?));
    // What may wait for other runs leaves room for what is urgent.
    let lane = if step.made_of.priority < 0 { Lane::Batch } else { Lane::Realtime };
    let mut constraints = Constraints {
        max_cost_usd: request.budget_pico_usd.map(|budget| PicoUsd(budget.max(0))),
        deadline,
        lane: word::<Lane>(arguments, "lane")?.unwrap_or(lane),
        class: wanted.max(step.class),
        cache: arguments
            .get("cache")
            .map(|mode| serde_json::from_value::<CacheMode>(mode.clone()))
            .transpose()
            .map_err(|_| configuration("`cache` must be off, exact or near"))?,
        ..Constraints::default()
    };
    match arguments.get("route") {
        None | Some(Value::Null) => {}
        Some(Value::String(name)) => constraints.route = Some(name.clone()),
        Some(route @ Value::Object(_)) => wish(route, &mut constraints)?,
        Some(other) => return Err(configuration(format!("`route` is no name and no object: {other}"))),
    }
    Ok(constraints)
}

/// A route that is described instead of named.
fn wish(route: &Value, constraints: &mut Constraints) -> Result<(), Problem> {
    constraints.route = match (text(route, "name"), text(route, "objective")) {
        (Some(name), _) => Some(name.to_owned()),
        (None, Some("cost" | "cheap")) => Some("auto:cheap".to_owned()),
        (None, Some("latency" | "speed" | "fast")) => Some("auto:fast".to_owned()),
        (None, Some("quality" | "best")) => Some("auto:best".to_owned()),
        (None, Some("balanced") | None) => None,
        (None, Some(other)) => {
            let known = "use cost, latency, quality or balanced";
            return Err(configuration(format!("`route.objective` is `{other}`; {known}")));
        }
    };
    constraints.max_latency_ms = route.get("maxLatencyMs").and_then(Value::as_u64);
    constraints.min_quality = route.get("minQuality").and_then(Value::as_f64);
    Ok(())
}

fn output(arguments: &Value) -> Option<OutputSpec> {
    let labels = arguments.get("labels").and_then(Value::as_array);
    let output = OutputSpec {
        schema: arguments.get("responseSchema").filter(|schema| schema.is_object()).cloned(),
        one_of: labels.map(|labels| labels.iter().filter_map(Value::as_str).map(str::to_owned).collect()),
        ..OutputSpec::default()
    };
    output.has_checks().then_some(output)
}

/// What the fact of its task answers a step.
#[must_use]
pub fn answer(request: &Request, fact: &TaskFinished) -> Answer {
    let outcome = match outcome(request, fact) {
        Ok(output) => Outcome::Output(output),
        Err(problem) => Outcome::Problem(problem),
    };
    let sensitivity = fact.admission.as_ref().map_or(0, |admission| class::rank(admission.class));
    let is_over_budget = is_over_budget(request, fact);
    Answer { outcome, cost_pico_usd: fact.cost_usd.0, sensitivity, seen: 0, is_over_budget, note: Some(note(fact)) }
}

/// Whether the task ended because it would have cost more than the request allows, and not more than its team's cap.
fn is_over_budget(request: &Request, fact: &TaskFinished) -> bool {
    let cap = fact.admission.as_ref().and_then(|admission| admission.max_cost_usd);
    let is_ours = cap.is_some() && cap == request.budget_pico_usd.map(|budget| PicoUsd(budget.max(0)));
    is_ours && fact.error.as_ref().is_some_and(|error| error.code == "cost_limit_reached")
}

fn outcome(request: &Request, fact: &TaskFinished) -> Result<Value, Problem> {
    // A label among other words is refused by the task's checks, which are strict, and told by the step's.
    let is_answered = fact.outcome == TaskOutcome::Completed || is_output_invalid(fact);
    if let (true, Some(completion)) = (is_answered, &fact.output) {
        let mut output = model::output(&request.arguments, completion)?;
        if let Value::Object(fields) = &mut output {
            fields.insert("task".to_owned(), json!(fact.id));
            if let Some(winner) = fact.winner() {
                fields.insert("model".to_owned(), json!(winner.model));
            }
        }
        return Ok(output);
    }
    Err(problem(fact))
}

fn is_output_invalid(fact: &TaskFinished) -> bool {
    fact.error.as_ref().is_some_and(|error| error.code == "output_invalid")
}

fn problem(fact: &TaskFinished) -> Problem {
    let (code, message) = fact.error.as_ref().map_or(("", ""), |error| (error.code.as_str(), error.message.as_str()));
    let detail = format!("the task {} ended as {}: {message} ({code})", fact.id, fact.outcome.as_str());
    let of = |standard| Problem::new(standard, detail.clone());
    let like = |standard, status: u16| of(standard).with_status(status.into(), title(status));
    let status = fact.error.as_ref().map_or(502, |error| error.status(fact.outcome));
    match (fact.outcome, code) {
        (TaskOutcome::Rejected, "budget_exceeded") => of(Standard::Budget),
        (TaskOutcome::Expired, _) => of(Standard::Timeout),
        (TaskOutcome::Failed, "output_invalid") => of(Standard::Validation),
        (TaskOutcome::Cancelled, _) => like(Standard::Communication, 499),
        _ => match status {
            403 => of(Standard::Authorization),
            // A retry by `.status >= 500` must not repeat what will fail again.
            400..=428 => like(Standard::Configuration, status),
            _ => like(Standard::Communication, status),
        },
    }
}

fn title(status: u16) -> &'static str {
    match status {
        400 => "Bad Request",
        402 => "Cost Limit Reached",
        404 => "Not Found",
        429 => "Too Many Requests",
        499 => "Cancelled",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        _ => "Task Failed",
    }
}

/// Attempts of which the history of the run keeps how they went.
const TRIED: usize = 16;

/// What the history of the run keeps of a task; never what was asked or answered.
fn note(fact: &TaskFinished) -> Value {
    let winner = fact.winner();
    let tried = fact.attempts.iter().take(TRIED).map(|attempt| {
        json!({
            "model": attempt.model,
            "error": attempt.error.as_ref().map(|error| error.class),
            "cost_usd": attempt.cost_usd,
            "latency_ms": attempt.latency_us / 1_000,
        })
    });
    json!({
        "task": fact.id,
        "outcome": fact.outcome,
        "model": winner.map(|attempt| &attempt.model),
        "attempts": fact.attempts.len(),
        "tried": tried.collect::<Vec<_>>(),
        "route": fact.route.as_ref().map(|route| &route.route),
        "task_type": fact.task_type,
        "class": fact.admission.as_ref().map(|admission| admission.class),
        "from_cache": fact.cache.is_some(),
        "parked_ms": fact.parked.as_ref().map(|parked| parked.total_ms),
    })
}

#[cfg(test)]
mod tests;
