//! The table of what public benchmarks say.

use neptune_trainer::priors::{CATALOGUE, Prior, Scores, UNKNOWN_IS_WORSE_BY, priors, read, text};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

const HEADER: &str = "source,benchmark,task_type,model,n,quality_0_1,cost_usd_per_item,seconds_per_item,note";

fn table(lines: &[&str]) -> Vec<Prior> {
    priors(&[&[HEADER], lines].concat().join("\n")).unwrap()
}

fn of<'t>(table: &'t [Prior], model: &str) -> &'t Prior {
    table.iter().find(|prior| prior.model == model).unwrap()
}

#[test]
fn a_score_is_drawn_half_way_to_its_tier_and_who_has_none_is_a_little_below_it() {
    let table = table(&[
        "aider polyglot_leaderboard.yml,aider,code_generation,gpt-4.1,225,0.5,,,",
        "aider polyglot_leaderboard.yml,aider,code_generation,o3,225,0.9,,,",
        // Left out: a licence that does not allow it, and too few items.
        "swe-bench.github.io leaderboards.json,swe,code_generation,gpt-4.1,500,0.0,,,",
        "routing_routellm.jsonl.gz (public split),mt,code_generation,gpt-4.1,4,0.0,,,",
    ]);
    assert!((of(&table, "openai/gpt-4.1").quality - 0.6).abs() < 1e-9);
    assert!((of(&table, "openai/o3").quality - 0.8).abs() < 1e-9);
    let unknown = of(&table, "google/gemini-3.1-pro");
    assert!((unknown.quality - (0.7 - UNKNOWN_IS_WORSE_BY)).abs() < 1e-9 && unknown.measured.is_none());
    assert!(text(&table).contains("| openai/o3 | code_generation | 0.900 | 0.80 | 0.90 | aider of o3 (Apache-2.0) |"));
    assert!(table.iter().all(|prior| prior.model != "openai/gpt-4.1-nano"), "nothing is known of its tier");
}

#[test]
fn an_easy_benchmark_that_few_were_measured_on_makes_nobody_better() {
    let table = table(&[
        "aider polyglot_leaderboard.yml,aider,code_generation,gpt-4.1,225,0.5,,,",
        "aider polyglot_leaderboard.yml,aider,code_generation,o3,225,0.9,,,",
        "routing_llmrouter.jsonl.gz (public split),easy,code_generation,gpt-4.1,400,1.0,,,",
    ]);
    assert_eq!(of(&table, "openai/gpt-4.1").measured, Some(0.5));
}

#[test]
fn cells_in_quotes_hold_commas_and_a_missing_column_is_named() {
    let table = table(&["aider polyglot_leaderboard.yml,\"a, b\",code_generation,o3,225,0.9,,,"]);
    assert_eq!(of(&table, "openai/o3").source, "a, b of o3 (Apache-2.0)");
    assert!(priors("source,benchmark\n").unwrap_err().contains("task_type"));
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The table of the shared data, when there is any.
fn published() -> Option<Vec<Prior>> {
    let shared = std::env::var_os("NEPTUNE_SHARED").map_or_else(|| root().join("../shared"), PathBuf::from);
    let data = shared.join("data/routing");
    if !data.is_dir() {
        println!("skipped: there is no {}; NEPTUNE_SHARED names the folder of shared data", data.display());
        return None;
    }
    Some(read(&data).unwrap())
}

#[test]
fn the_published_scores_know_most_of_the_catalogue() {
    let Some(table) = published() else { return };
    let known: BTreeSet<&str> =
        table.iter().filter(|prior| prior.measured.is_some()).map(|prior| prior.model).collect();
    let named = CATALOGUE.iter().filter(|(_, _, scores)| *scores != Scores::None).map(|(model, ..)| *model);
    assert_eq!(named.filter(|model| !known.contains(model)).collect::<Vec<_>>(), [""; 0]);
    assert!(table.iter().all(|prior| (0.0..=1.0).contains(&prior.quality)), "{table:?}");
    // Whatever the numbers are, the order of what is known to differ must hold.
    let quality = |model: &str| {
        table.iter().find(|prior| prior.model == model && prior.task_type == "code_generation").unwrap().quality
    };
    assert!(quality("openai/gpt-5") > quality("openai/gpt-4.1"));
    assert!(quality("openai/gpt-4.1") > quality("openai/gpt-4.1-mini"));
}

/// `quality` of the models of a file, by name and kind of work; read by its indentation.
fn qualities(file: &Path) -> BTreeMap<(String, String), f64> {
    let (mut model, mut is_quality, mut found) = (String::new(), false, BTreeMap::new());
    for line in fs::read_to_string(file).unwrap().lines() {
        if let Some(name) = line.strip_prefix("  name: ") {
            model = name.to_owned();
        } else if let Some((kind, quality)) =
            line.strip_prefix("    ").filter(|_| is_quality).and_then(|it| it.split_once(": "))
        {
            found.insert((model.clone(), kind.to_owned()), quality.parse().unwrap());
        } else {
            is_quality = line == "  quality:";
        }
    }
    found
}

#[test]
fn the_shipped_models_are_those_of_the_catalogue_and_say_what_was_measured() {
    let mut shipped = BTreeMap::new();
    for entry in fs::read_dir(root().join("deploy/resources")).unwrap() {
        let path = entry.unwrap().path();
        if path.file_name().unwrap().to_string_lossy().starts_with("models-") {
            shipped.extend(qualities(&path));
        }
    }
    let models: BTreeSet<&str> = shipped.keys().map(|(model, _)| model.as_str()).collect();
    assert_eq!(models, CATALOGUE.iter().map(|(model, ..)| *model).collect(), "CATALOGUE in src/priors.rs");
    let Some(table) = published() else { return };
    let differs = |prior: &Prior| {
        let wanted = (prior.shipped? * 100.0).round() / 100.0;
        let says = shipped.get(&(prior.model.to_owned(), prior.task_type.clone())).copied();
        says.is_none_or(|says| (says - wanted).abs() > 1e-9).then(|| {
            format!(
                "{} {}: deploy/resources says {says:?}, measured is {wanted} ({})",
                prior.model, prior.task_type, prior.source
            )
        })
    };
    let different: Vec<String> = table.iter().filter_map(differs).collect();
    assert!(different.is_empty(), "put in what was measured:\n{}", different.join("\n"));
}

#[test]
fn the_written_table_is_that_of_the_data() {
    let Some(table) = published() else { return };
    let (file, fresh) = (root().join("services/trainer/priors.md"), text(&table));
    if std::env::var_os("UPDATE_PRIORS").is_some() {
        fs::write(&file, &fresh).unwrap();
    }
    let written = fs::read_to_string(&file).unwrap_or_default();
    assert!(written == fresh, "services/trainer/priors.md is not what the data says; UPDATE_PRIORS=1 writes it anew");
}
