//! A run has ended: its projection.

use crate::domain::{
    records::{Records, Unrecordable},
    runs::of_finished,
};
use neptune_contracts::run::finished::RunFinished;

pub(super) fn records(fact: RunFinished) -> Result<Records, Unrecordable> {
    of_finished(&fact)
}
