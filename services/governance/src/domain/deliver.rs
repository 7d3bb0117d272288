//! May a result leave over a channel?

use super::policy::Policy;
use neptune_contracts::{delivery::Delivery, names::DataClass};

/// Why a delivery may not go out; nothing when it may.
#[must_use]
pub fn refusal(delivery: &Delivery, policy: &Policy) -> Option<String> {
    let channel = delivery.spec.channel;
    let Some(team) = policy.team(&delivery.team) else {
        return Some(format!("there is no team {}", delivery.team));
    };
    let mut problems = Vec::new();
    delivery.spec.problems("spec", policy.resources(), &mut problems);
    if let Some(problem) = problems.first() {
        return Some(problem.to_string());
    }
    if !team.channels.contains(&channel) {
        return Some(format!("team {} may not deliver over {channel}; add it to the team's channels", delivery.team));
    }
    let is_restricted = team.class.max(delivery.class) == DataClass::Restricted;
    is_restricted.then(|| format!("restricted data does not leave over {channel}"))
}
