//! How right predictions are: accuracy, F1, and what is taken for what.

use neptune_contracts::names::TaskType;
use std::fmt::Write as _;

const KINDS: usize = TaskType::ALL.len();

/// Counts of predictions by true and predicted type.
#[derive(Clone, Debug, Default)]
pub struct Report {
    counts: [[usize; KINDS]; KINDS],
    bands: [Band; 10],
}

/// Predictions whose confidence lies in one tenth.
#[derive(Clone, Copy, Debug, Default)]
struct Band {
    count: usize,
    right: usize,
    confidence: f64,
}

impl Report {
    /// Counts a prediction. Confidence is 0 to 1.
    pub fn add(&mut self, truth: TaskType, predicted: TaskType, confidence: f64) {
        if let Some(count) = self.counts.get_mut(index(truth)).and_then(|row| row.get_mut(index(predicted))) {
            *count += 1;
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to 0 to 9")]
        let tenth = (confidence * 10.0).clamp(0.0, 9.0) as usize;
        if let Some(band) = self.bands.get_mut(tenth) {
            band.count += 1;
            band.right += usize::from(truth == predicted);
            band.confidence += confidence;
        }
    }

    /// How many predictions were counted.
    #[must_use]
    pub fn total(&self) -> usize {
        self.counts.iter().flatten().sum()
    }

    /// Share of right predictions; 0 when there are none.
    #[must_use]
    pub fn accuracy(&self) -> f64 {
        share(self.diagonal().iter().sum(), self.total())
    }

    /// Precision, recall and F1 of a type.
    #[must_use]
    pub fn of(&self, task_type: TaskType) -> (f64, f64, f64) {
        let right = self.diagonal().get(index(task_type)).copied().unwrap_or_default();
        let predicted = self.counts.iter().filter_map(|row| row.get(index(task_type))).sum();
        let (precision, recall) = (share(right, predicted), share(right, self.truths(task_type)));
        let both = precision + recall;
        (precision, recall, if both > 0.0 { 2.0 * precision * recall / both } else { 0.0 })
    }

    /// Mean F1 of the types that occur.
    #[must_use]
    pub fn macro_f1(&self) -> f64 {
        let present: Vec<f64> = TaskType::ALL
            .iter()
            .filter(|task_type| self.truths(**task_type) > 0)
            .map(|task_type| self.of(*task_type).2)
            .collect();
        present.iter().sum::<f64>() / float(present.len().max(1))
    }

    /// Mean distance between confidence and accuracy over tenths of confidence (the expected
    /// calibration error of Guo and others 2017).
    #[must_use]
    pub fn calibration_error(&self) -> f64 {
        let distance = |band: &Band| (band.confidence - float(band.right)).abs();
        self.bands.iter().map(distance).sum::<f64>() / float(self.total().max(1))
    }

    /// Everything as text: a line of totals, a line a type, and the confusion table.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = format!(
            "{} prompts: accuracy {:.1} %, macro-F1 {:.3}, calibration error {:.3}\n\n",
            self.total(),
            self.accuracy() * 100.0,
            self.macro_f1(),
            self.calibration_error()
        );
        let _ = write!(text, "{:<20}{:>6} {:>5} {:>5} {:>5}  as", "type", "count", "prec", "rec", "F1");
        for task_type in TaskType::ALL {
            let _ = write!(text, "{:>6.5}", task_type.as_str());
        }
        text.push('\n');
        for (task_type, row) in TaskType::ALL.iter().zip(&self.counts) {
            let (precision, recall, f1) = self.of(*task_type);
            let count = self.truths(*task_type);
            let name = task_type.as_str();
            let _ = write!(text, "{name:<20}{count:>6} {precision:>5.2} {recall:>5.2} {f1:>5.2}    ");
            for count in row {
                let _ = write!(text, "{count:>6}");
            }
            text.push('\n');
        }
        text.push_str("\nconfidence  share  accuracy\n");
        for (tenth, band) in self.bands.iter().enumerate().filter(|(_, band)| band.count > 0) {
            let from = float(tenth) / 10.0;
            let (part, right) = (share(band.count, self.total()) * 100.0, share(band.right, band.count) * 100.0);
            let _ = writeln!(text, "{from:.1} - {:.1}  {part:>4.1} %  {right:>6.1} %", from + 0.1);
        }
        text
    }

    fn diagonal(&self) -> [usize; KINDS] {
        let mut diagonal = [0; KINDS];
        for (place, (number, row)) in diagonal.iter_mut().zip(self.counts.iter().enumerate()) {
            *place = row.get(number).copied().unwrap_or_default();
        }
        diagonal
    }

    fn truths(&self, task_type: TaskType) -> usize {
        self.counts.get(index(task_type)).map(|row| row.iter().sum()).unwrap_or_default()
    }
}

fn index(task_type: TaskType) -> usize {
    TaskType::ALL.iter().position(|known| *known == task_type).unwrap_or_default()
}

fn share(part: usize, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { float(part) / float(whole) }
}

#[expect(clippy::cast_precision_loss, reason = "counts of prompts fit")]
fn float(count: usize) -> f64 {
    count as f64
}
