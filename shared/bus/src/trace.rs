//! Trace context over the bus: one trace from the HTTP request to the delivery.

use crate::envelope::Cause;
use async_nats::HeaderMap;
use neptune_contracts::headers;
use opentelemetry::{
    global,
    propagation::{Extractor, Injector},
    trace::TraceContextExt,
};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

struct Carrier<'h>(&'h mut HeaderMap);

impl Injector for Carrier<'_> {
    fn set(&mut self, key: &str, value: String) {
        self.0.insert(key, value);
    }
}

struct Parent<'c>(&'c Cause);

impl Extractor for Parent<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        match key {
            headers::TRACE_PARENT => self.0.trace_parent.as_deref(),
            headers::TRACE_STATE => self.0.trace_state.as_deref(),
            _ => None,
        }
    }

    fn keys(&self) -> Vec<&str> {
        vec![headers::TRACE_PARENT, headers::TRACE_STATE]
    }
}

/// Writes the current span's context, or passes on the cause's when there is none.
pub(crate) fn inject(cause: &Cause, headers: &mut HeaderMap) {
    let context = Span::current().context();
    if context.span().span_context().is_valid() {
        global::get_text_map_propagator(|propagator| propagator.inject_context(&context, &mut Carrier(headers)));
        return;
    }
    if let Some(parent) = &cause.trace_parent {
        headers.insert(headers::TRACE_PARENT, parent.as_str());
    }
    if let Some(state) = &cause.trace_state {
        headers.insert(headers::TRACE_STATE, state.as_str());
    }
}

/// Makes the cause's span the parent of `span`.
pub(crate) fn adopt(span: &Span, cause: &Cause) {
    if cause.trace_parent.is_some() {
        let parent = global::get_text_map_propagator(|propagator| propagator.extract(&Parent(cause)));
        // A subscriber without OpenTelemetry has no context to set, which is no fault.
        let _unset = span.set_parent(parent);
    }
}
