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
//!
//! What was measured of a shipped model itself is shipped as it is, and a test says where it is not. Most
//! of the rest is of models two generations old: there the resources say what was judged, and the table
//! stands beside it.

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

/// Under which names a model has scores, best fitting first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scores {
    /// The model itself was measured. What is shipped in `deploy/resources` is what was measured.
    Own(&'static [&'static str]),
    /// Only its closest relative was. What is shipped is judgement with an eye to it.
    Kin(&'static [&'static str]),
    /// Nothing was published.
    None,
}

impl Scores {
    const fn names(self) -> &'static [&'static str] {
        match self {
            Self::Own(names) | Self::Kin(names) => names,
            Self::None => &[],
        }
    }
}

/// The models of `deploy/resources` with their tier and their scores.
pub const CATALOGUE: [(&str, Tier, Scores); 46] = [
    ("anthropic/claude-opus-5", Tier::Large, Scores::Kin(&["claude-opus-4-20250514 (no think)"])),
    ("anthropic/claude-sonnet-5", Tier::Large, Scores::Kin(&["claude-sonnet-4-20250514 (no thinking)"])),
    ("anthropic/claude-sonnet-4.6", Tier::Large, Scores::Kin(&["claude-sonnet-4-20250514 (no thinking)"])),
    ("anthropic/claude-haiku-4.5", Tier::Middle, Scores::Kin(&["claude-3-5-haiku-20241022", "claude-3-5-haiku"])),
    ("azure/gpt-5.4", Tier::Large, Scores::None),
    ("azure/gpt-5", Tier::Large, Scores::Own(&["gpt-5 (medium)"])),
    ("azure/gpt-5-mini", Tier::Middle, Scores::None),
    ("azure/gpt-4.1", Tier::Large, Scores::Own(&["gpt-4.1"])),
    ("azure/gpt-4.1-mini", Tier::Middle, Scores::Own(&["gpt-4.1-mini"])),
    ("bedrock/claude-opus-5", Tier::Large, Scores::Kin(&["claude-opus-4-20250514 (no think)"])),
    ("bedrock/claude-sonnet-5", Tier::Large, Scores::Kin(&["claude-sonnet-4-20250514 (no thinking)"])),
    ("bedrock/claude-sonnet-4.6", Tier::Large, Scores::Kin(&["claude-sonnet-4-20250514 (no thinking)"])),
    ("bedrock/claude-haiku-4.5", Tier::Middle, Scores::Kin(&["claude-3-5-haiku-20241022", "claude-3-5-haiku"])),
    ("bedrock/nova-pro", Tier::Middle, Scores::None),
    ("bedrock/nova-lite", Tier::Small, Scores::None),
    ("bedrock/nova-micro", Tier::Small, Scores::None),
    ("deepseek/deepseek-chat", Tier::Small, Scores::Own(&["DeepSeek-V3.2-Exp (Chat)"])),
    ("deepseek/deepseek-reasoner", Tier::Small, Scores::Own(&["DeepSeek-V3.2-Exp (Reasoner)"])),
    ("google/gemini-3.1-pro", Tier::Large, Scores::None),
    ("google/gemini-3.7-flash", Tier::Middle, Scores::None),
    ("google/gemini-3.5-flash-lite", Tier::Middle, Scores::None),
    ("google/gemini-2.5-pro", Tier::Large, Scores::Own(&["gemini-2.5-pro-preview-06-05 (default think)"])),
    ("google/gemini-2.5-flash", Tier::Middle, Scores::Own(&["gemini-2.5-flash-preview-05-20 (no think)"])),
    ("google/gemini-2.5-flash-lite", Tier::Small, Scores::Kin(&["gemini-2.0-flash-001", "gemini-2.0-flash-exp"])),
    ("meta/llama-3.3-70b", Tier::Small, Scores::Kin(&["llama-3.1-70b-instruct"])),
    ("meta/llama-3.1-8b", Tier::Small, Scores::Own(&["llama-3.1-8b-instruct"])),
    ("mistral/codestral", Tier::Small, Scores::Own(&["Codestral 25.01"])),
    ("mistral/mistral-large", Tier::Middle, Scores::Kin(&["mistral-large-2"])),
    ("mistral/mistral-medium", Tier::Middle, Scores::None),
    ("mistral/mistral-small", Tier::Small, Scores::None),
    ("openai/gpt-5.6-sol", Tier::Large, Scores::None),
    ("openai/gpt-5.6-terra", Tier::Large, Scores::None),
    ("openai/gpt-5.6-luna", Tier::Middle, Scores::None),
    ("openai/gpt-5.4", Tier::Large, Scores::None),
    ("openai/gpt-5.4-mini", Tier::Middle, Scores::None),
    ("openai/gpt-5.4-nano", Tier::Middle, Scores::None),
    ("openai/gpt-5", Tier::Large, Scores::Own(&["gpt-5 (medium)"])),
    ("openai/gpt-5-mini", Tier::Middle, Scores::None),
    ("openai/gpt-5-nano", Tier::Small, Scores::None),
    ("openai/gpt-4.1", Tier::Large, Scores::Own(&["gpt-4.1"])),
    ("openai/gpt-4.1-mini", Tier::Middle, Scores::Own(&["gpt-4.1-mini"])),
    ("openai/gpt-4.1-nano", Tier::Small, Scores::Own(&["gpt-4.1-nano"])),
    ("openai/gpt-4o", Tier::Large, Scores::Own(&["gpt-4o-2024-08-06", "gpt-4o-2024-05-13"])),
    ("openai/gpt-4o-mini", Tier::Small, Scores::Own(&["gpt-4o-mini", "gpt-4o-mini-2024-07-18"])),
    ("openai/o3", Tier::Large, Scores::Own(&["o3"])),
    ("openai/o4-mini", Tier::Middle, Scores::Own(&["o4-mini (high)"])),
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
    /// What `deploy/resources` must say: what was measured of the model itself.
    pub shipped: Option<f64>,
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
        let mut found: Vec<Vec<&Score>> =
            CATALOGUE.iter().map(|(_, _, known)| of(&scores, known.names(), kind)).collect();
        keep_comparable(&mut found);
        let means: Vec<Option<f64>> =
            found.iter().map(|scores| mean(scores.iter().map(|score| score.quality))).collect();
        let of_tier = |tier: Tier| {
            let members = CATALOGUE.iter().zip(&means).filter(|((_, own, _), _)| *own == tier);
            // A model at several providers counts once.
            let distinct: BTreeMap<&[&str], f64> =
                members.filter_map(|((_, _, known), mean)| Some((known.names(), (*mean)?))).collect();
            mean(distinct.into_values())
        };
        for (((model, tier, known), scores), measured) in CATALOGUE.iter().zip(&found).zip(&means) {
            let Some(tier_mean) = of_tier(*tier) else { continue };
            let quality = measured.map_or(tier_mean - UNKNOWN_IS_WORSE_BY, |own| own + SHRUNK_BY * (tier_mean - own));
            let source = if scores.is_empty() { "its tier".to_owned() } else { sources(scores) };
            let shipped = measured.filter(|_| matches!(known, Scores::Own(_)));
            table.push(Prior { model, task_type: kind.to_owned(), measured: *measured, quality, shipped, source });
        }
    }
    Ok(table)
}

/// The table for people, a line each.
#[must_use]
pub fn text(table: &[Prior]) -> String {
    let mut text = String::from(
        "| model | kind of work | measured | prior | shipped | from |\n| --- | --- | --: | --: | --: | --- |\n",
    );
    for Prior { model, task_type, measured, quality, shipped, source } in table {
        let measured = measured.map_or_else(|| "-".to_owned(), |measured| format!("{measured:.3}"));
        let shipped = shipped.map_or_else(|| "judged".to_owned(), |shipped| format!("{shipped:.2}"));
        // Writing to a string cannot fail.
        let _written = writeln!(text, "| {model} | {task_type} | {measured} | {quality:.2} | {shipped} | {source} |");
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
