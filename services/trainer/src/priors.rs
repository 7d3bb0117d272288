//! What public benchmarks say about the models of the catalogue, by kind of work, before there is any
//! feedback: the table behind `quality` in `deploy/resources`.
//!
//! Benchmarks of one kind differ in difficulty, so a mean of some is compared only with means of the
//! same: of each kind those benchmarks count that measured about as many of the models as any did.
//!
//! Facts only: scores that others published or that follow from their published outputs, from sources
//! whose licence lets numbers be passed on ([`SOURCES`]). A model's mean over the benchmarks of a kind is
//! drawn half way to the mean of its tier, because a benchmark is not the work; a model that no benchmark
//! has measured gets the mean of its tier less [`UNKNOWN_IS_WORSE_BY`].

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    fs, io,
    path::Path,
};

/// The file of scores in the data folder.
pub const SCORES_FILE: &str = "priors_models.csv";
/// A model that nothing is known of is taken to be a little worse than its tier.
pub const UNKNOWN_IS_WORSE_BY: f64 = 0.05;
/// So much of the way a measured mean is drawn to that of its tier.
const SHRUNK_BY: f64 = 0.5;
/// A benchmark counts that measured at least this share of the models that the widest one did.
const LEAST_COVERAGE: f64 = 0.7;
/// Scores of fewer items say nothing.
const LEAST_ITEMS: u32 = 20;

/// Sources that are used, as their column begins, with their licence. Left out on purpose: the
/// SWE-bench leaderboards (CC BY-NC), AlpacaEval (prompts CC BY-NC), Qwen's latency runs (no licence
/// stated), and arena-bench (no kind of work).
pub const SOURCES: [(&str, &str); 6] = [
    ("aider polyglot_leaderboard.yml", "Apache-2.0"),
    ("routing_zeroeval", "Apache-2.0"),
    ("routing_mmlu_pro", "Apache-2.0"),
    ("routing_llmrouter", "MIT"),
    ("routing_routellm", "Apache-2.0"),
    ("routing_routerarena", "Apache-2.0"),
];

/// What a model costs, roughly: models of one tier compete.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tier {
    /// Below one US dollar per million tokens of output.
    Small,
    /// Below eight.
    Middle,
    /// More.
    Large,
}

/// Models of the catalogue with their tier and the names that they, or the closest published relative
/// of their family, have in the scores. Without a name nothing was published.
pub const CATALOGUE: [(&str, Tier, &[&str]); 25] = [
    ("anthropic/claude-opus-5", Tier::Large, &["claude-opus-4-20250514 (no think)"]),
    ("anthropic/claude-sonnet-5", Tier::Large, &["claude-sonnet-4-20250514 (no thinking)"]),
    ("anthropic/claude-sonnet-4.6", Tier::Large, &["claude-sonnet-4-20250514 (no thinking)"]),
    ("anthropic/claude-haiku-4.5", Tier::Middle, &["claude-3-5-haiku-20241022", "claude-3-5-haiku"]),
    ("deepseek/deepseek-chat", Tier::Small, &["DeepSeek-V3.2-Exp (Chat)"]),
    ("deepseek/deepseek-reasoner", Tier::Small, &["DeepSeek-V3.2-Exp (Reasoner)"]),
    ("google/gemini-2.5-pro", Tier::Large, &["gemini-2.5-pro-preview-06-05 (default think)"]),
    ("google/gemini-2.5-flash", Tier::Middle, &["gemini-2.5-flash-preview-05-20 (no think)"]),
    ("google/gemini-2.5-flash-lite", Tier::Small, &["gemini-2.0-flash-001", "gemini-2.0-flash-exp"]),
    ("google/gemini-3.1-pro", Tier::Large, &[]),
    ("meta/llama-3.3-70b", Tier::Small, &["llama-3.1-70b-instruct"]),
    ("meta/llama-3.1-8b", Tier::Small, &["llama-3.1-8b-instruct"]),
    ("mistral/codestral", Tier::Small, &["Codestral 25.01"]),
    ("mistral/mistral-large", Tier::Middle, &["mistral-large-2"]),
    ("mistral/mistral-medium", Tier::Middle, &[]),
    ("mistral/mistral-small", Tier::Small, &[]),
    ("openai/gpt-5", Tier::Large, &["gpt-5 (medium)"]),
    ("openai/gpt-5-mini", Tier::Middle, &[]),
    ("openai/gpt-5-nano", Tier::Small, &[]),
    ("openai/gpt-4.1", Tier::Large, &["gpt-4.1"]),
    ("openai/gpt-4.1-mini", Tier::Middle, &["gpt-4.1-mini"]),
    ("openai/gpt-4.1-nano", Tier::Small, &["gpt-4.1-nano"]),
    ("openai/gpt-4o", Tier::Large, &["gpt-4o-2024-08-06", "gpt-4o-2024-05-13"]),
    ("openai/gpt-4o-mini", Tier::Small, &["gpt-4o-mini", "gpt-4o-mini-2024-07-18"]),
    ("openai/o3", Tier::Large, &["o3"]),
];

/// One published score.
#[derive(Clone, Debug, PartialEq)]
struct Score {
    benchmark: String,
    task_type: String,
    model: String,
    quality: f64,
    licence: &'static str,
}

/// A line of the table.
#[derive(Clone, Debug, PartialEq)]
pub struct Prior {
    /// The model.
    pub model: &'static str,
    /// The kind of work.
    pub task_type: String,
    /// Mean of the published scores; nothing when there are none.
    pub measured: Option<f64>,
    /// What is expected of it, 0 to 1.
    pub quality: f64,
    /// Benchmarks and their licences, or that there are none.
    pub source: String,
}

