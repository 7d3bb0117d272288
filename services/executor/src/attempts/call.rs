//! One call to one model, from the moment its id is minted to its record.

use super::{Attempts, lock};
use crate::{
    domain::{answer::Answer, failure::Failure, output, pace::time_for_attempt, prompt::Prompt, record},
    outlet::Outlet,
    provider::Call,
    rooms::Place,
};
use neptune_contracts::{
    Timestamp,
    attempt::{Attempt, ErrorClass, JUDGE, RETRY},
    chat::ChatRequest,
    ids::AttemptId,
    plan::{PlannedAttempt, Strategy},
    resource::{ModelSpec, Resources},
};
use serde_json::Value;
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tracing::{Instrument as _, Span, field};

/// A streamed answer takes no longer, however steadily it comes.
const LONGEST_STREAM: Duration = Duration::from_secs(900);

/// What a model is asked.
pub(super) struct Ask<'a> {
    /// The question.
    pub(super) input: &'a ChatRequest,
    /// The same as JSON.
    pub(super) prompt: &'a Prompt,
    /// The form of the answer, for models that can keep to it, when the question itself has none.
    pub(super) response_format: Option<&'a Value>,
}

impl Ask<'_> {
    /// The question with the form of its answer, where it has none itself and the model can keep to one.
    fn formed(&self, model: &ModelSpec) -> Result<Option<(ChatRequest, Prompt)>, Failure> {
        let Some(form) = self.response_format.filter(|_| model.capabilities.json_schema) else { return Ok(None) };
        let input = ChatRequest { response_format: Some(form.clone()), ..self.input.clone() };
        let cannot = |_| Failure::new(ErrorClass::BadRequest, "the request cannot be written as JSON");
        let prompt = Prompt::write(&input).map_err(cannot)?;
        Ok(Some((input, prompt)))
    }
}

/// An attempt that has begun.
pub(super) struct Begun<'p> {
    pub(super) id: AttemptId,
    pub(super) planned: &'p PlannedAttempt,
    pub(super) purpose: Option<&'static str>,
    resources: Arc<Resources>,
    pub(super) started_at: Timestamp,
    clock: Instant,
    span: Span,
    /// Where the pieces of its answer go, when they are passed on.
    pub(super) outlet: Option<Outlet>,
}

/// An attempt that has ended, with what the model said.
pub(super) struct Made {
    pub(super) attempt: Attempt,
    pub(super) output: Option<Value>,
    /// Whether no call was made, because a limit of ours left no room for it.
    pub(super) is_held_back: bool,
}

impl Begun<'_> {
    fn model(&self) -> Option<&ModelSpec> {
        self.resources.models.get(&self.planned.model)
    }

    /// Microseconds since it began.
    pub(super) fn elapsed_us(&self) -> u64 {
        u64::try_from(self.clock.elapsed().as_micros()).unwrap_or(u64::MAX)
    }
}

