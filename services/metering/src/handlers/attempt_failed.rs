//! A call failed: its entry, unless its task's fact brought it already.

use crate::domain::records::{Records, Unrecordable, of_attempt_failed};
use neptune_contracts::attempt::AttemptFailed;

pub(super) fn records(failed: AttemptFailed) -> Result<Records, Unrecordable> {
    of_attempt_failed(&failed)
}
