//! The script in Redis: each attempt once, by the rules of the domain.

use neptune_contracts::{
    Timestamp,
    attempt::ErrorClass,
    ids::AttemptId,
    limits::{RateLimits, RateWindow},
    names::TaskType,
};
use neptune_router::{
    domain::{
        circuit::{Circuit, Health},
        headroom::{Headroom, Heard},
        observe::{Answer, Observation, Streamed},
        statistics::SUCCESS_FADES_MS,
    },
    statistics::Store,
};
use neptune_testkit::Redis;
use proptest::{
    collection, option,
    prelude::{Strategy as _, any},
    test_runner::{Config, TestRunner},
};
use std::time::{Duration, Instant};

const START_MS: i64 = 1_800_000_000_000;

fn observation(at_ms: i64, health: Health) -> Observation {
    let answer = Answer {
        task_type: TaskType::Chat,
        latency_ms: 100,
        output_tokens: Some(10),
        input_tokens: (20, 80),
        streamed: None,
    };
    let answer = (health == Health::Answered).then_some(answer);
    Observation { attempt: AttemptId::mint(), model: "a/first".into(), at_ms, health, answer }
}

fn failure(pause_ms: Option<i64>) -> Health {
    Health::Failed { class: ErrorClass::Overload, pause_ms }
}

async fn store(redis: &Redis) -> Store {
    Store::open(&redis.url(), neptune_testkit::namespace().as_str(), crate::support::SOON).unwrap()
}

#[tokio::test]
async fn an_attempt_counts_once_whoever_reports_it() {
    let redis = Redis::start().await;
    let store = store(&redis).await;
    let (answered, failed) = (observation(START_MS, Health::Answered), observation(START_MS, failure(None)));
    assert_eq!(store.observe(&[answered.clone(), failed.clone(), failed.clone()]).await.unwrap(), 2);
    assert_eq!(store.observe(&[failed, answered]).await.unwrap(), 0);
    let statistics = store.read(START_MS).await.unwrap();
    let model = &statistics.models["a/first"];
    assert_eq!((model.successes, model.failures, model.counted_at_ms), (1.0, 1.0, START_MS));
    assert_eq!((model.by_type[&TaskType::Chat].answers, statistics.read_at_ms), (1.0, Some(START_MS)));
}

#[tokio::test]
async fn latencies_are_counted_once_and_old_ones_fade() {
    let redis = Redis::start().await;
    let store = store(&redis).await;
    let seen = |latency_ms: u64| {
        let mut seen = observation(START_MS, Health::Answered);
        seen.answer.as_mut().unwrap().latency_ms = latency_ms;
        seen
    };
    let quick: Vec<Observation> = (0..400).map(|_| seen(100)).collect();
    let slow: Vec<Observation> = (0..100).map(|_| seen(5_000)).collect();
    for _ in 0..2 {
        store.observe(&quick).await.unwrap();
        store.observe(&slow).await.unwrap();
    }
    let tail = store.read(START_MS).await.unwrap().models.remove("a/first").unwrap().tail;
    let near = |share: f64, ms: f64| tail.quantile_ms(share).is_some_and(|found| found >= ms && found < ms * 1.16);
    assert!(near(0.79, 100.0) && near(0.81, 5_000.0), "{tail:?}");
    // More than the histogram remembers, all of them slow.
    for _ in 0..10 {
        store.observe(&(0..400).map(|_| seen(5_000)).collect::<Vec<_>>()).await.unwrap();
    }
    let tail = store.read(START_MS).await.unwrap().models.remove("a/first").unwrap().tail;
    assert!(tail.quantile_ms(0.1).is_some_and(|found| found > 4_000.0), "{tail:?}");
}

#[tokio::test]
async fn counts_fade_and_the_order_of_arrival_does_not_matter() {
    let redis = Redis::start().await;
    #[allow(clippy::cast_possible_truncation)]
    let later = START_MS + SUCCESS_FADES_MS as i64;
    let (early, late) = (observation(START_MS, Health::Answered), observation(later, Health::Answered));
    for order in [[early.clone(), late.clone()], [late, early]] {
        let store = store(&redis).await;
        store.observe(&order).await.unwrap();
        let model = store.read(later).await.unwrap().models.remove("a/first").unwrap();
        assert!((model.successes - (1.0 + (-1.0_f64).exp())).abs() < 1e-9, "{model:?}");
        assert_eq!(model.counted_at_ms, later);
    }
}