impl Attempts<'_> {
    /// Mints the id of an attempt, before anything is sent.
    pub(super) fn begin<'p>(&self, planned: &'p PlannedAttempt, purpose: Option<&'static str>) -> Begun<'p> {
        let resources = self.caller.resources.borrow().clone();
        let operation = if self.routed.task.input.embedding.is_some() { "embeddings" } else { "chat" };
        let span = span(operation, planned, resources.models.get(&planned.model));
        let is_streamed = matches!(purpose, None | Some(RETRY)) && self.is_streamed();
        let (id, started_at, clock) = (self.id(&planned.model, purpose), Timestamp::now(), Instant::now());
        let outlet = is_streamed.then(|| self.outlet(id));
        Begun { id, planned, purpose, resources, started_at, clock, span, outlet }
    }

    /// That of the same call by an executor that died, or a new one.
    fn id(&self, model: &str, purpose: Option<&'static str>) -> AttemptId {
        let mut again = lock(&self.again);
        let same = again.iter().position(|begun| begun.model == model && begun.purpose.as_deref() == purpose);
        same.map_or_else(AttemptId::mint, |index| again.swap_remove(index).id)
    }

    /// The attempts among which the time until the deadline is shared, and the turn of `planned` there.
    fn turn<'p>(&'p self, planned: &'p PlannedAttempt) -> (&'p [PlannedAttempt], usize) {
        let plan = &self.routed.plan;
        let at_once = matches!(plan.strategy, Strategy::Hedge { .. } | Strategy::Ensemble { .. });
        match plan.attempts.iter().position(|other| std::ptr::eq(other, planned)) {
            Some(place) if !at_once => (&plan.attempts, place),
            _ => (std::slice::from_ref(planned), 0),
        }
    }

    fn outlet(&self, id: AttemptId) -> Outlet {
        let task = &self.routed.task;
        let with_usage = task.input.other.get("stream_options").and_then(|options| options.get("include_usage"));
        let with_usage = with_usage.and_then(Value::as_bool).unwrap_or(false);
        Outlet::new(&self.caller.bus, (&task.team, task.id), id, with_usage)
    }

    /// Calls the model, and judges its answer. Dropping it cuts the call.
    pub(super) async fn complete(&self, begun: &Begun<'_>, ask: &Ask<'_>) -> Made {
        let mut place = None;
        let call = self.call(begun, ask, &mut place).instrument(begun.span.clone());
        let result = tokio::select! {
            result = call => result,
            () = self.cancelled.cancelled() => Err(Failure::unwanted(begun.outlet.as_ref().map_or(0, Outlet::tokens))),
        };
        let made = self.record(begun, ask, result);
        if let Some(place) = place {
            place.leave(&made.attempt);
        }
        made
    }

    /// The record of a call that was cut because another was there first.
    pub(super) fn cancelled(&self, begun: &Begun<'_>, ask: &Ask<'_>) -> Made {
        self.record(begun, ask, Err(Failure::cancelled()))
    }

    fn record(&self, begun: &Begun<'_>, ask: &Ask<'_>, result: Result<Answer, Failure>) -> Made {
        let latency_us = begun.elapsed_us();
        let (planned, model, purpose) = (begun.planned, begun.model(), begun.purpose);
        let call = record::Call { id: begun.id, planned, model, purpose, started_at: begun.started_at, latency_us };
        let is_held_back = result.as_ref().is_err_and(|failure| failure.is_held_back);
        let mut attempt = record::attempt(&call, ask.input, &result);
        if let Some(outlet) = &begun.outlet {
            (attempt.chunks, attempt.first_token_us) = outlet.passed();
        }
        let mut output = result.ok().map(|answer| answer.output);
        if let (Some(output), Some(checks)) = (&mut output, self.checks.filter(|_| purpose != Some(JUDGE))) {
            attempt.validation = Some(output::judge(output, checks));
        }
        describe(&begun.span, &attempt);
        lock(&self.note).ended(&attempt);
        if !is_held_back {
            self.caller.watch.saw(&attempt, model);
        }
        Made { attempt, output, is_held_back }
    }

    async fn call(&self, begun: &Begun<'_>, ask: &Ask<'_>, place: &mut Option<Place>) -> Result<Answer, Failure> {
        let planned = begun.planned;
        let unusable = |why: &str| Failure::new(ErrorClass::Unsupported, why);
        let model = begun.model().ok_or_else(|| unusable("the model is not configured any more"))?;
        if model.disabled {
            return Err(unusable("the model is switched off"));
        }
        // The admission holds for the zone it names, not for one the model moved to since.
        if model.zone != planned.zone {
            return Err(unusable("the model runs in another zone now"));
        }
        *place = Some(self.place_in(begun, model, ask).await?);
        self.leave_note(begun, model, ask).await;
        let deadline = self.routed.task.constraints.deadline;
        let limit_ms = planned.timeout_ms.min(model.timeout_ms);
        let allowed_ms = time_for_attempt(limit_ms, self.turn(planned), deadline, Timestamp::now()).unwrap_or(0);
        let timeout = Duration::from_millis(allowed_ms);
        let left = deadline.map(|deadline| deadline.micros_since(Timestamp::now()));
        let whole = left.map_or(LONGEST_STREAM, Duration::from_micros).min(LONGEST_STREAM);
        let formed = ask.formed(model)?;
        let (input, prompt) = formed.as_ref().map_or((ask.input, ask.prompt), |(input, prompt)| (input, prompt));
        let call = Call { name: &planned.model, model, input, prompt, attempt: begun.id, timeout };
        match &begun.outlet {
            Some(outlet) => tokio::select! {
                result = self.caller.provider.stream(call, whole, outlet) => result,
                never = self.note_pieces(begun, (model, outlet), ask) => match never {},
            },
            None => self.caller.provider.call(call).await,
        }
    }
}

/// By the OpenTelemetry conventions for model calls.
fn span(operation: &'static str, planned: &PlannedAttempt, model: Option<&ModelSpec>) -> Span {
    tracing::info_span!(
        "call",
        otel.name = %format_args!("{operation} {}", planned.model),
        otel.kind = "client",
        otel.status_code = field::Empty,
        gen_ai.operation.name = operation,
        gen_ai.provider.name = model.map_or("unknown", |model| model.provider.as_str()),
        gen_ai.request.model = planned.model,
        gen_ai.usage.input_tokens = field::Empty,
        gen_ai.usage.output_tokens = field::Empty,
        error.r#type = field::Empty,
        cost_pico_usd = field::Empty,
    )
}

fn describe(span: &Span, attempt: &Attempt) {
    span.record("gen_ai.usage.input_tokens", attempt.usage.input_total());
    span.record("gen_ai.usage.output_tokens", attempt.usage.output_total());
    span.record("cost_pico_usd", attempt.cost_usd.0);
    if let Some(error) = &attempt.error {
        span.record("otel.status_code", "ERROR").record("error.type", field::debug(error.class));
        tracing::debug!(model.id = attempt.model, class = ?error.class, reason = error.message, "an attempt failed");
    }
    if let Some(validation) = attempt.validation.as_ref().filter(|validation| !validation.passed) {
        tracing::debug!(
            model.id = attempt.model,
            problems = validation.problems.len(),
            "an answer is not as it must be"
        );
    }
}
