//! What cannot be handled is kept whole, answered, and can be replayed.

use crate::support::{World, finished, settled, submitted};
use neptune_bus::{Bus, Cause, Incoming, Outcome, dead};
use neptune_contracts::{
    Timestamp,
    delivery::{Delivery, DeliveryContent, DeliveryRequested, DeliverySpec},
    finished::Outcome as TaskOutcome,
    ids::{DeliveryId, TaskId},
    names::{Channel, Service},
    task::TaskSubmitted,
    topology::{GOVERNANCE_DELIVERY, GOVERNANCE_SUBMITTED},
};
use neptune_runtime::Shutdown;
use neptune_testkit::wait_until;
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::Duration,
};

async fn letters(bus: &Bus) -> usize {
    dead::list(bus, 100).await.unwrap().len()
}

/// Lets governance take tasks, none of which is to reach it.
async fn take_nothing_unreadable(world: &World) -> Shutdown {
    let (governance, shutdown) = (world.bus(Service::Governance).await, Shutdown::new());
    let stop = shutdown.clone();
    tokio::spawn(async move {
        let never = |_: Incoming<TaskSubmitted>| async { panic!("an unreadable message must not reach the handler") };
        governance.consume(&GOVERNANCE_SUBMITTED, 4, &stop, never).await.unwrap();
    });
    shutdown
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unreadable_task_is_answered_kept_and_freed() {
    let world = World::start().await;
    let operator = world.bus(Service::Operator).await;
    let shutdown = take_nothing_unreadable(&world).await;
    let id = "0199f2aa-0000-7000-8000-000000000001";
    let subject = world.namespace.subject("task.submitted.v1.<team>", &["support"]);
    world.nats.publish(&subject, format!(r#"{{"id": "{id}", "input": 7}}"#).into()).await;
    let team = "support".parse().unwrap();
    let ended = || async { operator.result(&team, id.parse().unwrap()).await.unwrap().is_some() };
    wait_until("the sender gets an answer", Duration::from_secs(10), ended).await;
    let fact = operator.result(&team, id.parse().unwrap()).await.unwrap().unwrap();
    assert_eq!(fact.outcome, TaskOutcome::Rejected);
    assert!(fact.error.unwrap().message.contains("invalid type"));
    let letter = dead::list(&operator, 10).await.unwrap().remove(0).letter;
    assert_eq!((letter.team.as_str(), letter.subject.as_str()), ("support", subject.as_str()));
    let freed = || async { world.nats.stream_messages(&world.namespace.resource("TASKS")).await == 0 };
    wait_until("the stream is free of it", Duration::from_secs(5), freed).await;
    shutdown.cancel();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_empty_or_a_list_is_a_request_that_is_wrong() {
    let world = World::start().await;
    let operator = world.bus(Service::Operator).await;
    let shutdown = take_nothing_unreadable(&world).await;
    let subject = world.namespace.subject("task.submitted.v1.<team>", &["support"]);
    let team = "support".parse().unwrap();
    for (number, body, says) in [(1, "", "(body): empty, a JSON object is expected"), (3, "[]", "expected, not a list")]
    {
        world.nats.publish(&subject, body.into()).await;
        let id = TaskId::of_stored(&world.namespace.resource("TASKS"), number);
        let ended = || async { operator.result(&team, id).await.unwrap().is_some() };
        wait_until("the sender gets an answer", Duration::from_secs(10), ended).await;
        let fact = operator.result(&team, id).await.unwrap().unwrap();
        let error = fact.error.unwrap();
        assert_eq!((fact.outcome, error.code.as_str()), (TaskOutcome::Rejected, "invalid_request"), "{body:?}");
        assert!(error.message.contains(says) && error.message.contains("schemas/task.submitted.v1.json"), "{error:?}");
        assert_eq!(error.problems[0].field, "(body)");
        // Replayed, it is no task, and ends among the dead letters again.
        let letter = dead::list(&operator, 1).await.unwrap().remove(0);
        assert_eq!(dead::replay(&operator, letter.sequence).await.unwrap(), None);
        let anew =
            || async { dead::list(&operator, 1).await.unwrap().first().is_some_and(|l| l.sequence > letter.sequence) };
        wait_until("it is kept anew", Duration::from_secs(10), anew).await;
    }
    shutdown.cancel();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_crashes_its_handler_is_given_up_and_can_be_replayed() {
    let world = World::start().await;
    let shutdown = Shutdown::new();
    let operator = world.bus(Service::Operator).await;
    let governance = world.bus(Service::Governance).await;
    let mended = Arc::new(AtomicBool::new(false));
    let (bus, stop, is_mended) = (governance.clone(), shutdown.clone(), mended.clone());
    tokio::spawn(async move {
        let handler = move |incoming: Incoming<TaskSubmitted>| {
            let (bus, is_mended) = (bus.clone(), is_mended.clone());
            async move {
                assert!(is_mended.load(Ordering::SeqCst), "crash on purpose");
                let (accept, cause) = (incoming.accept().unwrap().clone(), incoming.cause());
                bus.finish(&finished(&settled(incoming.message)), &accept, &cause).await.unwrap();
                Outcome::HandedOn
            }
        };
        governance.consume(&GOVERNANCE_SUBMITTED, 4, &stop, handler).await.unwrap();
    });
    let task = submitted("poison");
    let (team, id) = (task.team.clone().unwrap(), task.id.unwrap());
    operator.publish(&task, &Cause::root()).await.unwrap();
    let kept = || async { letters(&operator).await == 1 };
    wait_until("it is kept as a dead letter", Duration::from_secs(60), kept).await;
    let fact = || async { operator.result(&team, id).await.unwrap().is_some() };
    wait_until("the task ends", Duration::from_secs(5), fact).await;
    assert_eq!(operator.result(&team, id).await.unwrap().unwrap().error.unwrap().code, "dead_letter");
    mended.store(true, Ordering::SeqCst);
    let sequence = dead::list(&operator, 1).await.unwrap()[0].sequence;
    let again = dead::replay(&operator, sequence).await.unwrap().expect("a task has an id");
    assert_ne!(again, id, "the ended task stays ended");
    let ended = || async { operator.result(&team, again).await.unwrap().is_some() };
    wait_until("the replayed task ends", Duration::from_secs(10), ended).await;
    assert_eq!(letters(&operator).await, 0, "a replayed letter is gone");
    shutdown.cancel();
}

#[tokio::test(flavor = "multi_thread")]
async fn rejected_messages_are_kept_and_retried_ones_come_again() {
    let world = World::start().await;
    let shutdown = Shutdown::new();
    let operator = world.bus(Service::Operator).await;
    let governance = world.bus(Service::Governance).await;
    let calls = Arc::new(AtomicU32::new(0));
    let (stop, count) = (shutdown.clone(), calls.clone());
    tokio::spawn(async move {
        let handler = move |_: Incoming<DeliveryRequested>| {
            let call = count.fetch_add(1, Ordering::SeqCst);
            async move {
                if call < 2 {
                    Outcome::Retry { after: Duration::from_millis(20) }
                } else {
                    Outcome::Reject { reason: "no".into() }
                }
            }
        };
        governance.consume(&GOVERNANCE_DELIVERY, 4, &stop, handler).await.unwrap();
    });
    let delivery = Delivery {
        id: DeliveryId::mint(),
        team: "support".parse().unwrap(),
        task: None,
        run: None,
        spec: DeliverySpec { channel: Channel::Webhook, to: "https://x.example".into(), subject: None },
        class: Default::default(),
        requested_at: Timestamp::now(),
        content: DeliveryContent { event: "t".into(), text: String::new(), data: serde_json::Value::Null },
    };
    operator.publish(&DeliveryRequested { delivery }, &Cause::root()).await.unwrap();
    let kept = || async { letters(&operator).await == 1 };
    wait_until("it is kept after two retries", Duration::from_secs(10), kept).await;
    assert_eq!(calls.load(Ordering::SeqCst), 3);
    let freed = || async { world.nats.stream_messages(&world.namespace.resource("DELIVERIES")).await == 0 };
    wait_until("the stream is free of it", Duration::from_secs(5), freed).await;
    shutdown.cancel();
}

/// Takes a message and gives it back at once, until the broker stops handing it out: what a
/// process that dies on the message does, without the waits.
async fn exhaust(world: &World, spec: &neptune_contracts::topology::ConsumerSpec) {
    use futures::StreamExt as _;
    let context = async_nats::jetstream::new(world.nats.client().await);
    let stream = context.get_stream(world.namespace.resource(spec.stream.as_str())).await.unwrap();
    let consumer: async_nats::jetstream::consumer::PullConsumer = stream.get_consumer(spec.name).await.unwrap();
    for _ in 0..spec.max_deliver {
        let mut batch = consumer.batch().max_messages(1).expires(Duration::from_secs(5)).messages().await.unwrap();
        let message = batch.next().await.expect("handed out again").unwrap();
        message.double_ack_with(async_nats::jetstream::AckKind::Nak(None)).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_kills_its_process_is_moved_and_its_task_ends() {
    let world = World::start().await;
    let shutdown = Shutdown::new();
    let operator = world.bus(Service::Operator).await;
    let task = submitted("kills the process");
    let (team, id) = (task.team.clone().unwrap(), task.id.unwrap());
    operator.publish(&task, &Cause::root()).await.unwrap();
    let stream = world.namespace.resource("TASKS");
    exhaust(&world, &GOVERNANCE_SUBMITTED).await;
    let governance = world.bus(Service::Governance).await;
    let stop = shutdown.clone();
    tokio::spawn(async move {
        let never = |_: Incoming<TaskSubmitted>| async { panic!("an exhausted message is not handed out") };
        governance.consume(&GOVERNANCE_SUBMITTED, 4, &stop, never).await.unwrap();
    });
    let dead = world.namespace.resource("DEAD");
    wait_until("the broker says so", Duration::from_secs(10), || async { world.nats.stream_messages(&dead).await > 0 })
        .await;
    let moved = || async { letters(&operator).await == 1 };
    wait_until("it is moved to the dead letters", Duration::from_secs(20), moved).await;
    let ended = || async { operator.result(&team, id).await.unwrap().is_some() };
    wait_until("its task ends", Duration::from_secs(5), ended).await;
    let freed = || async { world.nats.stream_messages(&stream).await == 0 };
    wait_until("the stream is free of it", Duration::from_secs(5), freed).await;
    shutdown.cancel();
}
