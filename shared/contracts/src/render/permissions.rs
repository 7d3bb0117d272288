//! The broker's users and what each may publish and subscribe to, as an nats-server configuration
//! block. Nothing is allowed that the catalogue does not ask for.

use crate::{
    Message as _,
    catalogue::CATALOGUE,
    delivery::DeliveryRequested,
    event::EventPublished,
    feedback::FeedbackGiven,
    names::{Origin, Service, Zone},
    query::{QUERIES, Query as _, SpendQuery, TaskQuery, run::RunQuery},
    run::RunSubmitted,
    signal::{SIGNALS, STREAM_CHUNK, TASK_CANCEL},
    subject::Namespace,
    task::TaskSubmitted,
    topology::{
        AckPolicy, CONFIG_BUCKET, CONSUMERS, ConsumerSpec, GOVERNANCE_FINISHED, LEASE_BUCKET, LISTENS_BUCKET,
        METERING_FINISHED, PAYLOADS_STORE, SHARED_BUCKET, STARTED_BUCKET, StreamName,
    },
};
use std::{collections::BTreeSet, fmt::Write as _};

/// The services that have a user of their own.
const SERVICES: &[Service] =
    &[Service::Ingress, Service::Governance, Service::Router, Service::Executor, Service::Metering, Service::Notifier];

/// What a user may do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Permissions {
    /// Subjects it may publish on.
    pub publish: BTreeSet<String>,
    /// Subjects it may subscribe to.
    pub subscribe: BTreeSet<String>,
    /// Subjects it never hears, whatever it subscribes to.
    pub unheard: BTreeSet<String>,
}

/// Teams whose own programs speak on the bus: each has a broker user in `deploy/nats/users.conf`.
/// Over HTTP a team needs none.
pub const CLIENT_TEAMS: &[&str] = &["support"];

/// The `authorization` block with every service, the operator, an executor of each zone alone, and one client
/// user per team.
/// Passwords are references to variables of the broker's environment.
#[must_use]
pub fn nats_users(namespace: &Namespace, teams: &[&str]) -> String {
    let mut block = String::from(
        "# Generated from the message catalogue by `make schemas`. Do not edit.\nauthorization {\n  users = [\n",
    );
    block.push_str("    { user: operator, password: $NEPTUNE_NATS_PASSWORD_OPERATOR }\n");
    for service in SERVICES {
        user(&mut block, service.as_str(), &of_service(namespace, *service));
    }
    for zone in Zone::ALL {
        user(&mut block, &format!("executor-{zone}"), &of_executor(namespace, *zone));
    }
    for team in teams {
        user(&mut block, &format!("client-{team}"), &of_client(namespace, team));
    }
    block.push_str("  ]\n}\n");
    block
}