#[tokio::test]
async fn an_outage_that_is_over_is_forgiven_and_single_failures_are_not() {
    let redis = Redis::start().await;
    let store = store(&redis).await;
    let failures = async || store.read(START_MS).await.unwrap().models["a/first"].failures;
    let single = [(0, failure(None)), (1, Health::Answered)];
    let outage = [10, 11, 12, 13, 14, 15, 300].map(|at| (at, failure(None)));
    let over = [(6_000, Health::Answered)];
    let mut counted = Vec::new();
    for part in [&single[..], &outage[..], &over[..]] {
        let observations: Vec<_> = part.iter().map(|(at, health)| observation(START_MS + at, *health)).collect();
        store.observe(&observations).await.unwrap();
        counted.push(failures().await.round());
    }
    // Five failures open the circuit a quarter of a second later; the last one was under way.
    assert_eq!(counted, [1.0, 7.0, 1.0]);
}

#[tokio::test]
async fn means_forget() {
    let redis = Redis::start().await;
    let store = store(&redis).await;
    let of = |latency_ms: u64| {
        let answer = Answer {
            task_type: TaskType::Chat,
            latency_ms,
            output_tokens: Some(10),
            input_tokens: (20, 80),
            streamed: None,
        };
        Observation { answer: Some(answer), ..observation(START_MS, Health::Answered) }
    };
    let mean = async || store.read(START_MS).await.unwrap().models["a/first"].by_type[&TaskType::Chat].latency_ms;
    store.observe(&(0..1_000).map(|_| of(100)).collect::<Vec<_>>()).await.unwrap();
    assert!((mean().await - 100.0).abs() < 1e-9);
    store.observe(&(0..100).map(|_| of(1_100)).collect::<Vec<_>>()).await.unwrap();
    assert!(mean().await > 1_000.0, "a hundred slow answers outweigh a thousand quick ones: {}", mean().await);
}

#[tokio::test]
async fn the_spread_of_answers_and_the_cached_share_of_inputs_are_measured() {
    let redis = Redis::start().await;
    let store = store(&redis).await;
    let of = |number: u64| {
        let (latency_ms, output_tokens) = (if number < 8 { 100 } else { 400 }, Some(if number < 8 { 10 } else { 40 }));
        let answer =
            Answer { task_type: TaskType::Chat, latency_ms, output_tokens, input_tokens: (20, 80), streamed: None };
        Observation { answer: Some(answer), ..observation(START_MS, Health::Answered) }
    };
    store.observe(&(0..16).map(of).collect::<Vec<_>>()).await.unwrap();
    let spread = store.read(START_MS).await.unwrap().models["a/first"].by_type[&TaskType::Chat].spread;
    // Half of the logarithm of four, on both sides of the mean.
    let deviation = (spread.latency_log_square - spread.latency_log * spread.latency_log).sqrt();
    assert!((deviation - 4.0_f64.ln() / 2.0).abs() < 1e-6 && spread.answers == 16.0, "{spread:?}");
    assert!(
        (spread.cached_share - 0.25).abs() < 1e-9 && (spread.expected_cached_share() - 0.25 * 16.0 / 24.0).abs() < 1e-9
    );
    assert!((spread.output_log_square - spread.output_log * spread.output_log - deviation * deviation).abs() < 1e-6);
}

#[tokio::test]
async fn streamed_answers_tell_the_first_token_from_those_after_it() {
    let redis = Redis::start().await;
    let store = store(&redis).await;
    let of = |number: u64| {
        let streamed =
            (number < 16).then_some(Streamed { first_token_ms: if number < 8 { 200 } else { 800 }, token_us: 20_000 });
        let answer = Answer {
            task_type: TaskType::Chat,
            latency_ms: 2_000,
            output_tokens: Some(60),
            input_tokens: (0, 80),
            streamed,
        };
        Observation { answer: Some(answer), ..observation(START_MS, Health::Answered) }
    };
    store.observe(&(0..24).map(of).collect::<Vec<_>>()).await.unwrap();
    let means = store.read(START_MS).await.unwrap().models["a/first"].by_type[&TaskType::Chat];
    let speed = means.speed;
    assert_eq!((means.answers, speed.answers), (24.0, 16.0), "those that came in one piece do not count");
    assert!((speed.first_ms - 500.0).abs() < 1e-6 && (speed.token_ms - 20.0).abs() < 1e-6, "{speed:?}");
    let deviation = (speed.first_log_square - speed.first_log * speed.first_log).sqrt();
    assert!((deviation - 4.0_f64.ln() / 2.0).abs() < 1e-6, "{speed:?}");
    assert!(speed.token_log_square - speed.token_log * speed.token_log < 1e-6, "{speed:?}");
}

