//! Streams, consumers and buckets on the broker, as data. `shared/bus` creates them in one
//! idempotent step and verifies what the broker really stored.

use crate::names::Service;

/// How long an accepted task may go without a sign of life before it is handed out again.
pub const ACCEPT_ACK_WAIT_SECONDS: u64 = 10;
/// Waits before the second, third, … delivery of an accepted task.
pub const ACCEPT_BACKOFF_SECONDS: &[u64] = &[ACCEPT_ACK_WAIT_SECONDS, 10, 20, 40, 80, 160, 300];
/// A lease outlives its holder by at most this; shorter than the accept's wait, so that a task
/// handed out again after a crash finds the lease free.
pub const LEASE_TTL_SECONDS: u64 = 7;
/// Bodies above this size travel by reference.
pub const MAX_INLINE_BODY_BYTES: usize = 256 * 1024;
/// Messages of runs' logs are kept far longer than what travels by reference, so larger ones stay whole: up to this,
/// which a broker takes by default.
pub const MAX_INLINE_LOG_BYTES: usize = 900 * 1024;
/// The largest body at all.
pub const MAX_BODY_BYTES: usize = 32 * 1024 * 1024;
/// How long readers of finished facts rest between two fetches.
pub const GATHER_MS: u64 = 25;
/// How many services may hand the same work on.
pub const MAX_HOPS: u32 = 16;

/// A stream of the catalogue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum StreamName {
    /// Accepted tasks, until they are finished.
    Tasks,
    /// Between the stages; stored lazily, because the accept's ack token guards the work.
    Stage,
    /// The finished fact of each task.
    Results,
    /// All other facts.
    Facts,
    /// The logs of runs, and what comes to them from outside.
    Runs,
    /// Events of teams, for whoever listens when they come.
    Events,
    /// Tasks that wait for their time, and those whose time has come.
    Timers,
    /// Tasks that wait for a batch at their provider, and what is known of these batches.
    Batches,
    /// Deliveries asked for and admitted.
    Deliveries,
    /// Messages that were given up, and the broker's own notices about such.
    Dead,
}

/// How long a stream keeps messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retention {
    /// Until acknowledged.
    WorkQueue,
    /// Until a limit is reached.
    Limits,
}

/// How soon a stream's messages are on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Storage {
    /// As the broker is configured: before the publish is acknowledged with `sync_interval: always`.
    Synced,
    /// Some time after. A single broker forgets streams in memory when it restarts, even that they
    /// exist, so what may be lost is on disk too, without waiting for it.
    Lazy,
}

/// What a stream is.
#[derive(Clone, Copy, Debug)]
pub struct StreamSpec {
    /// Which.
    pub name: StreamName,
    /// What it holds, for people.
    pub holds: &'static str,
    /// How long messages stay.
    pub retention: Retention,
    /// How soon messages are on disk.
    pub storage: Storage,
    /// Messages older than this go, in seconds; 0 keeps them.
    pub max_age_seconds: u64,
    /// Most bytes in all.
    pub max_bytes: i64,
    /// Most messages per subject; -1 for no limit.
    pub max_messages_per_subject: i64,
    /// A full stream refuses new messages instead of dropping old ones.
    pub refuse_when_full: bool,
    /// Duplicates are recognised within this time, in seconds.
    pub duplicate_window_seconds: u64,
    /// Single messages can be read without a consumer.
    pub direct: bool,
}

const MIB: i64 = 1024 * 1024;
const DAY: u64 = 24 * 3600;