/// What a service's user may do.
#[must_use]
pub fn of_service(namespace: &Namespace, service: Service) -> Permissions {
    let mut permissions = Permissions::default();
    let publish = &mut permissions.publish;
    for signal in SIGNALS {
        if signal.producers.contains(&service) {
            publish.insert(namespace.wildcard(signal.subject));
        }
        if signal.consumers.contains(&service) {
            permissions.subscribe.insert(namespace.wildcard(signal.subject));
        }
    }
    publish.extend(CATALOGUE.iter().filter(|entry| entry.producers.contains(&service)).map(|entry| match service {
        // It submits copies of tasks and judgements of their answers, and nothing else.
        Service::Router if entry.subject == TaskSubmitted::SUBJECT => {
            namespace.subject(entry.subject, &["*", Origin::Shadow.as_str()])
        }
        _ => namespace.wildcard(entry.subject),
    }));
    for consumer in CONSUMERS.iter().filter(|consumer| consumer.service == service) {
        consuming(publish, namespace, consumer);
    }
    // The accept's token travels through these; whoever holds it shows signs of life and acks.
    if matches!(service, Service::Governance | Service::Router | Service::Executor) {
        // A task that had ended before is answered with the fact that is stored.
        publish.insert(format!("$JS.API.DIRECT.GET.{}.>", namespace.resource(StreamName::Results.as_str())));
        publish.insert(format!("$JS.ACK.{}.governance-submitted.>", namespace.resource(StreamName::Tasks.as_str())));
        publish.insert(format!("$JS.ACK.{}.governance-resumed.>", namespace.resource(StreamName::Timers.as_str())));
        publish.insert("_INBOX.>".into());
        publish.insert(format!("{namespace}.reply.>"));
    }
    following_resources(publish, namespace);
    large_bodies(publish, namespace);
    let results = namespace.resource(StreamName::Results.as_str());
    match service {
        Service::Executor => {
            executing(publish, namespace);
            publish.extend(driving_runs(namespace));
        }
        Service::Governance => publish.extend(filling_budgets(namespace)),
        Service::Metering => {
            publish.insert("_INBOX_governance.>".into());
            publish.insert("_INBOX_router.>".into());
        }
        Service::Router => {
            // Statistics that Redis lost are rebuilt from the stored facts. What feedback is about may
            // have left its stream; the ledger has it.
            for stream in [StreamName::Results, StreamName::Facts] {
                reading_again(publish, &namespace.resource(stream.as_str()));
            }
            publish.insert(namespace.wildcard(TaskQuery::SUBJECT));
        }
        Service::Ingress => {
            publish.insert(format!("$JS.API.DIRECT.GET.{results}.>"));
            // Whether a task without a result is under way: begun, or waiting on a timer.
            publish.insert(format!("$JS.API.DIRECT.GET.KV_{}.>", namespace.resource(STARTED_BUCKET)));
            let timers = namespace.resource(StreamName::Timers.as_str());
            publish.insert(format!("$JS.API.STREAM.MSG.GET.{timers}"));
            publish.extend(QUERIES.iter().map(|query| namespace.wildcard(query.subject)));
            permissions.subscribe.insert(format!("{namespace}.reply.ingress.>"));
        }
        _ => {}
    }
    // Pongs and answers of the micro-service protocol go to whoever asked.
    permissions.publish.insert("_INBOX_operator.>".into());
    permissions.publish.insert("_INBOX_ingress.>".into());
    permissions.subscribe.insert(format!("_INBOX_{service}.>"));
    permissions.subscribe.insert("$SRV.>".into());
    permissions
        .subscribe
        .extend(QUERIES.iter().filter(|query| query.service == service).map(|query| namespace.wildcard(query.subject)));
    if service == Service::Router {
        permissions.subscribe.insert(namespace.wildcard(crate::attempt::AttemptFailed::SUBJECT));
    }
    permissions
}

/// Budgets that Redis lost are filled from the ledger, once it has what was settled.
fn filling_budgets(namespace: &Namespace) -> impl Iterator<Item = String> {
    let results = namespace.resource(StreamName::Results.as_str());
    let readers = [GOVERNANCE_FINISHED, METERING_FINISHED];
    let look = move |consumer: ConsumerSpec| format!("$JS.API.CONSUMER.INFO.{results}.{}", consumer.name);
    std::iter::once(namespace.wildcard(SpendQuery::SUBJECT)).chain(readers.map(look))
}

/// What the user of an executor may do that serves one zone alone: it is handed out no work of another.
#[must_use]
pub fn of_executor(namespace: &Namespace, zone: Zone) -> Permissions {
    let mut permissions = of_service(namespace, Service::Executor);
    // Runs are driven by executors of all zones alone.
    let of_runs: BTreeSet<String> = driving_runs(namespace).collect();
    permissions.publish.retain(|subject| !of_runs.contains(subject));
    permissions.subscribe.remove(&namespace.wildcard(RunQuery::SUBJECT));
    let own = [format!("executor-{zone}-realtime"), format!("executor-{zone}-batch")];
    let of_executors = CONSUMERS.iter().filter(|consumer| consumer.service == Service::Executor);
    for consumer in of_executors.filter(|consumer| own.iter().all(|own| own != consumer.name)) {
        let mut theirs = BTreeSet::new();
        consuming(&mut theirs, namespace, consumer);
        permissions.publish.retain(|subject| !theirs.contains(subject));
    }
    permissions
}

