//! Following a plan: one attempt after the other, each failure told at once.

use crate::{
    domain::{
        answer::Answer,
        failure::Failure,
        pace::time_for_attempt,
        prompt::Prompt,
        record,
        step::{self, End, Step},
    },
    provider::{Call, Provider, upstream_name},
    watch::Watch,
};
use neptune_bus::{Bus, Cause};
use neptune_contracts::{
    Timestamp,
    attempt::{Attempt, AttemptFailed, ErrorClass},
    ids::AttemptId,
    names::Zone,
    plan::{PlannedAttempt, TaskRouted},
    resource::{ModelSpec, Resources},
};
use serde_json::Value;
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{sync::watch, task::JoinSet};
use tracing::{Instrument as _, Span, field};

/// What attempts are made with.
pub struct Caller {
    /// The bus.
    pub bus: Bus,
    /// The resources in force.
    pub resources: watch::Receiver<Arc<Resources>>,
    /// Calls models.
    pub provider: Provider,
    /// Zones whose models may be called.
    pub zones: Vec<Zone>,
    /// What was seen of models a moment ago.
    pub watch: Watch,
}

/// How following a plan ended.
#[derive(Debug, PartialEq)]
pub(crate) enum Followed {
    /// A model answered.
    Answered(Value),
    /// The rest of the plan, from this index on, belongs to another zone.
    HandOver(usize),
    /// There is no answer.
    Ended(End),
}

/// The attempts at one task.
pub(crate) struct Attempts<'t> {
    caller: &'t Caller,
    routed: &'t TaskRouted,
    prompt: &'t Prompt,
    cause: Cause,
    made: Vec<Attempt>,
    told: JoinSet<()>,
}

impl<'t> Attempts<'t> {
    pub(crate) fn new(caller: &'t Caller, routed: &'t TaskRouted, prompt: &'t Prompt, cause: &Cause) -> Self {
        // What is told about an attempt says nothing about the accept, whose token ends with the task.
        let cause = cause.clone().without_accept();
        Self { caller, routed, prompt, cause, made: Vec::new(), told: JoinSet::new() }
    }

    /// Makes attempts until there is an answer or none can follow. Cancelling it cuts the call that
    /// is under way.
    pub(crate) async fn follow(&mut self) -> Followed {
        let mut output = None;
        loop {
            match step::next(self.routed, &self.made, &self.caller.zones, Timestamp::now()) {
                Step::Attempt(planned) => output = self.attempt(planned).await,
                Step::HandOver(index) => return Followed::HandOver(index),
                Step::Completed => return output.map_or(Followed::Ended(End::Exhausted), Followed::Answered),
                Step::End(end) => return Followed::Ended(end),
            }
        }
    }

    /// The attempts made, once every failure among them is stored.
    pub(crate) async fn settle(mut self) -> Vec<Attempt> {
        while self.told.join_next().await.is_some() {}
        self.made
    }

    async fn attempt(&mut self, planned: &PlannedAttempt) -> Option<Value> {
        let resources = self.caller.resources.borrow().clone();
        let model = resources.models.get(&planned.model);
        let span = span(planned, model);
        let (id, started_at, clock) = (AttemptId::mint(), Timestamp::now(), Instant::now());
        let result = self.call(planned, model, id).instrument(span.clone()).await;
        let latency_us = u64::try_from(clock.elapsed().as_micros()).unwrap_or(u64::MAX);
        let call = record::Call { id, planned, model, started_at, latency_us };
        let attempt = record::attempt(&call, &self.routed.task.input, &result);
        describe(&span, &attempt);
        self.caller.watch.saw(&attempt, model);
        if !attempt.succeeded() {
            self.tell(&attempt);
        }
        self.made.push(attempt);
        result.ok().map(|answer| answer.output)
    }

    async fn call(
        &self,
        planned: &PlannedAttempt,
        model: Option<&ModelSpec>,
        attempt: AttemptId,
    ) -> Result<Answer, Failure> {
        let unusable = |why: &str| Failure::new(ErrorClass::Unsupported, why);
        let model = model.ok_or_else(|| unusable("the model is not configured any more"))?;
        if model.disabled {
            return Err(unusable("the model is switched off"));
        }
        // The admission holds for the zone it names, not for one the model moved to since.
        if model.zone != planned.zone {
            return Err(unusable("the model runs in another zone now"));
        }
        let name = upstream_name(&planned.model, model);
        let request = self
            .prompt
            .request(name)
            .map_err(|_| Failure::new(ErrorClass::BadRequest, "the request cannot be written as JSON"))?;
        let limit_ms = planned.timeout_ms.min(model.timeout_ms);
        let (plan, deadline) = (&self.routed.plan.attempts, self.routed.task.constraints.deadline);
        let allowed_ms = time_for_attempt(limit_ms, (plan, self.made.len()), deadline, Timestamp::now()).unwrap_or(0);
        let call = Call { name: &planned.model, model, request, attempt, timeout: Duration::from_millis(allowed_ms) };
        self.caller.provider.call(call).await
    }

    /// Publishes the failure while the next attempt is made already.
    fn tell(&mut self, attempt: &Attempt) {
        let task = self.routed.task.id;
        let fact = AttemptFailed { task, team: self.routed.task.team.clone(), attempt: attempt.clone() };
        let (bus, cause) = (self.caller.bus.clone(), self.cause.clone());
        let publish = async move {
            if let Err(error) = bus.publish(&fact, &cause).await {
                // The finished fact holds the attempt too; what is missed is the early warning.
                tracing::warn!(task.id = %task, error = &error as &dyn std::error::Error, "a failed attempt was not told at once");
            }
        };
        self.told.spawn(publish.in_current_span());
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
}
