//! Streams and consumers of an installation that was set up before.

use async_nats::jetstream::{
    self,
    consumer::{AckPolicy, pull},
    stream,
};
use neptune_bus::{Bus, BusConfig, Cause, setup};
use neptune_contracts::{names::Origin, names::Service, topology::GOVERNANCE_SUBMITTED};
use neptune_testkit::Nats;

/// The stream of accepted tasks took `task.submitted.v1.<team>` only, and so did its consumer.
#[tokio::test(flavor = "multi_thread")]
async fn an_older_accept_stream_takes_the_doors_of_neptune_in() {
    let (mut nats, namespace) = (Nats::start().await, neptune_testkit::namespace());
    let context = jetstream::new(nats.client().await);
    let (name, subject) = (namespace.resource("TASKS"), namespace.subject("task.submitted.v1.<team>", &["*"]));
    let stream = stream::Config {
        name: name.clone(),
        subjects: vec![subject.clone()],
        retention: stream::RetentionPolicy::WorkQueue,
        discard: stream::DiscardPolicy::New,
        discard_new_per_subject: true,
        max_messages_per_subject: 100_000,
        max_bytes: 2048 * 1024 * 1024,
        ..stream::Config::default()
    };
    context.create_stream(stream).await.unwrap();
    let consumer = pull::Config {
        durable_name: Some(GOVERNANCE_SUBMITTED.name.into()),
        filter_subject: subject,
        ack_policy: AckPolicy::Explicit,
        ..pull::Config::default()
    };
    context.create_consumer_on_stream(consumer, name.clone()).await.unwrap();
    nats.publish(&namespace.subject("task.submitted.v1.<team>", &["support"]), "{}".into()).await;
    // An upgrade meets a broker that read all this from its disk.
    nats.restart().await;

    let bus = Bus::connect(&BusConfig::open(nats.url(), namespace), Service::Operator).await.unwrap();
    setup::apply(&bus).await.unwrap();
    let mut task = crate::support::submitted("hello");
    task.origin = Origin::Api;
    assert_eq!(bus.publish(&task, &Cause::root()).await.unwrap().sequence, 2);
    assert_eq!(nats.stream_messages(&name).await, 2, "what was accepted before is kept");
}