/// Every stream.
pub const STREAMS: &[StreamSpec] = &[
    StreamSpec {
        name: StreamName::Tasks,
        holds: "accepted tasks, until they are finished",
        retention: Retention::WorkQueue,
        storage: Storage::Synced,
        max_age_seconds: 0,
        max_bytes: 2048 * MIB,
        max_messages_per_subject: 100_000,
        refuse_when_full: true,
        duplicate_window_seconds: 600,
        direct: false,
    },
    StreamSpec {
        name: StreamName::Stage,
        holds: "tasks between the stages",
        retention: Retention::Limits,
        storage: Storage::Lazy,
        max_age_seconds: 60,
        max_bytes: 256 * MIB,
        max_messages_per_subject: -1,
        refuse_when_full: false,
        duplicate_window_seconds: 10,
        direct: false,
    },
    StreamSpec {
        name: StreamName::Results,
        holds: "the finished fact of each task, one a task",
        retention: Retention::Limits,
        storage: Storage::Synced,
        max_age_seconds: DAY,
        max_bytes: 4096 * MIB,
        max_messages_per_subject: 1,
        refuse_when_full: false,
        duplicate_window_seconds: 120,
        direct: true,
    },
    StreamSpec {
        name: StreamName::Facts,
        holds: "failed attempts, deliveries and other facts",
        retention: Retention::Limits,
        storage: Storage::Synced,
        max_age_seconds: 7 * DAY,
        max_bytes: 2048 * MIB,
        max_messages_per_subject: -1,
        refuse_when_full: false,
        duplicate_window_seconds: 120,
        direct: false,
    },
    StreamSpec {
        name: StreamName::Runs,
        holds: "the logs of runs, and what comes to them from outside",
        retention: Retention::Limits,
        storage: Storage::Synced,
        max_age_seconds: 90 * DAY,
        max_bytes: 4096 * MIB,
        max_messages_per_subject: -1,
        // A run goes on only by what is stored, so nothing of it may be dropped.
        refuse_when_full: true,
        duplicate_window_seconds: 120,
        direct: true,
    },
    StreamSpec {
        name: StreamName::Events,
        holds: "events of teams, for runs that listen and programs that read them",
        retention: Retention::Limits,
        storage: Storage::Synced,
        max_age_seconds: 7 * DAY,
        max_bytes: 1024 * MIB,
        max_messages_per_subject: -1,
        refuse_when_full: false,
        duplicate_window_seconds: 600,
        direct: true,
    },
    StreamSpec {
        name: StreamName::Timers,
        holds: "tasks that wait until a model has room, timers of runs and batches, and those whose time has come, until they are done",
        retention: Retention::WorkQueue,
        storage: Storage::Synced,
        max_age_seconds: 0,
        // The broker allows schedules only in streams that drop the oldest when full; this one is never
        // full, and what waits is bounded by the broker's storage, which refuses.
        max_bytes: -1,
        max_messages_per_subject: -1,
        refuse_when_full: false,
        duplicate_window_seconds: 600,
        direct: false,
    },
    StreamSpec {
        name: StreamName::Batches,
        holds: "tasks that wait for a batch at their provider, until they are finished, and what is known of these batches",
        retention: Retention::Limits,
        storage: Storage::Synced,
        max_age_seconds: 0,
        max_bytes: 2048 * MIB,
        max_messages_per_subject: 1,
        // Whoever finds it full calls the model in the ordinary way.
        refuse_when_full: true,
        duplicate_window_seconds: 120,
        direct: true,
    },
    StreamSpec {
        name: StreamName::Deliveries,
        holds: "deliveries asked for and admitted, until they are made",
        retention: Retention::WorkQueue,
        storage: Storage::Synced,
        max_age_seconds: 0,
        max_bytes: 1024 * MIB,
        max_messages_per_subject: -1,
        refuse_when_full: true,
        duplicate_window_seconds: 600,
        direct: false,
    },
    StreamSpec {
        name: StreamName::Dead,
        holds: "messages that were given up",
        retention: Retention::Limits,
        storage: Storage::Synced,
        max_age_seconds: 30 * DAY,
        max_bytes: 512 * MIB,
        max_messages_per_subject: -1,
        refuse_when_full: false,
        duplicate_window_seconds: 120,
        direct: false,
    },
];

impl StreamName {
    /// As it stands in the broker's stream name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Tasks => "TASKS",
            Self::Stage => "STAGE",
            Self::Results => "RESULTS",
            Self::Facts => "FACTS",
            Self::Runs => "RUNS",
            Self::Events => "EVENTS",
            Self::Timers => "TIMERS",
            Self::Batches => "BATCHES",
            Self::Deliveries => "DELIVERIES",
            Self::Dead => "DEAD",
        }
    }
}

impl StreamName {
    /// Whether its messages may be published by the broker at a later time.
    #[must_use]
    pub const fn has_schedules(self) -> bool {
        matches!(self, Self::Timers)
    }
}

/// How the handler's outcome reaches the broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AckPolicy {
    /// The message's ack token travels with the work; whoever finishes the work acks.
    Travels,
    /// The broker takes the message as handled when it hands it out: the travelling token of the
    /// accept guards the work.
    Guarded,
    /// The handler's outcome acks, delays or gives up.
    Explicit,
}