/// What a team's own programs may do: submit as the team, ask for deliveries, hear their answers.
#[must_use]
pub fn of_client(namespace: &Namespace, team: &str) -> Permissions {
    let mut permissions = Permissions::default();
    permissions.publish.insert(namespace.subject(TaskSubmitted::SUBJECT, &[team]));
    permissions.publish.insert(namespace.subject(RunSubmitted::SUBJECT, &[team]));
    permissions.publish.insert(namespace.subject(DeliveryRequested::SUBJECT, &[team]));
    permissions.publish.insert(namespace.subject(FeedbackGiven::SUBJECT, &[team]));
    // It may put large bodies aside and see that they are there. It may not read them back, because
    // the store holds other teams' bodies too.
    let bucket = namespace.resource(PAYLOADS_STORE);
    permissions.publish.insert(format!("$O.{bucket}.>"));
    permissions.publish.insert(format!("$JS.API.STREAM.INFO.OBJ_{bucket}"));
    permissions.publish.insert(format!("$JS.API.DIRECT.GET.OBJ_{bucket}.$O.{bucket}.M.>"));
    permissions.subscribe.insert(format!("_INBOX.{team}.>"));
    permissions.subscribe.insert(format!("{namespace}.reply.{team}.>"));
    permissions.subscribe.insert(format!("{namespace}.task.finished.v1.{team}.>"));
    permissions.subscribe.insert(format!("{namespace}.run.finished.v1.{team}.*"));
    permissions.publish.insert(namespace.subject(EventPublished::SUBJECT, &[team]));
    permissions.subscribe.insert(namespace.subject(EventPublished::SUBJECT, &[team]));
    permissions.subscribe.insert(namespace.subject(STREAM_CHUNK.subject, &[team]));
    permissions.publish.insert(namespace.subject(TASK_CANCEL.subject, &[team]));
    // Copies are compared by the operator, judgements are learnt from; nobody who asked hears of them.
    permissions.unheard.insert(format!("{namespace}.task.finished.v1.{team}.{}.>", Origin::Shadow));
    permissions
}

fn consuming(publish: &mut BTreeSet<String>, namespace: &Namespace, consumer: &ConsumerSpec) {
    let stream = namespace.resource(consumer.stream.as_str());
    publish.insert(format!("$JS.API.CONSUMER.MSG.NEXT.{stream}.{}", consumer.name));
    if consumer.ack == AckPolicy::Explicit {
        publish.insert(format!("$JS.ACK.{stream}.{}.>", consumer.name));
    }
    if consumer.max_deliver > 0 {
        // The mover of exhausted messages reads the broker's notices and takes the message out.
        let dead = namespace.resource(StreamName::Dead.as_str());
        publish.insert(format!("$JS.API.CONSUMER.MSG.NEXT.{dead}.{}-exhausted", consumer.name));
        publish.insert(format!("$JS.ACK.{dead}.{}-exhausted.>", consumer.name));
        publish.insert(format!("$JS.API.STREAM.INFO.{stream}"));
        publish.insert(format!("$JS.API.STREAM.MSG.GET.{stream}"));
        publish.insert(format!("$JS.API.STREAM.MSG.DELETE.{stream}"));
    }
}

/// Leases, notes of calls that were begun, and what is used of models' limits.
fn executing(publish: &mut BTreeSet<String>, namespace: &Namespace) {
    publish.insert(format!("$KV.{}.>", namespace.resource(LEASE_BUCKET)));
    // A lease is given up when a task goes on to another zone.
    publish.insert(format!("$JS.API.STREAM.MSG.DELETE.KV_{}", namespace.resource(LEASE_BUCKET)));
    // And looked for when a renewal was stored and the broker did not say so in time.
    publish.insert(format!("$JS.API.DIRECT.GET.KV_{}.>", namespace.resource(LEASE_BUCKET)));
    for bucket in [SHARED_BUCKET, STARTED_BUCKET].map(|bucket| namespace.resource(bucket)) {
        publish.insert(format!("$KV.{bucket}.>"));
        publish.insert(format!("$JS.API.DIRECT.GET.KV_{bucket}.>"));
    }
}

