//! Signals: what is told while it happens, on core NATS, and stored nowhere. Whoever is not there
//! does not hear it, so nothing that has to be kept depends on one.

use crate::names::Service;

/// A signal as data, for documents and permissions.
#[derive(Clone, Copy, Debug)]
pub struct SignalSpec {
    /// The subject after the namespace, with `<parameters>`.
    pub subject: &'static str,
    /// What it carries, for people.
    pub carries: &'static str,
    /// Who may publish it.
    pub producers: &'static [Service],
    /// Who hears it.
    pub consumers: &'static [Service],
}

/// A piece of an answer as it comes. The body is an OpenAI chat completion chunk; the headers
/// `Neptune-Attempt` and `Neptune-Index` say which attempt it is from and its place, from 0.
pub const STREAM_CHUNK: SignalSpec = SignalSpec {
    subject: "stream.v1.<team>.<task>",
    carries: "a chat completion chunk of an answer as it comes; `Neptune-Attempt` and `Neptune-Index` in its headers",
    producers: &[Service::Executor],
    consumers: &[Service::Ingress, Service::Client],
};

/// Whoever asked for a task does not want its answer any more. The body is empty.
pub const TASK_CANCEL: SignalSpec = SignalSpec {
    subject: "task.cancel.v1.<team>.<task>",
    carries: "nothing: the answer is not wanted any more",
    producers: &[Service::Ingress, Service::Client],
    consumers: &[Service::Executor],
};

/// Every signal.
pub const SIGNALS: &[SignalSpec] = &[STREAM_CHUNK, TASK_CANCEL];
