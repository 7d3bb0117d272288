//! What is learned from, and how much each part of it counts.

use crate::{
    corpus::{self, Row},
    learn::KINDS,
    prompts::{self, Prompts, Seed, has_slots},
    random::Random,
};
use neptune_contracts::names::TaskType;
use std::{collections::BTreeMap, path::Path};

/// The file of labelled prompts in the data folder.
pub const LABELLED_FILE: &str = "tasktype_prompts.jsonl.gz";

/// Sets whose licence lets weights learned from them be shipped, and how many prompts of ours each
/// counts as, as a whole. They are templates for the most part, so they count little: what they
/// teach is the look of benchmark questions. Left out on purpose: `autoj` (no licence stated),
/// `wizardlm_testset` and `alpaca_5000` (CC BY-NC), `mt_bench` (free, but kept for measuring).
pub const SOURCES: [(&str, f32); 17] = [
    // Human questions and tasks in Chinese. Apache-2.0 and ODC-By.
    ("belle_eval", 150.0),
    // 228 templates of P3. Apache-2.0.
    ("p3_t0", 80.0),
    // Translations. MIT; RouterArena Apache-2.0.
    ("alma_wmt22", 10.0),
    ("ni_pib", 10.0),
    ("routerarena_wmt19", 10.0),
    // Programming tasks. CC BY, MIT, MIT.
    ("mbpp", 10.0),
    ("humaneval", 10.0),
    ("gpteacher_codegen", 10.0),
    // Role play. MIT.
    ("gpteacher_roleplay", 10.0),
    // Word problems, logic grids, competition mathematics. MIT.
    ("gsm8k", 10.0),
    ("llmrouter_agentverse-logicgrid", 10.0),
    ("llmrouter_math", 10.0),
    // Sentences from given words. MIT.
    ("llmrouter_commongen", 10.0),
    // Exam and trivia questions. MIT.
    ("llmrouter_mmlu", 10.0),
    ("llmrouter_natural_qa", 10.0),
    ("llmrouter_trivia_qa", 10.0),
    // Small talk. BSD-3.
    ("chatterbot_corpus", 10.0),
];

/// The source of samples from our prompts.
pub const OWN: &str = "own";

/// Share of each type, in the order of [`TaskType::ALL`], that the material is weighted to: our
/// estimate of what people ask assistants, among whom writing and questions prevail.
pub const SHARES: [f32; KINDS] = [0.13, 0.06, 0.08, 0.04, 0.04, 0.05, 0.27, 0.22, 0.06, 0.05];

/// Fillings of a prompt with slots, and how many prompts without slots they count as together.
const VARIANTS: u64 = 24;
const SLOTS_WEIGHT: f32 = 8.0;
/// The slot for pasted text, which is also filled with windows of this set, so that no word of
/// pasted text speaks for any type.
const PASTED_SLOT: &str = "passage";
const PASTED_FROM: &str = "p3_t0";
/// The slot for code, and the set whose prompts are code and fill it too.
const CODE_SLOT: &str = "code";
const CODE_FROM: &str = "humaneval";
/// Bytes a prompt must have for a window, and tokens left out at its beginning.
const PASTED_LEAST_BYTES: usize = 700;
const PASTED_SKIPPED_WORDS: usize = 15;
/// One in so many such prompts gives a window, of one of these numbers of words.
const PASTED_EVERY: usize = 3;
const PASTED_WORDS: [usize; 4] = [60, 90, 150, 30];

/// A prompt to learn from.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// The text.
    pub text: String,
    /// What it asks for.
    pub task_type: TaskType,
    /// How much it counts.
    pub weight: f32,
    /// The set, or [`OWN`].
    pub source: String,
    /// The same for everything made from one prompt, so that none of it is on both sides of a split.
    pub group: u64,
}

