//! One call to one model, from the moment its id is minted to its record.

use super::Attempts;
use crate::{
    domain::{answer::Answer, failure::Failure, output, pace::time_for_attempt, prompt::Prompt, record},
    provider::{Call, upstream_name},
};
use neptune_contracts::{
    Timestamp,
    attempt::{Attempt, ErrorClass, JUDGE},
    chat::ChatRequest,
    ids::AttemptId,
    plan::PlannedAttempt,
    resource::{ModelSpec, Resources},
};
use serde_json::Value;
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tracing::{Instrument as _, Span, field};

/// What a model is asked.
pub(super) struct Ask<'a> {
    /// The question.
    pub(super) input: &'a ChatRequest,
    /// The same as JSON.
    pub(super) prompt: &'a Prompt,
    /// The form of the answer, for models that can keep to it, when the question itself has none.
    pub(super) response_format: Option<&'a Value>,
}

/// An attempt that has begun.
pub(super) struct Begun<'p> {
    id: AttemptId,
    planned: &'p PlannedAttempt,
    purpose: Option<&'static str>,
    resources: Arc<Resources>,
    started_at: Timestamp,
    clock: Instant,
    span: Span,
}

/// An attempt that has ended, with what the model said.
pub(super) struct Made {
    pub(super) attempt: Attempt,
    pub(super) output: Option<Value>,
}

impl Begun<'_> {
    fn model(&self) -> Option<&ModelSpec> {
        self.resources.models.get(&self.planned.model)
    }
}

impl Attempts<'_> {
    /// Mints the id of an attempt, before anything is sent.
    pub(super) fn begin<'p>(&self, planned: &'p PlannedAttempt, purpose: Option<&'static str>) -> Begun<'p> {
        let resources = self.caller.resources.borrow().clone();
        let span = span(planned, resources.models.get(&planned.model));
        let (id, started_at, clock) = (AttemptId::mint(), Timestamp::now(), Instant::now());
        Begun { id, planned, purpose, resources, started_at, clock, span }
    }

    /// Calls the model, and judges its answer. Dropping it cuts the call.
    pub(super) async fn complete(&self, begun: &Begun<'_>, ask: &Ask<'_>) -> Made {
        let result = self.call(begun, ask).instrument(begun.span.clone()).await;
        self.record(begun, ask, result)
    }

    /// The record of a call that was cut because another was there first.
    pub(super) fn cancelled(&self, begun: &Begun<'_>, ask: &Ask<'_>) -> Made {
        self.record(begun, ask, Err(Failure::cancelled()))
    }

    fn record(&self, begun: &Begun<'_>, ask: &Ask<'_>, result: Result<Answer, Failure>) -> Made {
        let latency_us = u64::try_from(begun.clock.elapsed().as_micros()).unwrap_or(u64::MAX);
        let (planned, model, purpose) = (begun.planned, begun.model(), begun.purpose);
        let call = record::Call { id: begun.id, planned, model, purpose, started_at: begun.started_at, latency_us };
        let mut attempt = record::attempt(&call, ask.input, &result);
        let mut output = result.ok().map(|answer| answer.output);
        if let (Some(output), Some(checks)) = (&mut output, self.checks.filter(|_| purpose != Some(JUDGE))) {
            attempt.validation = Some(output::judge(output, checks));
        }
        describe(&begun.span, &attempt);
        Made { attempt, output }
    }

    async fn call(&self, begun: &Begun<'_>, ask: &Ask<'_>) -> Result<Answer, Failure> {
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
        let name = upstream_name(&planned.model, model);
        let request = ask
            .prompt
            .request(name, ask.response_format.filter(|_| model.capabilities.json_schema))
            .map_err(|_| Failure::new(ErrorClass::BadRequest, "the request cannot be written as JSON"))?;
        let limit_ms = planned.timeout_ms.min(model.timeout_ms);
        let allowed_ms =
            time_for_attempt(limit_ms, self.routed.task.constraints.deadline, Timestamp::now()).unwrap_or(0);
        let timeout = Duration::from_millis(allowed_ms);
        let call = Call { name: &planned.model, model, request, attempt: begun.id, timeout };
        self.caller.provider.call(call).await
    }
}

/// By the OpenTelemetry conventions for model calls.
fn span(planned: &PlannedAttempt, model: Option<&ModelSpec>) -> Span {
    tracing::info_span!(
        "chat",
        otel.name = %format_args!("chat {}", planned.model),
        otel.kind = "client",
        otel.status_code = field::Empty,
        gen_ai.operation.name = "chat",
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
