//! Several routers on one Redis that is killed, emptied, and comes back with older data, under load.

use crate::{
    signals::checked,
    support::{SOON, World, submitted, two_models},
};
use neptune_bus::{Bus, BusConfig, Cause};
use neptune_contracts::{ids::TaskId, names::Service};
use neptune_router::statistics::Store;
use neptune_testkit::wait_until;
use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::{task::JoinHandle, time::MissedTickBehavior};

/// Between two tasks of the load.
const EVERY: Duration = Duration::from_millis(7);
/// A router that waited for Redis would wait for [`SOON`].
const LONGEST_WAIT: Duration = Duration::from_secs(4);
/// A day's facts are read again, and what Redis did not take in is handed out again after five seconds.
const LATER: Duration = Duration::from_secs(60);

/// Tasks that come whether those before them are done or not, and are answered and checked.
struct Load {
    is_over: Arc<AtomicBool>,
    is_asked: Arc<AtomicBool>,
    asking: JoinHandle<usize>,
    answering: JoinHandle<Served>,
}

#[derive(Debug, Default)]
struct Served {
    tasks: usize,
    longest_wait: Duration,
    said_to_be_rebuilding: usize,
}

impl Load {
    async fn start(world: &World) -> Self {
        let client =
            Bus::connect(&BusConfig::open(world.nats.url(), world.namespace.clone()), Service::Client).await.unwrap();
        let (is_over, asked) = (Arc::new(AtomicBool::new(false)), Arc::<Mutex<HashMap<TaskId, Instant>>>::default());
        let asking = tokio::spawn(ask(client, asked.clone(), is_over.clone()));
        let (executor, routed) = (world.executor.clone(), world.routed.clone());
        let is_asked = Arc::new(AtomicBool::new(false));
        let all_asked = is_asked.clone();
        let answering = tokio::spawn(async move {
            let (mut served, mut ended) = (Served::default(), Vec::new());
            loop {
                let is_done = all_asked.load(Ordering::Relaxed) && asked.lock().unwrap().is_empty();
                if is_done {
                    break;
                }
                let next = tokio::time::timeout(Duration::from_millis(100), routed.lock().await.recv()).await;
                let Ok(Some(arrived)) = next else { continue };
                let Some(at) = asked.lock().unwrap().remove(&arrived.routed.task.id) else { continue };
                served.longest_wait = served.longest_wait.max(at.elapsed());
                let learning = arrived.routed.plan.explanation.learning.as_ref();
                served.said_to_be_rebuilding += usize::from(learning.is_some_and(|learning| learning.rebuilding));
                let attempts = vec![checked(arrived.first(), served.tasks % 10 != 9)];
                served.tasks += 1;
                let executor = executor.clone();
                ended.push(tokio::spawn(async move { arrived.end(&executor, attempts).await }));
            }
            for end in ended {
                end.await.unwrap();
            }
            served
        });
        Self { is_over, is_asked, asking, answering }
    }

    /// Ends when every task was served.
    async fn end(self) -> Served {
        self.is_over.store(true, Ordering::Relaxed);
        let asked = self.asking.await.unwrap();
        self.is_asked.store(true, Ordering::Relaxed);
        let served = tokio::time::timeout(LATER, self.answering).await.expect("a task got no plan").unwrap();
        assert_eq!(served.tasks, asked);
        served
    }
}

async fn ask(client: Bus, asked: Arc<Mutex<HashMap<TaskId, Instant>>>, is_over: Arc<AtomicBool>) -> usize {
    let mut ticks = tokio::time::interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut count = 0;
    while !is_over.load(Ordering::Relaxed) {
        ticks.tick().await;
        let task = submitted("What is a router?");
        asked.lock().unwrap().insert(task.id.unwrap(), Instant::now());
        client.publish(&task, &Cause::root()).await.unwrap();
        count += 1;
    }
    count
}

/// How many answers are counted; each task has one that was checked.
async fn counted(store: &Store) -> f64 {
    let counts = store.read_checks().await.unwrap_or_default();
    counts.get("*").map_or(0.0, |checks| checks.passed + checks.refused)
}

