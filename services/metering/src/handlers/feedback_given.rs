//! Somebody said how good an answer was: kept, whether or not its task is known yet.

use crate::domain::records::{Records, Unrecordable, of_feedback_given};
use neptune_contracts::feedback::FeedbackGiven;

pub(super) fn records(given: FeedbackGiven) -> Result<Records, Unrecordable> {
    of_feedback_given(&given)
}