/// Why there is no material.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The labelled prompts are not usable.
    #[error("cannot use the labelled prompts")]
    Labelled(#[source] corpus::Error),
    /// Our prompts are not usable.
    #[error("cannot use the prompts of ours")]
    Own(#[source] prompts::Error),
}

/// The labelled prompts of a data folder.
///
/// # Errors
/// The file is absent or not what it should be.
pub fn labelled(data: &Path) -> Result<Vec<Row>, Error> {
    let rows = corpus::read(&data.join(LABELLED_FILE)).map_err(Error::Labelled)?;
    rows.collect::<Result<_, _>>().map_err(Error::Labelled)
}

/// Everything to learn from: those of `rows` that may be used, and the prompts of ours.
///
/// # Errors
/// The prompts of ours are not usable.
pub fn samples(rows: &[Row], folder: &Path) -> Result<Vec<Sample>, Error> {
    let mut samples = clean(rows);
    let mut prompts = Prompts::read(folder).map_err(Error::Own)?;
    prompts.extend_slot(PASTED_SLOT, windows(rows));
    let code = rows.iter().filter(|row| row.source == CODE_FROM);
    prompts.extend_slot(CODE_SLOT, code.map(|row| plain(&row.prompt)));
    for seed in &prompts.seeds {
        samples.extend(variants(&prompts, seed).map_err(Error::Own)?);
    }
    balance(&mut samples);
    Ok(samples)
}

/// Whether a set may be learned from.
#[must_use]
pub fn may_teach(source: &str) -> bool {
    SOURCES.iter().any(|(name, _)| *name == source)
}

fn clean(rows: &[Row]) -> Vec<Sample> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for row in rows {
        *counts.entry(&row.source).or_default() += 1;
    }
    let sample = |row: &Row| {
        let (name, weight) = SOURCES.iter().find(|(name, _)| *name == row.source)?;
        let count = counts.get(name).copied().unwrap_or(1);
        Some(Sample {
            text: row.prompt.clone(),
            task_type: row.task_type?,
            weight: (weight / float(count)).min(1.0),
            source: row.source.clone(),
            group: Random::of(&row.id, 0).draw(),
        })
    };
    rows.iter().filter_map(sample).collect()
}

/// Stretches from the middle of long prompts, cut at spaces.
fn windows(rows: &[Row]) -> Vec<String> {
    let long = rows.iter().filter(|row| row.source == PASTED_FROM && row.prompt.len() > PASTED_LEAST_BYTES);
    let lengths = PASTED_WORDS.iter().cycle();
    let window = |(row, length): (&Row, &usize)| {
        let words: Vec<&str> = row.prompt.split(' ').skip(PASTED_SKIPPED_WORDS).take(*length).collect();
        plain(&words.join(" "))
    };
    long.step_by(PASTED_EVERY).zip(lengths).map(window).collect()
}

/// A text without what would be taken for a slot.
fn plain(text: &str) -> String {
    text.replace("{{", "").replace("}}", "")
}

fn variants(prompts: &Prompts, seed: &Seed) -> Result<Vec<Sample>, prompts::Error> {
    let (count, weight) = if has_slots(&seed.text) { (VARIANTS, SLOTS_WEIGHT / VARIANTS as f32) } else { (1, 1.0) };
    let group = Random::of(&seed.text, 0).draw();
    let sample = |variant| {
        let text = prompts.expand(seed, variant)?;
        Ok(Sample { text, task_type: seed.task_type, weight, source: OWN.to_owned(), group })
    };
    (0..count).map(sample).collect()
}

/// Weights the types to [`SHARES`].
fn balance(samples: &mut [Sample]) {
    let mut sums = [0.0_f32; KINDS];
    for sample in samples.iter() {
        if let Some(sum) = sums.get_mut(place(sample.task_type)) {
            *sum += sample.weight;
        }
    }
    let all: f32 = sums.iter().sum();
    for sample in samples {
        let place = place(sample.task_type);
        let (sum, share) = (sums.get(place).copied().unwrap_or(1.0), SHARES.get(place).copied().unwrap_or(0.0));
        sample.weight *= share * all / sum;
    }
}

/// Place of a type in [`TaskType::ALL`].
#[must_use]
pub fn place(task_type: TaskType) -> usize {
    TaskType::ALL.iter().position(|known| *known == task_type).unwrap_or_default()
}

#[expect(clippy::cast_precision_loss, reason = "counts of prompts fit")]
fn float(count: usize) -> f32 {
    count as f32
}
