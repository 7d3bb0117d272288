//! A task has ended: its projection and an entry per attempt.

use crate::domain::records::{Records, Unrecordable, of_task_finished};
use neptune_contracts::finished::TaskFinished;

pub(super) fn records(fact: TaskFinished) -> Result<Records, Unrecordable> {
    of_task_finished(fact)
}
