//! Kills under runs of workflows: services and the broker die (-9) in turn and are started again at once, and every run
//! ends all the same, each of its steps recorded once.

use crate::{resources::manifest, stack::Stack};
use futures::{StreamExt as _, stream};
use neptune_bus::Bus;
use neptune_contracts::{
    ids::RunId,
    query::run::RunView,
    resource::Manifest,
    run::{
        finished::{RunFinished, RunOutcome},
        log::RunLogged,
    },
};
use neptune_testkit::wait_until;
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::sync::RwLock;

/// Steps of a run.
pub const STEPS: usize = 20;
/// The second executor.
pub const SECOND: &str = "executor.second";
/// The broker.
pub const BROKER: &str = "nats";
/// The broker and an executor in the same moment: what the broker forgets then, nobody else knows.
pub const BOTH: &str = "executor and nats";
/// Longer than everything that is handed out again takes.
const LONG: Duration = Duration::from_secs(240);

/// A storm of kills.
pub struct Storm {
    /// Runs that go through it.
    pub runs: usize,
    /// Between two of them.
    pub run_pause: Duration,
    /// Who is killed, in turn.
    pub victims: &'static [&'static str],
    /// Between two kills.
    pub kill_pause: Duration,
    /// Kills at most; there are none after the last run has ended.
    pub kills: usize,
}

/// What came of it.
pub struct Survived {
    /// Kills by victim.
    pub kills: BTreeMap<&'static str, usize>,
    /// Calls that models were asked to make, by their own account.
    pub calls: u64,
    /// Calls that would have been enough.
    pub wanted: u64,
    /// From the first submit to the last end.
    pub took: Duration,
}

/// A workflow of model steps, one after the other but for a fork in their midst.
#[must_use]
pub fn workflow() -> Manifest {
    let step = |number: usize| {
        let with = json!({"task": "chat", "input": format!("What is pump {number}?")});
        json!({format!("s{number}"): {"call": "model:1.0.0@default", "with": with}})
    };
    let branches: Vec<Value> = (5..10).map(step).collect();
    let fork = json!({"fork": {"fork": {"branches": branches}}});
    let tasks: Vec<Value> = (0..5).map(step).chain([fork]).chain((10..STEPS).map(step)).collect();
    let head = json!({"dsl": "1.0.3", "namespace": "test", "name": "long", "version": "1.0.0"});
    manifest("Workflow", "test/long:1.0.0", json!({"document": {"document": head, "do": tasks}}))
}

/// Submits a run again and again until it is accepted, as a client does. Its key makes a repeat the same run.
///
/// # Panics
/// It is not accepted for long.
pub async fn submit(stack: &RwLock<Stack>, key: &str) -> RunId {
    for _ in 0..600 {
        // Whoever kills must not wait for the answer.
        let request = stack.read().await.post("/v1/runs").header("idempotency-key", key);
        let sent = request.json(&json!({"workflow": "test/long"})).timeout(Duration::from_secs(10)).send().await;
        if let Ok(answer) = sent
            && answer.status().is_success()
            && let Ok(answer) = answer.json::<Value>().await
        {
            return answer["id"].as_str().unwrap().parse().unwrap();
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    panic!("the run {key} is not accepted");
}

/// Lets runs go through a storm.
///
/// # Panics
/// A run does not end, or not well; a step is recorded twice or not at all; a run costs something else than its steps;
/// there are other runs.
pub async fn storm(stack: &Arc<RwLock<Stack>>, storm: &Storm) -> Survived {
    let (begun, before) = (Instant::now(), calls(&*stack.read().await).await);
    let is_over = Arc::new(AtomicBool::new(false));
    let killing = tokio::spawn(kill(stack.clone(), (storm.victims, storm.kill_pause, storm.kills), is_over.clone()));
    let paced = stream::iter(0..storm.runs).then(|number| async move {
        tokio::time::sleep(storm.run_pause).await;
        number
    });
    let key = begun.elapsed().as_nanos();
    let submitting = paced.map(|number| {
        let stack = stack.clone();
        async move { submit(&stack, &format!("storm-{key}-{number}")).await }
    });
    let ids: Vec<RunId> = submitting.buffer_unordered(32).collect().await;
    let bus = stack.read().await.bus.clone();
    let mut facts = Vec::new();
    for id in &ids {
        facts.push(ended(&bus, *id).await);
    }
    let took = begun.elapsed();
    is_over.store(true, Ordering::SeqCst);
    let kills = killing.await.unwrap();
    let stack = stack.read().await;
    stack.ready().await;
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), storm.runs, "each key is a run of its own");
    for fact in &facts {
        assert_eq!((fact.outcome, fact.turn), (RunOutcome::Completed, 1), "{fact:?}");
        check(&stack, fact).await;
    }
    let wanted = (storm.runs * STEPS) as u64;
    Survived { kills, calls: calls(&stack).await - before, wanted, took }
}

