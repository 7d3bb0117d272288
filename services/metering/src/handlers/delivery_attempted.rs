//! A try to deliver was made.

use crate::domain::records::{Records, Unrecordable, of_delivery_attempted};
use neptune_contracts::delivery::DeliveryAttempted;

pub(super) fn records(attempted: DeliveryAttempted) -> Result<Records, Unrecordable> {
    of_delivery_attempted(&attempted)
}
