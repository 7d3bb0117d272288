//! `schemas/FLOW.md`: what flows where.

use crate::{
    catalogue::CATALOGUE,
    names::Service,
    query::QUERIES,
    signal::SIGNALS,
    topology::{AckPolicy, CONSUMERS, Retention, STREAMS, Storage},
};
use std::fmt::Write as _;

/// The document.
#[must_use]
pub fn flow() -> String {
    let mut page = String::from(
        "<!-- Generated from the message catalogue by `make schemas`. Do not edit. -->\n# What flows where\n\n\
         Every subject starts with the namespace (`neptune` unless configured). Parameters stand in `<>`;\none with a `?` may be left out.\n\n\
         ## Messages\n\n| Subject | Message | Stream | Published by | Read by |\n| --- | --- | --- | --- | --- |\n",
    );
    for entry in CATALOGUE {
        let schema = format!("[{}]({}.json)", entry.name, super::asyncapi::schema_name(entry.subject));
        row(
            &mut page,
            &[
                &code(entry.subject),
                &schema,
                entry.stream.as_str(),
                &services(entry.producers),
                &services(entry.consumers),
            ],
        );
    }
    page.push_str("\n## Signals\n\nOn core NATS, stored nowhere.\n\n| Subject | Carries | Published by | Heard by |\n| --- | --- | --- | --- |\n");
    for signal in SIGNALS {
        let (producers, consumers) = (services(signal.producers), services(signal.consumers));
        row(&mut page, &[&code(signal.subject), signal.carries, &producers, &consumers]);
    }
    page.push_str("\n## Streams\n\n| Stream | Holds | Kept | Storage | When full |\n| --- | --- | --- | --- | --- |\n");
    for stream in STREAMS {
        let kept = match (stream.retention, stream.max_age_seconds) {
            (Retention::WorkQueue, _) => "until acknowledged".to_owned(),
            (Retention::Limits, seconds) if seconds < 3_600 => format!("{seconds} s"),
            (Retention::Limits, seconds) => format!("{} h", seconds / 3_600),
        };
        let storage = if stream.storage == Storage::Lazy { "file, lazily" } else { "file" };
        let full = if stream.refuse_when_full { "refuses" } else { "drops the oldest" };
        row(&mut page, &[stream.name.as_str(), stream.holds, &kept, storage, full]);
    }
    page.push_str("\n## Consumers\n\n| Consumer | Stream | Reads | Acknowledged |\n| --- | --- | --- | --- |\n");
    for consumer in CONSUMERS {
        let acknowledged = match consumer.ack {
            AckPolicy::Travels => "by whoever finishes the task: the token travels",
            AckPolicy::Guarded => "when handed out: the task's accept guards it",
            AckPolicy::Explicit => "after the effects are durable",
        };
        row(&mut page, &[&code(consumer.name), consumer.stream.as_str(), &code(consumer.filter), acknowledged]);
    }
    page.push_str("\n## Queries\n\n| Subject | Answered by |\n| --- | --- |\n");
    for query in QUERIES {
        row(&mut page, &[&code(query.subject), query.service.as_str()]);
    }
    page
}

fn services(services: &[Service]) -> String {
    if services.is_empty() {
        return "the broker".into();
    }
    services.iter().map(|service| service.as_str()).collect::<Vec<_>>().join(", ")
}

fn code(text: &str) -> String {
    format!("`{text}`")
}

fn row(page: &mut String, cells: &[&str]) {
    // Writing to a string cannot fail.
    let _written = writeln!(page, "| {} |", cells.join(" | "));
}
