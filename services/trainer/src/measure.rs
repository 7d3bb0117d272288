//! How right a model is, on prompts it has not learned from.

use crate::{
    corpus::Row,
    material::{Sample, may_teach},
    pack::Packed,
    report::Report,
    train::train,
};
use neptune_contracts::names::TaskType;
use neptune_router::domain::task_type::{model::Model, tokens::Tokens};
use std::collections::BTreeMap;

/// Parts of a cross-validation.
const FOLDS: u64 = 5;

/// Whether a row is one of the prompts by people, in English, labelled by people: what counts.
#[must_use]
pub fn is_human_english(row: &Row) -> bool {
    row.label_source == "human" && row.lang == "en"
}

/// Reports on the rows that no model learns from: those of people in English, and each set.
#[must_use]
pub fn measure(packed: &Packed, rows: &[Row]) -> BTreeMap<String, Report> {
    let mut reports: BTreeMap<String, Report> = BTreeMap::new();
    for row in rows.iter().filter(|row| !may_teach(&row.source)) {
        let Some(truth) = row.task_type else { continue };
        if is_human_english(row) {
            count(reports.entry("human English".to_owned()).or_default(), packed, (&row.prompt, truth));
        }
        count(reports.entry(row.source.clone()).or_default(), packed, (&row.prompt, truth));
    }
    reports
}

/// Reports on the samples by set, each fifth predicted by a model that learned from the others.
#[must_use]
pub fn cross_validate(samples: &[Sample]) -> BTreeMap<String, Report> {
    let mut reports: BTreeMap<String, Report> = BTreeMap::new();
    for fold in 0..FOLDS {
        let (held_out, taught): (Vec<Sample>, Vec<Sample>) =
            samples.iter().cloned().partition(|sample| (sample.group >> 32) % FOLDS == fold);
        let packed = train(&taught);
        for sample in held_out {
            count(reports.entry(sample.source).or_default(), &packed, (&sample.text, sample.task_type));
        }
    }
    reports
}

fn count(report: &mut Report, packed: &Packed, (text, truth): (&str, TaskType)) {
    let Some(model) = Model::read(packed) else { return };
    let [best, _] = model.classify(&Tokens::read(text));
    report.add(truth, best.task_type, best.confidence);
}
