//! Typed identifiers. Time-ordered (UUID v7) where they are minted, name-derived (UUID v5) where
//! the same thing must get the same id twice.

use crate::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};
use uuid::{Uuid, Variant};

/// Why a text is no id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an id: a UUID such as 0199f2aa-0000-7000-8000-0000000000e1 is meant, copied whole")]
pub struct InvalidId;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl $name {
            /// Mints a new, time-ordered id.
            #[must_use]
            pub fn mint() -> Self {
                Self(Uuid::now_v7())
            }

            /// The id that `name` always gets within `scope`.
            #[must_use]
            pub fn derive(scope: Uuid, name: &str) -> Self {
                Self(Uuid::new_v5(&scope, name.as_bytes()))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Uuid::parse_str(text).map(Self).map_err(|_| InvalidId)
            }
        }
    };
}

id!(/// One AI request.
    TaskId);
id!(/// One call to one model.
    AttemptId);
id!(/// One execution of a workflow.
    RunId);
id!(/// One message to one recipient over one channel; also the `webhook-id` the recipient sees.
    DeliveryId);
id!(/// One thing said about one answer.
    FeedbackId);
id!(/// Money reserved before a call.
    HoldId);
id!(/// One process of a service, from its start to its end.
    ReplicaId);

impl TaskId {
    /// Whether the id was minted less than `seconds` before `now`, by its own time. Ids that hold
    /// no time, such as those derived from an idempotency key, never are.
    #[must_use]
    pub fn is_younger_than(self, seconds: u64, now: Timestamp) -> bool {
        let minted = self.0.get_timestamp().filter(|_| self.0.get_version_num() == 7);
        let now = u64::try_from(now.unix_seconds()).unwrap_or(0);
        minted.is_some_and(|minted| now.saturating_sub(minted.to_unix().0) < seconds)
    }

    /// Whether a caller may name its task by it: a UUID v7, which the caller minted, or v5, which
    /// Neptune itself derives and answers where a task came without an id.
    #[must_use]
    pub fn may_be_submitted(self) -> bool {
        self.0.get_variant() == Variant::RFC4122 && matches!(self.0.get_version_num(), 5 | 7)
    }

    /// The id of a task that was published without one: the same on every redelivery, because it
    /// is derived from where the broker stored the message.
    #[must_use]
    pub fn of_stored(stream: &str, sequence: u64) -> Self {
        Self::derive(Uuid::NAMESPACE_OID, &format!("{stream}/{sequence}"))
    }
}

impl DeliveryId {
    /// The id of the delivery that the entry `index` of a task's `deliver` list asks for.
    #[must_use]
    pub fn of_task(task: TaskId, index: usize) -> Self {
        Self::derive(task.0, &format!("deliver.{index}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn minted_and_derived_ids_may_be_submitted() {
        assert!(TaskId::mint().may_be_submitted());
        assert!(TaskId::derive(Uuid::NAMESPACE_OID, "key").may_be_submitted());
        let random = Uuid::from_u128(0x9b2c1f6e_5a0d_4b8f_9c37_2f1f0a5d6e21);
        for id in [Uuid::nil(), Uuid::max(), random] {
            assert!(!TaskId(id).may_be_submitted(), "{id}");
        }
    }

    #[test]
    fn only_fresh_ids_are_young() {
        let now = Timestamp::now();
        assert!(TaskId::mint().is_younger_than(60, now));
        assert!(!TaskId::mint().is_younger_than(60, now.plus_millis(120_000)));
        assert!(!TaskId::derive(Uuid::NAMESPACE_OID, "key").is_younger_than(60, now));
    }
}
