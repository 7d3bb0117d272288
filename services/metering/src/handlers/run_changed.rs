//! A run is in another state: its projection.

use crate::domain::{
    records::{Records, Unrecordable},
    runs::of_changed,
};
use neptune_contracts::run::changed::RunChanged;

pub(super) fn records(changed: RunChanged) -> Result<Records, Unrecordable> {
    of_changed(&changed)
}
