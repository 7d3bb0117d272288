//! Real tasks with real outcomes through the running router: what feedback about some of them is worth to others.
#![allow(clippy::print_stdout, reason = "says why it is skipped, and what it measured")]

use crate::support::{Arrived, World, submitted};
use flate2::read::GzDecoder;
use neptune_bus::{Bus, Cause};
use neptune_contracts::{
    Timestamp,
    feedback::{FeedbackBy, FeedbackGiven},
    ids::{FeedbackId, TaskId},
    task::TaskSubmitted,
};
use neptune_testkit::{builders, wait_until};
use serde_json::Value;
use std::{
    collections::{HashMap, HashSet},
    io::Read as _,
    path::PathBuf,
    time::Duration,
};

/// Deployments that answer as these models did.
const STRONG: (&str, &str) = ("a/strong", "gpt-4-1106-preview");
const WEAK: (&str, &str) = ("b/weak", "mixtral-8x7b-instruct");
/// Tasks that each model does and is judged about, and tasks that are then held back.
const TAUGHT: usize = 1_500;
const HELD_BACK: usize = 1_500;
/// Tasks under way at a time.
const AT_ONCE: usize = 48;
/// Learning is off the path of the tasks, on a machine that may be busy.
const PATIENCE: Duration = Duration::from_secs(180);

struct Row {
    text: String,
    strong: f64,
    weak: f64,
}

/// Questions of many subjects, in an order that only depends on their ids; nothing where the data is not there.
fn rows() -> Option<Vec<Row>> {
    let root = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
    let shared = std::env::var_os("NEPTUNE_SHARED").map_or_else(|| root.join("../shared"), PathBuf::from);
    let file = shared.join("data/routing/routing_routellm.jsonl.gz");
    if !file.is_file() {
        println!("skipped: {} is not there; NEPTUNE_SHARED names the folder of shared data", file.display());
        return None;
    }
    let mut text = String::new();
    GzDecoder::new(std::fs::File::open(file).unwrap()).read_to_string(&mut text).unwrap();
    let parsed = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    // The id is a hash of the question; a copy of one has the same with a suffix, and is left out.
    let is_wanted = |row: &Value| {
        row["dataset"].as_str().unwrap().starts_with("mmlu/") && !row["id"].as_str().unwrap().contains('#')
    };
    let mut rows: Vec<Value> = parsed.filter(is_wanted).collect();
    rows.sort_by_key(|row| row["id"].as_str().unwrap().chars().rev().collect::<String>());
    let score = |row: &Value, model: &str| row["score"][model].as_f64().unwrap();
    let row = |row: &Value| Row {
        text: row["prompt"].as_str().unwrap().to_owned(),
        strong: score(row, STRONG.1),
        weak: score(row, WEAK.1),
    };
    Some(rows.iter().take(TAUGHT + HELD_BACK).map(row).collect())
}

/// A task for the model of that name; for any when it is empty.
fn task(row: &Row, model: &str) -> TaskSubmitted {
    let mut task = submitted(&row.text);
    task.input.model = Some(model.to_owned()).filter(|model| !model.is_empty());
    task
}

/// Submits `tasks`, some at a time, and hands each plan to `take` as it comes. Others that come again, because nobody
/// ended them, are left.
async fn play(world: &World, tasks: Vec<TaskSubmitted>, mut take: impl AsyncFnMut(Arrived)) {
    let client = world.client().await;
    let mut under_way: HashSet<TaskId> = HashSet::new();
    let mut tasks = tasks.into_iter().peekable();
    while tasks.peek().is_some() || !under_way.is_empty() {
        while under_way.len() < AT_ONCE
            && let Some(task) = tasks.next()
        {
            under_way.extend(task.id);
            client.publish(&task, &Cause::root()).await.unwrap();
        }
        let arrived = {
            let mut routed = world.routed.lock().await;
            tokio::time::timeout(PATIENCE, routed.recv()).await.expect("no plan").unwrap()
        };
        if under_way.remove(&arrived.routed.task.id) {
            take(arrived).await;
        }
    }
}

async fn say(client: &Bus, task: TaskId, score: f64) {
    let feedback = FeedbackGiven {
        id: FeedbackId::mint(),
        team: Some("support".parse().unwrap()),
        task,
        score,
        by: FeedbackBy::Caller,
        given_at: Timestamp::now(),
    };
    client.publish(&feedback, &Cause::root()).await.unwrap();
}