/// A durable consumer, shared by all replicas of its service.
#[derive(Clone, Copy, Debug)]
pub struct ConsumerSpec {
    /// Its name on the broker.
    pub name: &'static str,
    /// Whose it is.
    pub service: Service,
    /// The stream it reads.
    pub stream: StreamName,
    /// What it reads: a message's pattern, some of its parameters filled in.
    pub filter: &'static str,
    /// How messages are acknowledged.
    pub ack: AckPolicy,
    /// Without a sign of life for this long a message is handed out again.
    pub ack_wait_seconds: u64,
    /// After this many deliveries a message that keeps crashing its handler is moved to `DEAD`.
    pub max_deliver: i64,
    /// Most messages handed out and not acknowledged, over all replicas.
    pub max_ack_pending: i64,
    /// What came while its reader rested this long is fetched together, in milliseconds; 0 hands
    /// each message out at once. A rest spares the broker and the reader a wake-up per message
    /// where nobody waits for the effect.
    pub gather_ms: u64,
}

const fn consumer(name: &'static str, service: Service, stream: StreamName, filter: &'static str) -> ConsumerSpec {
    ConsumerSpec {
        name,
        service,
        stream,
        filter,
        ack: AckPolicy::Explicit,
        ack_wait_seconds: 30,
        max_deliver: -1,
        max_ack_pending: 4_096,
        gather_ms: 0,
    }
}

/// Reads every finished fact, after the caller has its answer.
const fn finished(name: &'static str, service: Service) -> ConsumerSpec {
    let filter = "task.finished.v1.<team>.<origin>.<task>";
    ConsumerSpec { gather_ms: GATHER_MS, ..consumer(name, service, StreamName::Results, filter) }
}

const fn guarded(name: &'static str, service: Service, filter: &'static str) -> ConsumerSpec {
    ConsumerSpec { ack: AckPolicy::Guarded, ..consumer(name, service, StreamName::Stage, filter) }
}

/// Accepted tasks. Their deliveries also count every wait for a stage that was down, so the limit
/// is far beyond what a crashing handler needs to be recognised.
pub const GOVERNANCE_SUBMITTED: ConsumerSpec = ConsumerSpec {
    ack: AckPolicy::Travels,
    ack_wait_seconds: ACCEPT_ACK_WAIT_SECONDS,
    max_deliver: 32,
    max_ack_pending: 2_048,
    ..consumer("governance-submitted", Service::Governance, StreamName::Tasks, "task.submitted.v1.<team>.<origin?>")
};
/// Parked tasks whose time has come: accepted tasks again.
pub const GOVERNANCE_RESUMED: ConsumerSpec = ConsumerSpec {
    name: "governance-resumed",
    stream: StreamName::Timers,
    filter: "task.resumed.v1.<team>.<origin>.<task>",
    ..GOVERNANCE_SUBMITTED
};
/// Finished tasks, to settle holds.
pub const GOVERNANCE_FINISHED: ConsumerSpec = finished("governance-finished", Service::Governance);
/// Deliveries to admit.
pub const GOVERNANCE_DELIVERY: ConsumerSpec = ConsumerSpec {
    max_deliver: 10,
    ..consumer("governance-delivery", Service::Governance, StreamName::Deliveries, "delivery.requested.v1.<team>")
};
/// Urgent tasks to route.
pub const ROUTER_REALTIME: ConsumerSpec = guarded("router-realtime", Service::Router, "task.admitted.v1.realtime");
/// Other tasks to route.
pub const ROUTER_BATCH: ConsumerSpec = guarded("router-batch", Service::Router, "task.admitted.v1.batch");
/// Finished tasks, to learn from.
pub const ROUTER_FINISHED: ConsumerSpec = finished("router-finished", Service::Router);
/// Failed attempts, to learn from.
pub const ROUTER_FAILED: ConsumerSpec =
    consumer("router-failed", Service::Router, StreamName::Facts, "attempt.failed.v1.<model>");
/// Feedback about answers, to learn from.
pub const ROUTER_FEEDBACK: ConsumerSpec =
    consumer("router-feedback", Service::Router, StreamName::Facts, "feedback.given.v1.<team>");
/// Urgent tasks for models on the internet.
pub const EXECUTOR_EXTERNAL_REALTIME: ConsumerSpec =
    guarded("executor-external-realtime", Service::Executor, "task.routed.v1.external.realtime");
/// Other tasks for models on the internet.
pub const EXECUTOR_EXTERNAL_BATCH: ConsumerSpec =
    guarded("executor-external-batch", Service::Executor, "task.routed.v1.external.batch");
/// Urgent tasks for models in the organisation's cloud.
pub const EXECUTOR_PRIVATE_REALTIME: ConsumerSpec =
    guarded("executor-private-realtime", Service::Executor, "task.routed.v1.private.realtime");