/// Driving runs: reading their logs again, clearing their timers, noting who listens, and what only runs ask for.
fn driving_runs(namespace: &Namespace) -> impl Iterator<Item = String> {
    let (runs, timers) =
        (namespace.resource(StreamName::Runs.as_str()), namespace.resource(StreamName::Timers.as_str()));
    let listens = namespace.resource(LISTENS_BUCKET);
    let noting = [
        format!("$KV.{listens}.>"),
        format!("$JS.API.STREAM.INFO.KV_{listens}"),
        format!("$JS.API.STREAM.PURGE.KV_{listens}"),
    ];
    let asked = CATALOGUE.iter().filter(|entry| {
        let is_of_runs = entry.subject.starts_with("run.");
        let is_asked_by_runs =
            [DeliveryRequested::SUBJECT, FeedbackGiven::SUBJECT, EventPublished::SUBJECT].contains(&entry.subject);
        (is_of_runs || is_asked_by_runs) && entry.producers.contains(&Service::Executor)
    });
    let asked: Vec<String> = asked.map(|entry| namespace.wildcard(entry.subject)).collect();
    let reading = [format!("$JS.API.DIRECT.GET.{runs}"), format!("$JS.API.DIRECT.GET.{runs}.>")];
    // Of a run that has ended only its own are cleared; the broker knows no finer permission.
    reading.into_iter().chain([format!("$JS.API.STREAM.PURGE.{timers}")]).chain(noting).chain(asked)
}

fn following_resources(publish: &mut BTreeSet<String>, namespace: &Namespace) {
    let stream = format!("KV_{}", namespace.resource(CONFIG_BUCKET));
    publish.insert(format!("$JS.API.STREAM.INFO.{stream}"));
    // Consumers without a name of their own are created on the bare subject.
    publish.insert(format!("$JS.API.CONSUMER.CREATE.{stream}"));
    publish.insert(format!("$JS.API.CONSUMER.CREATE.{stream}.>"));
    publish.insert(format!("$JS.API.CONSUMER.DELETE.{stream}.>"));
    publish.insert(format!("$JS.API.CONSUMER.INFO.{stream}.>"));
    publish.insert(format!("$JS.FC.{stream}.>"));
}

/// Reading a stream again by a passing consumer of one's own.
fn reading_again(publish: &mut BTreeSet<String>, stream: &str) {
    publish.insert(format!("$JS.API.STREAM.INFO.{stream}"));
    publish.insert(format!("$JS.API.CONSUMER.CREATE.{stream}"));
    publish.insert(format!("$JS.API.CONSUMER.CREATE.{stream}.>"));
    publish.insert(format!("$JS.API.CONSUMER.DELETE.{stream}.>"));
    publish.insert(format!("$JS.API.CONSUMER.MSG.NEXT.{stream}.>"));
}

/// Reading and writing bodies that travel by reference. Their names are SHA-256 sums of their
/// content, so they cannot be guessed without knowing what is in them.
fn large_bodies(publish: &mut BTreeSet<String>, namespace: &Namespace) {
    let bucket = namespace.resource(PAYLOADS_STORE);
    let stream = format!("OBJ_{bucket}");
    publish.insert(format!("$O.{bucket}.>"));
    publish.insert(format!("$JS.API.STREAM.INFO.{stream}"));
    publish.insert(format!("$JS.API.DIRECT.GET.{stream}.>"));
    publish.insert(format!("$JS.API.STREAM.MSG.GET.{stream}"));
    // Consumers without a name of their own are created on the bare subject.
    publish.insert(format!("$JS.API.CONSUMER.CREATE.{stream}"));
    publish.insert(format!("$JS.API.CONSUMER.CREATE.{stream}.>"));
    publish.insert(format!("$JS.API.CONSUMER.DELETE.{stream}.>"));
    publish.insert(format!("$JS.FC.{stream}.>"));
}

fn user(block: &mut String, name: &str, permissions: &Permissions) {
    let variable = name.to_ascii_uppercase().replace('-', "_");
    let list = |subjects: &BTreeSet<String>| {
        subjects.iter().map(|subject| format!("          {subject:?}\n")).collect::<String>()
    };
    let subscribe = if permissions.unheard.is_empty() {
        format!("[\n{}        ]", list(&permissions.subscribe))
    } else {
        let (allowed, denied) = (list(&permissions.subscribe), list(&permissions.unheard));
        format!("{{\n        allow = [\n{allowed}        ]\n        deny = [\n{denied}        ]\n        }}")
    };
    // Writing to a string cannot fail.
    let _written = write!(
        block,
        "    {{\n      user: {name}, password: $NEPTUNE_NATS_PASSWORD_{variable}\n      permissions {{\n        publish = [\n{}        ]\n        subscribe = {subscribe}\n      }}\n    }}\n",
        list(&permissions.publish),
    );
}