#[test]
fn the_script_and_the_domain_agree_on_every_circuit() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let redis = runtime.block_on(Redis::start());
    let pause = option::weighted(0.1, 1..5_000_i64);
    let event = (0..20_000_i64, any::<bool>(), pause).prop_map(|(at, is_success, pause_ms)| {
        observation(START_MS + at, if is_success { Health::Answered } else { failure(pause_ms) })
    });
    // Success is rare in some sequences, so that circuits open.
    let events = (collection::vec(event, 1..60), any::<bool>()).prop_map(|(events, only_failures)| {
        events.into_iter().filter(|event| !only_failures || event.health != Health::Answered).collect::<Vec<_>>()
    });
    let opened = std::cell::Cell::new(0);
    TestRunner::new(Config { cases: 200, failure_persistence: None, ..Config::default() })
        .run(&events, |events| {
            let mut circuit = Circuit::default();
            for event in &events {
                match event.health {
                    Health::Answered => circuit.answered(event.at_ms),
                    Health::Failed { class, pause_ms } => circuit.failed(event.at_ms, class, pause_ms),
                    Health::Unrelated => unreachable!("the strategy makes none"),
                }
            }
            let stored = runtime.block_on(async {
                let store = store(&redis).await;
                store.observe(&events).await.unwrap();
                store.read(START_MS).await.unwrap().models.remove("a/first").map(|model| model.circuit)
            });
            opened.set(opened.get() + u32::from(circuit.open_until_ms > 0));
            assert_eq!(stored.unwrap_or_default(), circuit);
            Ok(())
        })
        .unwrap();
    assert!(opened.get() > 20, "only {} circuits ever opened", opened.get());
}

#[tokio::test]
async fn without_redis_it_says_so_quickly_and_recovers_by_itself() {
    let mut redis = Redis::start().await;
    let store = store(&redis).await;
    redis.kill().await;
    let asked = Instant::now();
    assert!(store.read(START_MS).await.is_err());
    assert!(asked.elapsed() < Duration::from_secs(2), "{:?}", asked.elapsed());
    redis.restart().await;
    neptune_testkit::wait_until("it answers again", Duration::from_secs(5), async || {
        store.read(START_MS).await.is_ok()
    })
    .await;
}

fn said(model: &str, at_us: i64, remaining: u64, resets_at: Timestamp) -> Heard {
    let requests = Some(RateWindow { limit: Some(10), remaining, resets_at });
    Heard {
        model: model.into(),
        headroom: Headroom { at_us, limits: RateLimits { requests, ..RateLimits::default() } },
    }
}

#[tokio::test]
async fn the_newest_account_of_a_limit_wins_once_and_is_forgotten_at_its_reset() {
    let redis = Redis::start().await;
    let store = store(&redis).await;
    let now = Timestamp::now();
    let at = |millis: i64| now.plus_millis(millis).unix_micros();
    let soon = now.plus_millis(1_500);
    let (old, new) = (said("a/first", at(-2), 5, soon), said("a/first", at(-1), 4, soon));
    assert_eq!(store.hear(&[new.clone(), old.clone(), said("b/second", at(0), 9, soon)]).await.unwrap(), 2);
    // Told twice, by the failed attempt and by the finished task.
    assert_eq!(store.hear(&[new.clone(), old]).await.unwrap(), 0);
    let statistics = store.read(START_MS).await.unwrap();
    assert_eq!(statistics.models["a/first"].headroom, Some(new.headroom));
    assert_eq!(statistics.models["b/second"].headroom.unwrap().limits.requests.unwrap().remaining, 9);
    neptune_testkit::wait_until("it is forgotten", Duration::from_secs(5), async || {
        store.read(START_MS).await.unwrap().models.is_empty()
    })
    .await;
}
