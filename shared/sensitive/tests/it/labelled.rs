//! What is found of sentences whose data somebody labelled, read in place.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use flate2::read::GzDecoder;
use neptune_sensitive::{Kind, find};
use serde_json::Value;
use std::{collections::BTreeMap, io::Read as _, path::PathBuf, time::Instant};

/// Rows of a file: text, spans as kind and bytes, kinds that are labelled completely.
type Row = (String, Vec<(String, usize, usize)>, Vec<String>);

fn rows(name: &str) -> Option<Vec<Row>> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    let shared = std::env::var_os("NEPTUNE_SHARED").map_or_else(|| root.join("../shared"), PathBuf::from);
    let path = shared.join("data/sensitive").join(name);
    let Ok(file) = std::fs::File::open(&path) else {
        println!("skipped: {} is not there; NEPTUNE_SHARED names the folder of shared data", path.display());
        return None;
    };
    let mut text = String::new();
    GzDecoder::new(file).read_to_string(&mut text).unwrap();
    Some(text.lines().map(|line| row(&serde_json::from_str(line).unwrap())).collect())
}

fn row(row: &Value) -> Row {
    let encoded = |text: &str| String::from_utf8_lossy(&BASE64_STANDARD.decode(text).unwrap()).into_owned();
    let text = row["text"].as_str().map(str::to_owned).unwrap_or_else(|| encoded(row["text_b64"].as_str().unwrap()));
    let number = |value: &Value| usize::try_from(value.as_u64().unwrap()).unwrap();
    let spans = row["spans"].as_array().unwrap().iter();
    let spans = spans.map(|span| (span["k"].as_str().unwrap().to_owned(), number(&span["bs"]), number(&span["be"])));
    let scope = row["scope"].as_array().unwrap().iter().map(|kind| kind.as_str().unwrap().to_owned());
    (text, spans.collect(), scope.collect())
}

/// Of each kind: labelled, found of these, found where nothing is labelled.
fn count(rows: &[Row], counts: &mut BTreeMap<&'static str, [usize; 3]>) {
    for (text, spans, scope) in rows {
        let seen = find(text);
        for kind in Kind::ALL {
            let count = counts.entry(kind.as_str()).or_default();
            for (_, start, end) in spans.iter().filter(|(name, ..)| name == kind.as_str()) {
                let covered: usize = seen
                    .iter()
                    .filter(|one| one.kind == kind)
                    .map(|one| one.end.min(*end).saturating_sub(one.start.max(*start)))
                    .sum();
                count[0] += 1;
                count[1] += usize::from(covered * 2 >= end - start);
            }
            // What lies in data of another kind is taken for another, not for nothing.
            let is_apart = |start: usize, end: usize| spans.iter().all(|(_, from, to)| end <= *from || *to <= start);
            let is_scored = scope.iter().any(|name| name == kind.as_str());
            let wrong = seen.iter().filter(|one| one.kind == kind && is_scored && is_apart(one.start, one.end));
            count[2] += wrong.count();
        }
    }
}

#[test]
fn labelled_data_is_found() {
    let (Some(personal), Some(secrets)) = (rows("pii_public.jsonl.gz"), rows("secrets_public.jsonl.gz")) else {
        return;
    };
    let mut counts = BTreeMap::new();
    let began = Instant::now();
    count(&personal, &mut counts);
    count(&secrets, &mut counts);
    let bytes: usize = personal.iter().chain(&secrets).map(|(text, ..)| text.len()).sum();
    println!("{} KiB in {:?}", bytes / 1_024, began.elapsed());
    for (kind, [labelled, found, wrong]) in &counts {
        println!("{kind}: {found} of {labelled} found, {wrong} found wrongly");
    }
    // Of what has a form nearly everything, of what is only called so the most.
    for (kind, share) in LEAST {
        let [labelled, found, _] = counts[kind];
        assert!(labelled > 0 && found * 100 >= labelled * share, "{kind}: {found} of {labelled}");
    }
}

/// What of each kind is found at least, in percent.
const LEAST: [(&str, usize); 6] =
    [("EMAIL", 95), ("CREDIT_CARD", 90), ("IBAN", 95), ("US_SSN", 85), ("IP", 80), ("PHONE", 60)];

#[test]
fn ordinary_text_is_left_alone() {
    let Some(benign) = rows("benign_public.jsonl.gz") else { return };
    let wrong: Vec<&str> =
        benign.iter().filter(|(text, ..)| !find(text).is_empty()).map(|row| row.0.as_str()).collect();
    println!("{} of {} ordinary texts have a finding", wrong.len(), benign.len());
    assert!(wrong.len() * 100 <= benign.len(), "{}", wrong[..wrong.len().min(5)].join("\n---\n"));
}
