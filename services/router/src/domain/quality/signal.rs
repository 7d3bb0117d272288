//! What is said about one answer, and how it counts: each task once, by the strongest signal.

use super::{
    cell::{Cell, Mark},
    context::Context,
};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// Who says whether an answer was good, weakest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Nobody: what became of the task lets it be guessed, for example that it was asked again.
    Implied,
    /// A model that judges answers.
    Judge,
    /// The task's own schema or rule.
    Validation,
    /// A person, or a program that knows.
    Explicit,
}

impl Kind {
    /// Every kind, weakest first.
    pub const ALL: [Self; 4] = [Self::Implied, Self::Judge, Self::Validation, Self::Explicit];

    /// A signal counts as so many observations.
    #[must_use]
    pub const fn weight(self) -> f64 {
        match self {
            Self::Implied => 0.15,
            Self::Judge => 0.3,
            Self::Validation => 0.7,
            Self::Explicit => 1.0,
        }
    }

    /// A signal takes the place of those with a lower rank, and of an older one of its own.
    #[must_use]
    pub const fn rank(self) -> u8 {
        match self {
            Self::Implied => 0,
            Self::Judge => 1,
            Self::Validation => 2,
            Self::Explicit => 3,
        }
    }
}

/// One thing said about one answer.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Signal {
    /// Who says it.
    pub kind: Kind,
    /// How good the answer was, 0 to 1.
    pub reward: f64,
    /// When it was said, in milliseconds since 1970.
    pub at_ms: i64,
}

/// The signal that counts for a task, and where it was counted.
#[derive(Clone, Debug, PartialEq)]
pub struct Receipt {
    /// The signal.
    pub signal: Signal,
    /// When the task was first counted: its place in every cell.
    pub counted_at_ms: i64,
    /// Its place in the cell of each level, coarse first.
    pub marks: Vec<Mark>,
}

/// What a signal did.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// It was counted. The keys of contexts in which the model is no longer what it was.
    Counted {
        /// Keys of contexts.
        changed: Vec<String>,
    },
    /// It took the place of a weaker one.
    Replaced,
    /// A signal at least as strong had been counted.
    Ignored,
}

/// Feedback taken in so far, in the memory of one process. Redis keeps the same for all replicas.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Book {
    /// The evidence, by context key and model.
    pub cells: super::Cells,
    /// What counts for each task and model.
    pub receipts: HashMap<(u128, String), Receipt>,
}

impl Book {
    /// Takes in what is said about the answer of `model` to `task`, of which `expected` was
    /// believed in `context`.
    pub fn give(&mut self, task: u128, model: &str, (context, expected): (&Context, f64), signal: Signal) -> Effect {
        let known = self.receipts.get(&(task, model.to_owned())).cloned();
        let Some(mut receipt) = known else { return self.count(task, model, (context, expected), signal) };
        if !is_stronger(&signal, &receipt.signal) {
            return Effect::Ignored;
        }
        let (old, new) = (receipt.signal, signal);
        for ((_, key), mark) in context.keys().iter().zip(&receipt.marks) {
            let weighed = |signal: Signal| (signal.reward, signal.kind.weight());
            self.cell(key, model).replace(*mark, weighed(old), weighed(new), receipt.counted_at_ms);
        }
        receipt.signal = signal;
        self.receipts.insert((task, model.to_owned()), receipt);
        Effect::Replaced
    }

    fn count(&mut self, task: u128, model: &str, (context, expected): (&Context, f64), signal: Signal) -> Effect {
        let (mut marks, mut changed) = (Vec::new(), Vec::new());
        for (_, key) in context.keys() {
            let weighed = (signal.reward, signal.kind.weight());
            let (mark, has_changed) = self.cell(key, model).count(weighed, expected, signal.at_ms);
            marks.push(mark);
            if has_changed {
                changed.push(key.clone());
            }
        }
        let receipt = Receipt { signal, counted_at_ms: signal.at_ms, marks };
        self.receipts.insert((task, model.to_owned()), receipt);
        Effect::Counted { changed }
    }

    fn cell(&mut self, key: &str, model: &str) -> &mut Cell {
        self.cells.entry(key.to_owned()).or_default().entry(model.to_owned()).or_default()
    }
}

/// Whether `new` takes the place of `old`: by rank, then by time. The same signal again does not.
fn is_stronger(new: &Signal, old: &Signal) -> bool {
    (new.kind.rank(), new.at_ms) > (old.kind.rank(), old.at_ms)
}
