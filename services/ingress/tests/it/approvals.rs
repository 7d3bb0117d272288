//! Approvals: by a link without a key, and by a key.

use crate::support::{PATIENCE, SUPPORT, World, connect, read};
use futures::StreamExt as _;
use neptune_bus::Bus;
use neptune_contracts::{
    approval::{ApprovalLink, LinkSigner},
    ids::{DeliveryId, RunId},
    names::Service,
    query::run::{RunQuery, RunView},
    run::input::{RunInput, RunWish},
};
use neptune_runtime::Shutdown;
use neptune_testkit::wait_until;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};

const SECRET: &str = "a secret of links that is long enough";
const FAR: i64 = 4_000_000_000;

/// An ingress beside an executor that answers with one run, whose step 3 asks.
struct Asking {
    world: World,
    run: RunId,
    view: Arc<Mutex<Value>>,
    executor: Bus,
    stop: Shutdown,
}

impl Drop for Asking {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Asking {
    async fn start() -> Self {
        let world = World::start_with(&[("NEPTUNE_APPROVAL_SECRET", SECRET)]).await;
        let run = RunId::mint();
        let step = json!({"instance": 3, "level": 1, "name": "may", "state": "running", "asks": "Send <it>?",
            "started_at": "2026-11-26T10:00:00Z", "cost_usd": "0"});
        let view = json!({"id": run, "team": "support", "workflow": "support/triage:1.0.0", "state": "running",
            "cost_usd": "0", "submitted_at": "2026-11-26T10:00:00Z", "steps": [step]});
        let view = Arc::new(Mutex::new(view));
        let executor = connect(&world.nats, &world.namespace, Service::Executor).await;
        let (stop, told, serving) = (Shutdown::new(), view.clone(), executor.clone());
        let until = stop.clone();
        tokio::spawn(async move {
            let answer = move |_: RunQuery| {
                let view: RunView = serde_json::from_value(told.lock().unwrap().clone()).unwrap();
                async move { Ok(view) }
            };
            serving.serve(&until, answer).await.unwrap();
        });
        let asking = Self { world, run, view, executor, stop };
        let known = || async { asking.executor.request(&RunQuery { id: run, team: None }).await.is_ok() };
        wait_until("runs are answered", PATIENCE, known).await;
        asking
    }

    fn path(&self, expires_at_seconds: i64) -> String {
        let link = ApprovalLink {
            team: "support".parse().unwrap(),
            run: self.run,
            instance: 3,
            delivery: DeliveryId::mint(),
            expires_at_seconds,
            to: Some("ann@example.com".into()),
        };
        format!("/v1/approvals/{}", LinkSigner::new(SECRET).unwrap().sign(&link))
    }

    async fn page(&self, path: &str) -> (u16, String) {
        let answer = self.world.ingress.get(path).send().await.unwrap();
        assert_eq!(answer.headers()["cache-control"], "no-store");
        (answer.status().as_u16(), answer.text().await.unwrap())
    }

    async fn decide(&self, path: &str, form: &str) -> (u16, String) {
        let request = self.world.ingress.http.post(format!("{}{path}", self.world.ingress.url));
        let request = request.header("content-type", "application/x-www-form-urlencoded").body(form.to_owned());
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_shows_what_is_asked_and_its_form_alone_decides_once() {
    let asking = Asking::start().await;
    let mut inputs = asking.executor.listen::<RunInput>().await.unwrap();
    let path = asking.path(FAR);
    for _ in 0..3 {
        let (status, page) = asking.page(&path).await;
        assert!(status == 200 && page.contains("Send &lt;it&gt;?") && page.contains("<form"), "{page}");
    }
    let (status, page) = asking.decide(&path, "decision=approve&by=").await;
    assert!(status == 400 && page.contains("write your name") && page.contains("<form"), "{page}");
    let (status, page) = asking.decide(&path, "decision=approve&by=Ann+%26+Bob&comment=fine").await;
    assert!(status == 200 && page.contains("approved by Ann &amp; Bob: fine"), "{page}");
    // Another link of the same step, from a second delivery, comes too late.
    let (status, _) = asking.decide(&asking.path(FAR), "decision=refuse&by=Eve").await;
    assert_eq!(status, 409);
    let input = tokio::time::timeout(PATIENCE, inputs.next()).await.unwrap().unwrap();
    let RunWish::Signal { event } = input.what else { panic!("{:?}", input.what) };
    assert_eq!((input.run, input.team.as_str(), &event["type"]), (asking.run, "support", &json!("neptune.approval")));
    assert_eq!((&event["data"]["approved"], &event["data"]["by"]), (&json!(true), &json!("Ann & Bob")));
    assert_eq!(event["data"]["via"]["to"], "ann@example.com");
    let answered = json!([{"instance": 3, "level": 1, "name": "may", "state": "done", "started_at": "2026-11-26T10:00:00Z",
        "cost_usd": "0", "note": {"approval": {"approved": true, "by": "Ann & Bob"}}}]);
    asking.view.lock().unwrap()["steps"] = answered;
    let (status, page) = asking.page(&path).await;
    assert!(status == 200 && page.contains("This was approved by Ann &amp; Bob.") && !page.contains("<form"), "{page}");
    assert_eq!(asking.decide(&path, "decision=refuse&by=Eve").await.0, 409);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_that_is_none_or_has_expired_shows_nothing_of_the_run() {
    let asking = Asking::start().await;
    let path = asking.path(FAR);
    let forged = format!("{}x", path.trim_end_matches(|last: char| last.is_ascii_alphanumeric()));
    for (path, wanted) in [(asking.path(1), 410), (forged, 404), ("/v1/approvals/x.y".to_owned(), 404)] {
        let (status, page) = asking.page(&path).await;
        assert!(status == wanted && !page.contains("Send"), "{page}");
        assert_eq!(asking.decide(&path, "decision=approve&by=ann").await.0, wanted);
    }
    let other = World::start().await;
    assert_eq!(other.ingress.get(&path).send().await.unwrap().status(), 404, "no secret, no links");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_approval_that_nobody_asks_for_is_refused_and_a_key_is_who_answers_where_nobody_is_named() {
    let asking = Asking::start().await;
    let mut inputs = asking.executor.listen::<RunInput>().await.unwrap();
    let place = format!("/v1/runs/{}/signals", asking.run);
    let signal = |data: Value| json!({"type": "neptune.approval", "data": data});
    let send = async |data: Value| read(asking.world.post(&place, SUPPORT, &signal(data))).await;
    let (status, problem) = send(json!({"approved": true, "step": "other"})).await;
    assert!(status == 409 && problem["detail"].as_str().unwrap().contains("may (3)"), "{problem}");
    assert_eq!(send(json!({"approved": true})).await.0, 202);
    let input = tokio::time::timeout(PATIENCE, inputs.next()).await.unwrap().unwrap();
    let RunWish::Signal { event } = input.what else { panic!("{:?}", input.what) };
    assert_eq!(event["data"]["by"], format!("key {SUPPORT}"));
    assert_eq!(event["data"]["via"], json!({"key": SUPPORT}));
    asking.view.lock().unwrap()["steps"] = json!([]);
    let (status, problem) = send(json!({"approved": true})).await;
    assert_eq!((status, &problem["code"]), (409, &json!("no_such_approval")));
    // An event for a step that will listen is kept all the same.
    let (status, _) = read(asking.world.post(&place, SUPPORT, &json!({"type": "ticket.closed"}))).await;
    assert_eq!(status, 202);
}