/// Calls that models were asked to make so far.
async fn calls(stack: &Stack) -> u64 {
    stack.account().await["total"]["calls"].as_u64().unwrap()
}

async fn kill(
    stack: Arc<RwLock<Stack>>,
    (victims, pause, most): (&'static [&'static str], Duration, usize),
    is_over: Arc<AtomicBool>,
) -> BTreeMap<&'static str, usize> {
    let mut kills = BTreeMap::new();
    for victim in victims.iter().cycle().take(most) {
        tokio::time::sleep(pause).await;
        if is_over.load(Ordering::SeqCst) {
            break;
        }
        let mut stack = stack.write().await;
        match *victim {
            BROKER => stack.nats.restart().await,
            BOTH => {
                stack.kill("executor");
                stack.nats.restart().await;
                stack.restart("executor");
            }
            service => {
                stack.kill(service);
                stack.restart(service);
            }
        }
        *kills.entry(*victim).or_default() += 1;
    }
    kills
}

async fn ended(bus: &Bus, id: RunId) -> RunFinished {
    let team = "support".parse().unwrap();
    let ended = || async { bus.run_result(&team, id).await.is_ok_and(|end| end.is_some()) };
    wait_until(&format!("run {id} ends"), LONG, ended).await;
    for _ in 0..100 {
        // The broker may be killed right now.
        if let Ok(Some(fact)) = bus.run_result(&team, id).await {
            return fact;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("the end of run {id} cannot be read");
}

/// Each step of a run is recorded once, and the run costs what its steps cost.
async fn check(stack: &Stack, fact: &RunFinished) {
    let view: RunView = stack.get(&format!("/v1/runs/{}", fact.id)).send().await.unwrap().json().await.unwrap();
    for number in 0..STEPS {
        let name = format!("s{number}");
        let found: Vec<_> = view.steps.iter().filter(|step| step.name == name).collect();
        assert_eq!((found.len(), found[0].state.as_str()), (1, "done"), "{name} of {}", fact.id);
    }
    let steps: i64 = view.steps.iter().map(|step| step.cost_usd.0).sum();
    assert_eq!((view.cost_usd.0, fact.cost_usd.0), (steps, steps), "{}", fact.id);
}

/// Kills one executor of two for good while so many runs go on, and returns how long after that each of them went on,
/// the longest last.
///
/// # Panics
/// A run does not go on.
pub async fn recovery(stack: &Arc<RwLock<Stack>>, (round, runs): (usize, usize)) -> Vec<Duration> {
    let bus = stack.read().await.bus.clone();
    let appended: Arc<Mutex<Vec<(RunId, Instant)>>> = Arc::default();
    let (mut logs, noted) = (bus.listen::<RunLogged>().await.unwrap(), appended.clone());
    let listening = tokio::spawn(async move {
        while let Some(logged) = logs.next().await {
            noted.lock().unwrap().push((logged.run, Instant::now()));
        }
    });
    let submitting = stream::iter(0..runs).map(|number| {
        let stack = stack.clone();
        async move { submit(&stack, &format!("recovery-{round}-{number}")).await }
    });
    let ids: Vec<RunId> = submitting.buffer_unordered(8).collect().await;
    let victim = ["executor", SECOND][round % 2];
    stack.write().await.kill(victim);
    let killed_at = Instant::now();
    let team = "support".parse().unwrap();
    let mut going = Vec::new();
    for id in ids {
        if !bus.run_result(&team, id).await.is_ok_and(|end| end.is_some()) {
            going.push(id);
        }
    }
    let next = |id: &RunId| {
        let appended = appended.lock().unwrap();
        appended.iter().find(|(run, at)| run == id && *at > killed_at).map(|(_, at)| *at - killed_at)
    };
    let mut times = Vec::new();
    for id in &going {
        // The last append of a run may have been made before the kill, and only its end is to come.
        let went_on =
            || async { next(id).is_some() || bus.run_result(&team, *id).await.is_ok_and(|end| end.is_some()) };
        wait_until(&format!("run {id} goes on"), Duration::from_secs(60), went_on).await;
        times.push(next(id).unwrap_or_else(|| killed_at.elapsed()));
    }
    times.sort_unstable();
    for id in going {
        ended(&bus, id).await;
    }
    stack.write().await.restart(victim);
    stack.read().await.ready().await;
    listening.abort();
    times
}