/// What a decision believes the strong model to be better by, with the words of the task and without.
fn lead(arrived: &Arrived) -> (f64, f64) {
    let explanation = &arrived.routed.plan.explanation;
    let beliefs = &explanation.learning.as_ref().unwrap().beliefs;
    let of = |name: &str| {
        let with = explanation.candidates.iter().find(|candidate| candidate.model == name).unwrap().quality;
        let words = beliefs.iter().find(|belief| belief.model == name).unwrap().words;
        (with, with - words.unwrap_or(0.0))
    };
    let (strong, weak) = (of(STRONG.0), of(WEAK.0));
    (strong.0 - weak.0, strong.1 - weak.1)
}

/// By how much more the strong model gained in the half of the tasks where its lead was believed to be greater than
/// in the other half, and the standard error of that.
fn told_apart(mut believed: Vec<(f64, f64)>) -> (f64, f64) {
    // The order of equals is that of the rows, which is as good as drawn.
    believed.sort_by(|left, right| left.0.total_cmp(&right.0));
    let (low, high) = believed.split_at(believed.len() / 2);
    let moments = |half: &[(f64, f64)]| {
        let count = half.len() as f64;
        let mean = half.iter().map(|(_, gain)| gain).sum::<f64>() / count;
        let square = half.iter().map(|(_, gain)| (gain - mean) * (gain - mean)).sum::<f64>();
        (mean, square / count / count)
    };
    let ((low, of_low), (high, of_high)) = (moments(low), moments(high));
    (high - low, (of_low + of_high).sqrt())
}

#[tokio::test(flavor = "multi_thread")]
async fn feedback_about_some_tasks_tells_which_others_need_the_strong_model() {
    let Some(rows) = rows() else { return };
    let world = World::start(&[(STRONG.0, builders::model(0.8, "4.8")), (WEAK.0, builders::model(0.7, "0.1"))]).await;
    let (taught, held_back) = rows.split_at(TAUGHT);
    let by_text: HashMap<&str, &Row> = rows.iter().map(|row| (row.text.as_str(), row)).collect();
    let row_of = |arrived: &Arrived| by_text[arrived.routed.task.input.texts().next().unwrap()];
    let client = world.client().await;
    let tasks = taught.iter().flat_map(|row| [task(row, STRONG.0), task(row, WEAK.0)]).collect();
    Box::pin(play(&world, tasks, async |arrived| {
        let (row, model, id) = (row_of(&arrived), arrived.first().to_owned(), arrived.routed.task.id);
        world.answer(arrived, builders::answered(&model)).await;
        say(&client, id, if model == STRONG.0 { row.strong } else { row.weak }).await;
    }))
    .await;
    let store = world.store();
    // Words that could not be kept in time teach nothing; nearly all can.
    wait_until("the feedback is heard", PATIENCE, async || store.count_heard().await.unwrap().1 > 2 * TAUGHT * 9 / 10)
        .await;
    // The last of it is learnt from in a moment.
    let moved = async || {
        let (with, without) = lead(&world.follow(&task(&held_back[0], "")).await);
        (with - without).abs() > 1e-9
    };
    wait_until("words are used", PATIENCE, moved).await;
    let (mut with, mut without) = (Vec::new(), Vec::new());
    let tasks = held_back.iter().map(|row| task(row, "")).collect();
    Box::pin(play(&world, tasks, async |arrived| {
        let (row, (lead_with, lead_without)) = (row_of(&arrived), lead(&arrived));
        with.push((lead_with, row.strong - row.weak));
        without.push((lead_without, row.strong - row.weak));
        let model = arrived.first().to_owned();
        world.answer(arrived, builders::answered(&model)).await;
    }))
    .await;
    let ((with, error), (without, _)) = (told_apart(with), told_apart(without));
    println!("{HELD_BACK} tasks held back: told apart by {with:.3} with words, {without:.3} without, error {error:.3}");
    // By chance once in thousands; and words must do it, not the kinds of the tasks.
    assert!(with > 3.0 * error, "{with} {error}");
    assert!(with > without + error, "{with} {without} {error}");
}
