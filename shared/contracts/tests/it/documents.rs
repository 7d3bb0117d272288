//! Generated documents are fresh. `UPDATE_SCHEMAS=1` rewrites them.

use neptune_contracts::{
    catalogue::CATALOGUE,
    names::{Service, Zone},
    render::{
        asyncapi::{asyncapi, schema_name},
        flow::flow,
        permissions::{CLIENT_TEAMS, nats_users, of_client, of_executor, of_service},
    },
    resource::{BudgetSpec, ChannelSpec, KeySpec, Manifest, ModelSpec, RouteSpec, TeamSpec, WorkflowSpec},
    subject::Namespace,
    topology::{CONSUMERS, STREAMS},
};
use std::{fs, path::PathBuf};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn fresh(path: &str, wanted: &str) {
    let file = root().join(path);
    if std::env::var_os("UPDATE_SCHEMAS").is_some() {
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, wanted).unwrap();
    }
    let found = fs::read_to_string(&file).unwrap_or_default();
    assert!(found == wanted, "{path} is stale; run `make schemas`");
}

fn namespace() -> Namespace {
    "neptune".parse().unwrap()
}

#[test]
fn schemas_are_fresh() {
    for entry in CATALOGUE {
        let schema = serde_json::to_string_pretty(&(entry.schema)()).unwrap() + "\n";
        fresh(&format!("schemas/{}.json", schema_name(entry.subject)), &schema);
    }
}

#[test]
fn resource_schemas_are_fresh() {
    let settings = || schemars::generate::SchemaSettings::draft2020_12().into_generator();
    for (name, schema) in [
        ("manifest", settings().into_root_schema_for::<Manifest>()),
        ("team", settings().into_root_schema_for::<TeamSpec>()),
        ("key", settings().into_root_schema_for::<KeySpec>()),
        ("model", settings().into_root_schema_for::<ModelSpec>()),
        ("route", settings().into_root_schema_for::<RouteSpec>()),
        ("budget", settings().into_root_schema_for::<BudgetSpec>()),
        ("channel", settings().into_root_schema_for::<ChannelSpec>()),
        ("workflow", settings().into_root_schema_for::<WorkflowSpec>()),
    ] {
        fresh(&format!("schemas/resources/{name}.json"), &(serde_json::to_string_pretty(&schema).unwrap() + "\n"));
    }
}

#[test]
fn pages_are_fresh() {
    fresh("schemas/FLOW.md", &flow());
    fresh("schemas/asyncapi.yaml", &asyncapi());
    fresh("deploy/nats/users.conf", &nats_users(&namespace(), CLIENT_TEAMS));
}

#[test]
fn every_consumer_reads_a_message_of_its_stream_that_its_service_may_read() {
    for consumer in CONSUMERS {
        let subject = namespace().wildcard(consumer.filter);
        let entry = CATALOGUE.iter().find(|entry| namespace().parameters(entry.subject, &subject).is_some());
        let entry = entry.unwrap_or_else(|| panic!("{} reads no message", consumer.name));
        assert_eq!(entry.stream, consumer.stream, "{}", consumer.name);
        assert!(entry.consumers.contains(&consumer.service), "{}", consumer.name);
    }
}

#[test]
fn every_message_has_a_stream_and_no_two_subjects_overlap() {
    for (index, entry) in CATALOGUE.iter().enumerate() {
        assert!(STREAMS.iter().any(|stream| stream.name == entry.stream), "{}", entry.name);
        for other in &CATALOGUE[index + 1..] {
            assert_ne!(schema_name(entry.subject), schema_name(other.subject));
        }
    }
}

#[test]
fn only_governance_admits_and_no_service_may_touch_streams_it_does_not_work_on() {
    let admitted = namespace().wildcard("task.admitted.v1.<lane>");
    for service in [Service::Ingress, Service::Router, Service::Executor, Service::Metering, Service::Notifier] {
        let permissions = of_service(&namespace(), service);
        assert!(!permissions.publish.contains(&admitted), "{service}");
        assert!(
            !permissions.publish.contains(">")
                && !permissions.publish.iter().any(|subject| subject.starts_with("$JS.API.STREAM.DELETE"))
        );
    }
    let client = of_client(&namespace(), "support");
    assert!(client.publish.contains("neptune.task.submitted.v1.support"));
    let submits: Vec<&String> = client.publish.iter().filter(|subject| subject.contains("task.submitted")).collect();
    assert_eq!(submits, ["neptune.task.submitted.v1.support"], "neither another team's nor with an origin");
    assert!(!client.subscribe.iter().any(|subject| subject == "_INBOX.>"));
    let reads_bodies = |subject: &String| subject.contains("CONSUMER.CREATE") || subject.contains("MSG.GET");
    assert!(!client.publish.iter().any(reads_bodies), "large bodies of other teams stay unread");
}

#[test]
fn an_executor_of_one_zone_is_handed_out_no_work_of_another() {
    for zone in Zone::ALL {
        let permissions = of_executor(&namespace(), *zone);
        let asked: Vec<&String> =
            permissions.publish.iter().filter(|subject| subject.contains("CONSUMER.MSG.NEXT")).collect();
        let stage = "$JS.API.CONSUMER.MSG.NEXT.NEPTUNE_STAGE";
        assert_eq!(asked, [&format!("{stage}.executor-{zone}-batch"), &format!("{stage}.executor-{zone}-realtime")]);
        let all = of_service(&namespace(), Service::Executor);
        let taken: Vec<&String> = all.publish.difference(&permissions.publish).collect();
        let is_of_runs = |subject: &&&String| {
            ["run-", ".run.", "_RUNS", "PURGE", "delivery", "feedback", "event", "_LISTENS"]
                .iter()
                .any(|part| subject.contains(part))
        };
        let of_zones: Vec<&&String> = taken.iter().filter(|subject| !is_of_runs(subject)).collect();
        assert_eq!(of_zones.len(), 4, "nothing else is taken: {of_zones:?}");
        assert!(!permissions.publish.iter().any(|subject| subject.contains(".run.") || subject.contains("_RUNS")));
    }
}
