//! May a result leave over a channel?

use neptune_contracts::{delivery::Delivery, names::DataClass, resource::Resources};

/// Why a delivery may not go out; nothing when it may.
#[must_use]
pub fn refusal(delivery: &Delivery, resources: &Resources) -> Option<String> {
    let channel = delivery.spec.channel;
    let Some(team) = resources.teams.get(delivery.team.as_str()) else {
        return Some(format!("there is no team {}", delivery.team));
    };
    if !team.channels.contains(&channel) {
        return Some(format!("team {} may not deliver over {channel}; add it to the team's channels", delivery.team));
    }
    (delivery.class == DataClass::Restricted).then(|| format!("restricted data does not leave over {channel}"))
}
