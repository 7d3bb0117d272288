//! Which consumers serve which zones.

use neptune_contracts::{
    names::{Lane, Zone},
    topology::{
        ConsumerSpec, EXECUTOR_EXTERNAL_BATCH, EXECUTOR_EXTERNAL_BATCHES, EXECUTOR_EXTERNAL_REALTIME,
        EXECUTOR_ONPREM_BATCH, EXECUTOR_ONPREM_BATCHES, EXECUTOR_ONPREM_REALTIME, EXECUTOR_PRIVATE_BATCH,
        EXECUTOR_PRIVATE_BATCHES, EXECUTOR_PRIVATE_REALTIME,
    },
};

/// The consumers of `zones`, each with its lane.
#[must_use]
pub fn consumers(zones: &[Zone]) -> Vec<(&'static ConsumerSpec, Lane)> {
    let of_zone = |zone: &Zone| match zone {
        Zone::External => [&EXECUTOR_EXTERNAL_REALTIME, &EXECUTOR_EXTERNAL_BATCH],
        Zone::Private => [&EXECUTOR_PRIVATE_REALTIME, &EXECUTOR_PRIVATE_BATCH],
        Zone::Onprem => [&EXECUTOR_ONPREM_REALTIME, &EXECUTOR_ONPREM_BATCH],
    };
    zones.iter().flat_map(|zone| of_zone(zone).into_iter().zip([Lane::Realtime, Lane::Batch])).collect()
}

/// The consumers by which collections for batches of `zones` are looked at.
#[must_use]
pub fn of_batches(zones: &[Zone]) -> Vec<&'static ConsumerSpec> {
    let of_zone = |zone: &Zone| match zone {
        Zone::External => &EXECUTOR_EXTERNAL_BATCHES,
        Zone::Private => &EXECUTOR_PRIVATE_BATCHES,
        Zone::Onprem => &EXECUTOR_ONPREM_BATCHES,
    };
    zones.iter().map(of_zone).collect()
}