/// Other tasks for models in the organisation's cloud.
pub const EXECUTOR_PRIVATE_BATCH: ConsumerSpec =
    guarded("executor-private-batch", Service::Executor, "task.routed.v1.private.batch");
/// Urgent tasks for models on the premises.
pub const EXECUTOR_ONPREM_REALTIME: ConsumerSpec =
    guarded("executor-onprem-realtime", Service::Executor, "task.routed.v1.onprem.realtime");
/// Other tasks for models on the premises.
pub const EXECUTOR_ONPREM_BATCH: ConsumerSpec =
    guarded("executor-onprem-batch", Service::Executor, "task.routed.v1.onprem.batch");
/// What a run is told, or told by: handed out again soon when its executor has died.
const fn of_runs(name: &'static str, stream: StreamName, filter: &'static str) -> ConsumerSpec {
    ConsumerSpec { ack_wait_seconds: ACCEPT_ACK_WAIT_SECONDS, ..consumer(name, Service::Executor, stream, filter) }
}

/// Runs to begin.
pub const EXECUTOR_RUN_SUBMITTED: ConsumerSpec =
    of_runs("executor-run-submitted", StreamName::Tasks, "run.submitted.v1.<team>.<origin?>");
/// Signals, wishes and answers of calls.
pub const EXECUTOR_RUN_INPUT: ConsumerSpec =
    of_runs("executor-run-input", StreamName::Runs, "run.input.v1.<team>.<run>.<id>");
/// Events of teams, for runs that listen.
pub const EXECUTOR_EVENT: ConsumerSpec = of_runs("executor-event", StreamName::Events, "event.v1.<team>");
/// Timers of runs whose time has come.
pub const EXECUTOR_RUN_FIRED: ConsumerSpec =
    of_runs("executor-run-fired", StreamName::Timers, "run.fired.v1.<team>.<run>.<timer>");
/// Calls of runs to make.
pub const EXECUTOR_RUN_CALL: ConsumerSpec =
    of_runs("executor-run-call", StreamName::Tasks, "run.call.v1.<team>.<run>.<instance>");
/// Finished tasks that were steps of runs.
pub const EXECUTOR_RUN_FINISHED: ConsumerSpec =
    of_runs("executor-run-finished", StreamName::Results, "task.finished.v1.<team>.run.<task>");
/// Deliveries that ended, of which some were steps of runs.
pub const EXECUTOR_DELIVERY_FINISHED: ConsumerSpec =
    of_runs("executor-delivery-finished", StreamName::Facts, "delivery.finished.v1.<channel>");
/// Collections of tasks for batches in the internet that are to be looked at.
pub const EXECUTOR_EXTERNAL_BATCHES: ConsumerSpec =
    of_batches("executor-external-batches", "batch.due.v1.external.<collection>.<timer>");
/// The same in the organisation's cloud.
pub const EXECUTOR_PRIVATE_BATCHES: ConsumerSpec =
    of_batches("executor-private-batches", "batch.due.v1.private.<collection>.<timer>");
/// The same on the premises.
pub const EXECUTOR_ONPREM_BATCHES: ConsumerSpec =
    of_batches("executor-onprem-batches", "batch.due.v1.onprem.<collection>.<timer>");

/// Handed out again soon when its executor has died.
const fn of_batches(name: &'static str, filter: &'static str) -> ConsumerSpec {
    ConsumerSpec {
        ack_wait_seconds: ACCEPT_ACK_WAIT_SECONDS,
        ..consumer(name, Service::Executor, StreamName::Timers, filter)
    }
}

