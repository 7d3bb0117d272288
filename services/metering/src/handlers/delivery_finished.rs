//! A delivery has ended: its projection, and an entry with what it cost.

use crate::domain::records::{Records, Unrecordable, of_delivery_finished};
use neptune_contracts::delivery::DeliveryFinished;

pub(super) fn records(finished: DeliveryFinished) -> Result<Records, Unrecordable> {
    of_delivery_finished(&finished)
}
