//! Starting without a broker, losing it, and stopping.

use crate::support::{Ingress, PATIENCE, Rest, SUPPORT, World, chat, header, read, set_up};
use neptune_testkit::{Nats, wait_until};
use reqwest::StatusCode;

const COMPLETIONS: &str = "/v1/chat/completions";

#[tokio::test(flavor = "multi_thread")]
async fn it_is_alive_before_the_broker_and_ready_with_it() {
    let mut nats = Nats::start().await;
    let namespace = neptune_testkit::namespace();
    set_up(&nats, &namespace).await;
    nats.kill().await;
    let ingress = Ingress::launch(&nats, &namespace, &[], false).await;
    let (status, problem) = read(ingress.get("/readyz")).await;
    assert_eq!((status, problem["code"].as_str()), (503, Some("starting")));
    let answer = ingress.post(COMPLETIONS, SUPPORT).json(&chat("hi")).send().await.unwrap();
    assert_eq!((answer.status(), header(&answer, "retry-after")), (StatusCode::SERVICE_UNAVAILABLE, "1".into()));
    assert_eq!(ingress.get("/openapi.json").send().await.unwrap().status(), 200);
    nats.restart().await;
    let rest = Rest::start(&nats, &namespace).await;
    let ready = || async { ingress.get("/readyz").send().await.unwrap().status() == 200 };
    wait_until("the ingress is ready", PATIENCE, ready).await;
    assert_eq!(read(ingress.post(COMPLETIONS, SUPPORT).json(&chat("hi"))).await.0, 200);
    assert_eq!(rest.seen(), 1);
    nats.kill().await;
    let lost = || async { ingress.get("/readyz").send().await.unwrap().status() == 503 };
    wait_until("the loss is noticed", PATIENCE, lost).await;
    assert_eq!(ingress.get("/healthz").send().await.unwrap().status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_before_the_broker_is_there_is_obeyed() {
    let mut nats = Nats::start().await;
    nats.kill().await;
    let ingress = Ingress::launch(&nats, &neptune_testkit::namespace(), &[], false).await;
    ingress.stop().await;
}

/// Sends a request that is held, and waits until it is.
async fn held(world: &World) -> tokio::task::JoinHandle<reqwest::Response> {
    let request = world.post(COMPLETIONS, SUPPORT, &chat("hold")).send();
    let waiting = tokio::spawn(async { request.await.unwrap() });
    wait_until("the task is taken", PATIENCE, || async { world.rest.seen() == 1 }).await;
    waiting
}

#[tokio::test(flavor = "multi_thread")]
async fn an_open_request_is_finished_after_a_stop_was_asked_for() {
    let mut world = World::start().await;
    let waiting = held(&world).await;
    world.ingress.shutdown.cancel();
    let closed = || async { world.ingress.get("/healthz").send().await.is_err() };
    wait_until("nobody new is let in", PATIENCE, closed).await;
    world.rest.let_go.add_permits(1);
    assert_eq!(waiting.await.unwrap().status(), 200);
    tokio::time::timeout(PATIENCE, &mut world.ingress.running).await.unwrap().unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_outlasts_the_drain_is_told_where_its_result_will_be() {
    let mut world = World::start_with(&[("NEPTUNE_INGRESS_DRAIN_SECONDS", "0")]).await;
    let waiting = held(&world).await;
    world.ingress.shutdown.cancel();
    let answer = waiting.await.unwrap();
    assert_eq!((answer.status().as_u16(), header(&answer, "x-neptune-task-id").len()), (504, 36));
    tokio::time::timeout(PATIENCE, &mut world.ingress.running).await.unwrap().unwrap().unwrap();
    world.rest.let_go.add_permits(1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_around_a_broker_restart_is_not_lost() {
    let mut world = World::start().await;
    let waiting = held(&world).await;
    // The answer may be published before the inbox is open again; then the stored fact answers.
    world.nats.restart().await;
    world.rest.let_go.add_permits(1);
    let answer = tokio::time::timeout(PATIENCE, waiting).await.expect("an answer").unwrap();
    assert_eq!(answer.status(), 200);
}