/// Finished tasks, for the ledger.
pub const METERING_FINISHED: ConsumerSpec = finished("metering-finished", Service::Metering);
/// Failed attempts, for the ledger.
pub const METERING_FAILED: ConsumerSpec = ConsumerSpec {
    gather_ms: GATHER_MS,
    ..consumer("metering-failed", Service::Metering, StreamName::Facts, "attempt.failed.v1.<model>")
};
/// Tries to deliver, for the ledger.
pub const METERING_DELIVERY_ATTEMPTED: ConsumerSpec = ConsumerSpec {
    gather_ms: GATHER_MS,
    ..consumer("metering-delivery-attempted", Service::Metering, StreamName::Facts, "delivery.attempted.v1.<channel>")
};
/// Deliveries that ended, for the ledger.
pub const METERING_DELIVERY_FINISHED: ConsumerSpec = ConsumerSpec {
    gather_ms: GATHER_MS,
    ..consumer("metering-delivery-finished", Service::Metering, StreamName::Facts, "delivery.finished.v1.<channel>")
};
/// Feedback about answers, for the ledger.
pub const METERING_FEEDBACK: ConsumerSpec = ConsumerSpec {
    gather_ms: GATHER_MS,
    ..consumer("metering-feedback", Service::Metering, StreamName::Facts, "feedback.given.v1.<team>")
};
/// Runs that are in another state, to be searched.
pub const METERING_RUN_CHANGED: ConsumerSpec = ConsumerSpec {
    gather_ms: GATHER_MS,
    ..consumer("metering-run-changed", Service::Metering, StreamName::Facts, "run.changed.v1.<team>")
};
/// Runs that have ended, to be searched.
pub const METERING_RUN_FINISHED: ConsumerSpec = ConsumerSpec {
    gather_ms: GATHER_MS,
    ..consumer("metering-run-finished", Service::Metering, StreamName::Results, "run.finished.v1.<team>.<run>")
};
/// Finished tasks, to request their deliveries.
pub const NOTIFIER_FINISHED: ConsumerSpec = finished("notifier-finished", Service::Notifier);
/// Webhooks to send.
pub const NOTIFIER_WEBHOOK: ConsumerSpec = ConsumerSpec {
    max_deliver: 12,
    ..consumer("notifier-webhook", Service::Notifier, StreamName::Deliveries, "delivery.admitted.v1.webhook")
};
/// E-mails to send.
pub const NOTIFIER_EMAIL: ConsumerSpec = ConsumerSpec {
    max_deliver: 12,
    ..consumer("notifier-email", Service::Notifier, StreamName::Deliveries, "delivery.admitted.v1.email")
};

/// Every consumer.
pub const CONSUMERS: &[ConsumerSpec] = &[
    GOVERNANCE_SUBMITTED,
    GOVERNANCE_RESUMED,
    GOVERNANCE_FINISHED,
    GOVERNANCE_DELIVERY,
    ROUTER_REALTIME,
    ROUTER_BATCH,
    ROUTER_FINISHED,
    ROUTER_FAILED,
    ROUTER_FEEDBACK,
    EXECUTOR_EXTERNAL_REALTIME,
    EXECUTOR_EXTERNAL_BATCH,
    EXECUTOR_PRIVATE_REALTIME,
    EXECUTOR_PRIVATE_BATCH,
    EXECUTOR_ONPREM_REALTIME,
    EXECUTOR_ONPREM_BATCH,
    EXECUTOR_RUN_SUBMITTED,
    EXECUTOR_RUN_INPUT,
    EXECUTOR_EVENT,
    EXECUTOR_RUN_FIRED,
    EXECUTOR_RUN_CALL,
    EXECUTOR_RUN_FINISHED,
    EXECUTOR_DELIVERY_FINISHED,
    EXECUTOR_EXTERNAL_BATCHES,
    EXECUTOR_PRIVATE_BATCHES,
    EXECUTOR_ONPREM_BATCHES,
    METERING_FINISHED,
    METERING_FAILED,
    METERING_DELIVERY_ATTEMPTED,
    METERING_DELIVERY_FINISHED,
    METERING_FEEDBACK,
    METERING_RUN_CHANGED,
    METERING_RUN_FINISHED,
    NOTIFIER_FINISHED,
    NOTIFIER_WEBHOOK,
    NOTIFIER_EMAIL,
];

/// Bucket of resources.
pub const CONFIG_BUCKET: &str = "CONFIG";
/// Bucket of leases.
pub const LEASE_BUCKET: &str = "LEASE";
/// Bucket of what replicas share and change one after the other: how much of a model is in use.
pub const SHARED_BUCKET: &str = "SHARED";
/// Bucket of calls that were begun, for whoever goes on with a task after a crash.
pub const STARTED_BUCKET: &str = "STARTED";
/// A note of a call that was begun is kept for so long: over two more deliveries of its task at least.
pub const STARTED_SECONDS: u64 = 300;
/// Bucket of which runs listen to which types of events.
pub const LISTENS_BUCKET: &str = "LISTENS";
/// Bucket of what starts and admits runs: who has a place under a limit and who waits for one, and how far schedules
/// are. It is stored before it counts, and refuses when it is full.
pub const STARTS_BUCKET: &str = "STARTS";
/// Object store of large bodies.
pub const PAYLOADS_STORE: &str = "PAYLOADS";
/// Object store of the large bodies of what the stream of runs holds. They are kept a day longer than that.
pub const RUN_PAYLOADS_STORE: &str = "RUN_PAYLOADS";