async fn becomes_whole(store: &Store, tasks: usize) {
    let tasks = f64::from(u32::try_from(tasks).unwrap());
    wait_until("every task is counted, once", LATER, async || {
        store.is_whole().await.unwrap_or(false) && (counted(store).await - tasks).abs() < 1e-9
    })
    .await;
}

async fn three_routers() -> World {
    let world = World::start(&two_models()).await;
    world.start_router().await;
    world.start_router().await;
    world
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_is_killed_and_emptied_under_load_holds_no_task_up_and_has_each_counted_once_in_the_end() {
    let mut world = three_routers().await;
    let store = world.store();
    wait_until("it is whole", SOON, async || store.is_whole().await.unwrap_or(false)).await;
    let load = Load::start(&world).await;
    let pause = async || tokio::time::sleep(Duration::from_millis(1_200)).await;
    pause().await;
    world.redis.kill().await;
    pause().await;
    // It is back, and knows nothing.
    world.redis.restart().await;
    pause().await;
    wait_until("it is empty", SOON, async || {
        redis::cmd("FLUSHALL").query_async::<()>(&mut store.connection()).await.is_ok()
    })
    .await;
    pause().await;
    let served = load.end().await;
    assert!(served.longest_wait < LONGEST_WAIT, "{served:?}");
    assert!(served.said_to_be_rebuilding > 0 && served.said_to_be_rebuilding < served.tasks, "{served:?}");
    becomes_whole(&store, served.tasks).await;
    // And it stays so.
    tokio::time::sleep(Duration::from_secs(6)).await;
    becomes_whole(&store, served.tasks).await;
}

async fn serve(world: &World, tasks: usize) {
    for _ in 0..tasks {
        let arrived = world.ask("What is a router?").await;
        let attempts = vec![checked(arrived.first(), true)];
        world.finish(arrived, attempts).await;
    }
}

async fn keep_a_copy(store: &Store) {
    redis::cmd("SAVE").query_async::<()>(&mut store.connection()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_comes_back_with_older_data_is_seen_through() {
    let mut world = three_routers().await;
    let store = world.store();
    serve(&world, 20).await;
    becomes_whole(&store, 20).await;
    keep_a_copy(&store).await;
    serve(&world, 15).await;
    becomes_whole(&store, 35).await;
    // While the routers run, which know better.
    world.redis.restart().await;
    becomes_whole(&store, 35).await;
    // And while none does: it says that it is whole, and is not believed.
    world.kill_routers().await;
    world.redis.restart().await;
    wait_until("it answers", SOON, async || store.run().await.is_ok()).await;
    assert!((counted(&store).await - 20.0).abs() < 1e-9, "{}", counted(&store).await);
    let is_marked: bool = redis::cmd("EXISTS")
        .arg(format!("{{{}}}:r:built", world.namespace.as_str()))
        .query_async(&mut store.connection())
        .await
        .unwrap();
    assert!(is_marked && !store.is_whole().await.unwrap());
    world.start_router().await;
    becomes_whole(&store, 35).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_router_learnt_all_of_them_go_by() {
    let world = three_routers().await;
    for _ in 0..15 {
        let arrived = world.ask("What is a router?").await;
        world.finish(arrived, vec![checked("a/first", false), checked("b/second", true)]).await;
    }
    wait_until("the other one is preferred", SOON, async || world.favourite().await == "b/second").await;
    // Each reads four times a second.
    tokio::time::sleep(Duration::from_millis(600)).await;
    let mut asked = HashSet::new();
    for _ in 0..60 {
        asked.insert(world.submit(&submitted("What is a router?")).await);
    }
    let mut routed = world.routed.lock().await;
    while !asked.is_empty() {
        let arrived = tokio::time::timeout(SOON, routed.recv()).await.expect("no plan").unwrap();
        if asked.remove(&arrived.routed.task.id) {
            assert_eq!(arrived.first(), "b/second");
        }
    }
}
