//! Labelled prompts from files, and what is counted of them.

use flate2::{Compression, write::GzEncoder};
use neptune_contracts::names::TaskType;
use neptune_trainer::{corpus, report::Report};
use std::{fs, io::Write as _, path::Path};

const LINES: &str =
    "{\"id\": \"a\", \"prompt\": \"hi\", \"task_type\": \"chat\"}\n\n{\"id\": \"b\", \"prompt\": \"x\", \"more\": 1}\n";

fn ids(path: &Path) -> Vec<String> {
    corpus::read(path).unwrap().map(|row| row.unwrap().id).collect()
}

#[test]
fn plain_and_packed_files_are_read_alike() {
    let folder = tempfile::tempdir().unwrap();
    let (plain, packed) = (folder.path().join("a.jsonl"), folder.path().join("b"));
    fs::write(&plain, LINES).unwrap();
    let mut encoder = GzEncoder::new(fs::File::create(&packed).unwrap(), Compression::fast());
    encoder.write_all(LINES.as_bytes()).unwrap();
    encoder.finish().unwrap();
    assert_eq!(ids(&plain), ["a", "b"]);
    assert_eq!(ids(&packed), ["a", "b"]);
    let first = corpus::read(&packed).unwrap().next().unwrap().unwrap();
    assert_eq!(first.task_type, Some(TaskType::Chat));
}

#[test]
fn a_fault_names_the_file_and_the_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.jsonl");
    fs::write(&path, format!("{LINES}{{\"id\": 7}}\n")).unwrap();
    let error = corpus::read(&path).unwrap().find_map(Result::err).unwrap().to_string();
    assert!(error.contains("a.jsonl:4") && error.contains("`prompt`"), "{error}");
    assert!(corpus::read(&folder.path().join("absent")).is_err());
}

#[test]
fn accuracy_and_f1_are_those_of_the_definition() {
    let mut report = Report::default();
    for (truth, predicted, confidence) in [
        (TaskType::Chat, TaskType::Chat, 0.9),
        (TaskType::Chat, TaskType::Rewriting, 0.6),
        (TaskType::Rewriting, TaskType::Rewriting, 1.0),
        (TaskType::Rewriting, TaskType::Rewriting, 0.5),
    ] {
        report.add(truth, predicted, confidence);
    }
    assert_eq!((report.total(), report.accuracy()), (4, 0.75));
    assert_eq!(report.of(TaskType::Chat), (1.0, 0.5, 2.0 / 3.0));
    assert!((report.macro_f1() - (2.0 / 3.0 + 0.8) / 2.0).abs() < 1e-12, "{}", report.macro_f1());
    // Tenths of confidence: 0.9 and 1.0 share one (1.9 against 2 right), 0.6 is wrong, 0.5 right.
    assert!((report.calibration_error() - (0.1 + 0.6 + 0.5) / 4.0).abs() < 1e-12);
    assert!(report.text().contains("4 prompts: accuracy 75.0 %"));
    assert_eq!((Report::default().accuracy(), Report::default().macro_f1()), (0.0, 0.0));
}