/// The table of the scores in the data folder `data`.
///
/// # Errors
/// The file cannot be read, or has other columns.
pub fn read(data: &Path) -> io::Result<Vec<Prior>> {
    let path = data.join(SCORES_FILE);
    let text = fs::read_to_string(&path)
        .map_err(|error| io::Error::new(error.kind(), format!("cannot read {}: {error}", path.display())))?;
    priors(&text)
        .map_err(|problem| io::Error::new(io::ErrorKind::InvalidData, format!("{}: {problem}", path.display())))
}

/// The table of `csv`.
///
/// # Errors
/// A column is missing.
pub fn priors(csv: &str) -> Result<Vec<Prior>, String> {
    let scores = scores(csv)?;
    let kinds: BTreeSet<&str> = scores.iter().map(|score| score.task_type.as_str()).collect();
    let mut table = Vec::new();
    for kind in kinds {
        let mut found: Vec<Vec<&Score>> = CATALOGUE.iter().map(|(_, _, names)| of(&scores, names, kind)).collect();
        keep_comparable(&mut found);
        let means: Vec<Option<f64>> =
            found.iter().map(|scores| mean(scores.iter().map(|score| score.quality))).collect();
        let of_tier = |tier: Tier| {
            let members = CATALOGUE.iter().zip(&means).filter(|((_, own, _), _)| *own == tier);
            mean(members.filter_map(|(_, mean)| *mean))
        };
        for (((model, tier, _), scores), measured) in CATALOGUE.iter().zip(&found).zip(&means) {
            let Some(tier_mean) = of_tier(*tier) else { continue };
            let quality = measured.map_or(tier_mean - UNKNOWN_IS_WORSE_BY, |own| own + SHRUNK_BY * (tier_mean - own));
            let source = if scores.is_empty() { "its tier".to_owned() } else { sources(scores) };
            table.push(Prior { model, task_type: kind.to_owned(), measured: *measured, quality, source });
        }
    }
    Ok(table)
}

/// The table for people, a line each.
#[must_use]
pub fn text(table: &[Prior]) -> String {
    let mut text =
        String::from("| model | kind of work | measured | prior | from |\n| --- | --- | --: | --: | --- |\n");
    for Prior { model, task_type, measured, quality, source } in table {
        let measured = measured.map_or_else(|| "-".to_owned(), |measured| format!("{measured:.3}"));
        // Writing to a string cannot fail.
        let _written = writeln!(text, "| {model} | {task_type} | {measured} | {quality:.2} | {source} |");
    }
    text
}

/// The scores of a model in one kind of work, by the first of its names that has any in a benchmark.
fn of<'s>(scores: &'s [Score], names: &[&str], kind: &str) -> Vec<&'s Score> {
    let mut found: BTreeMap<&str, &Score> = BTreeMap::new();
    for name in names {
        for score in scores.iter().filter(|score| score.task_type == kind && score.model == *name) {
            found.entry(&score.benchmark).or_insert(score);
        }
    }
    found.into_values().collect()
}

/// Leaves the scores of the benchmarks that measured enough of the models.
fn keep_comparable(found: &mut [Vec<&Score>]) {
    let mut covered: BTreeMap<String, f64> = BTreeMap::new();
    for score in found.iter().flatten() {
        *covered.entry(score.benchmark.clone()).or_default() += 1.0;
    }
    let widest = covered.values().copied().fold(0.0, f64::max);
    let is_wide = |score: &&Score| covered.get(&score.benchmark).is_some_and(|count| *count >= LEAST_COVERAGE * widest);
    for scores in found {
        scores.retain(is_wide);
    }
}

fn sources(scores: &[&Score]) -> String {
    let one = |score: &&Score| format!("{} of {} ({})", score.benchmark, score.model, score.licence);
    scores.iter().map(one).collect::<Vec<_>>().join("; ")
}

fn scores(csv: &str) -> Result<Vec<Score>, String> {
    let mut lines = csv.lines();
    let header = cells(lines.next().unwrap_or_default());
    let column = |name: &str| {
        header.iter().position(|cell| cell == name).ok_or_else(|| format!("it has no column {name}; give a newer one"))
    };
    let (source, benchmark, kind) = (column("source")?, column("benchmark")?, column("task_type")?);
    let (model, items, quality) = (column("model")?, column("n")?, column("quality_0_1")?);
    let score = |line: &str| {
        let cells = cells(line);
        let cell = |index: usize| cells.get(index).map(String::as_str);
        let (_, licence) = SOURCES.iter().find(|(name, _)| cell(source).is_some_and(|cell| cell.starts_with(name)))?;
        let items: u32 = cell(items)?.parse().ok()?;
        let is_of_use = items >= LEAST_ITEMS && !cell(kind)?.is_empty();
        is_of_use.then_some(())?;
        Some(Score {
            benchmark: cell(benchmark)?.to_owned(),
            task_type: cell(kind)?.to_owned(),
            model: cell(model)?.to_owned(),
            quality: cell(quality)?.parse().ok()?,
            licence,
        })
    };
    Ok(lines.filter_map(score).collect())
}

/// The cells of a line; those in quotes may hold commas.
fn cells(line: &str) -> Vec<String> {
    let (mut cells, mut quoted) = (vec![String::new()], false);
    for character in line.chars() {
        match character {
            '"' => quoted = !quoted,
            ',' if !quoted => cells.push(String::new()),
            _ => cells.last_mut().into_iter().for_each(|cell| cell.push(character)),
        }
    }
    cells
}

fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (sum, count) = values.fold((0.0, 0.0), |(sum, count), value| (sum + value, count + 1.0));
    (count > 0.0).then(|| sum / count)
}
