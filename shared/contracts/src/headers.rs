//! Header names on the bus. Headers carry what is about the message; bodies carry what it says.

/// Identity for the broker's duplicate detection.
pub const MESSAGE_ID: &str = "Nats-Msg-Id";
/// Stores only when the subject's last sequence is the given one; 0 means "nothing stored yet".
pub const EXPECTED_LAST_SUBJECT_SEQUENCE: &str = "Nats-Expected-Last-Subject-Sequence";
/// Stores only when the stream's last message has the given id.
pub const EXPECTED_LAST_MESSAGE_ID: &str = "Nats-Expected-Last-Msg-Id";
/// The accept's ack token, which travels with the task until its finished fact is stored.
pub const ACK_TOKEN: &str = "Neptune-Ack";
/// How often the accept has been delivered, counted from 1.
pub const DELIVERY: &str = "Neptune-Delivery";
/// When the accept was handed out, in microseconds since 1970 by the clock of whoever received it.
pub const HANDED_OUT: &str = "Neptune-Handed-Out";
/// Where the finished fact is published too: the inbox of a caller that waits.
pub const REPLY_TO: &str = "Neptune-Reply-To";
/// How many services have handed the work on; bounded, so a loop ends.
pub const HOP: &str = "Neptune-Hop";
/// Id of the message that caused this one.
pub const CAUSATION: &str = "Neptune-Causation";
/// Name of the object that holds the body when it is too large for a message.
pub const BODY_REFERENCE: &str = "Neptune-Body";
/// The store that object is in, where it is that of runs.
pub const BODY_STORE: &str = "Neptune-Body-Store";
/// Id of the message that a replayed dead letter repeats.
pub const REPLAY_OF: &str = "Neptune-Replay-Of";
/// The attempt that a piece of an answer is from.
pub const ATTEMPT: &str = "Neptune-Attempt";
/// Place of a piece among those of its attempt, from 0.
pub const INDEX: &str = "Neptune-Index";
/// W3C trace context.
pub const TRACE_PARENT: &str = "traceparent";
/// W3C trace state.
pub const TRACE_STATE: &str = "tracestate";
/// CloudEvents attributes in binary mode.
pub const CE_SPEC_VERSION: &str = "ce-specversion";
/// CloudEvents id.
pub const CE_ID: &str = "ce-id";
/// CloudEvents type: the subject without its parameters.
pub const CE_TYPE: &str = "ce-type";
/// CloudEvents source: the publishing service.
pub const CE_SOURCE: &str = "ce-source";
/// CloudEvents time.
pub const CE_TIME: &str = "ce-time";
