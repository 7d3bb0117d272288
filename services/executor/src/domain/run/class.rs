//! How sensitive a run is. The engine keeps it as a rank, the highest of everything that came to the run; what a rank
//! means is said here, and nowhere else.
//!
//! Events carry their class with them, as the CloudEvents extension attribute [`CLASS_ATTRIBUTE`]: what a run emits says how
//! sensitive the run was, and joins whatever run hears it.

use neptune_contracts::{names::DataClass, run::input::CLASS_ATTRIBUTE};
use neptune_workflow::run::Sensitivity;
use serde_json::Value;

/// The rank of a class. Ranks stand in logs and never change.
#[must_use]
pub const fn rank(class: DataClass) -> Sensitivity {
    match class {
        DataClass::Public => 0,
        DataClass::Internal => 1,
        DataClass::Confidential => 2,
        DataClass::Restricted => 3,
    }
}

/// The class of a rank; nothing where nothing says more than that it may be public.
#[must_use]
pub const fn of(rank: Sensitivity) -> Option<DataClass> {
    match rank {
        0 => None,
        1 => Some(DataClass::Internal),
        2 => Some(DataClass::Confidential),
        _ => Some(DataClass::Restricted),
    }
}

/// The rank of an event. A class that nobody knows counts as the most sensitive one.
#[must_use]
pub fn of_event(event: &Value) -> Sensitivity {
    match event.get(CLASS_ATTRIBUTE) {
        None | Some(Value::Null) => 0,
        Some(said) => said.as_str().and_then(|said| said.parse().ok()).map_or(rank(DataClass::Restricted), rank),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn ranks_go_up_with_classes_and_back() {
        let ranks: Vec<Sensitivity> = DataClass::ALL.iter().map(|class| rank(*class)).collect();
        assert_eq!(ranks, [0, 1, 2, 3]);
        for class in DataClass::ALL.iter().skip(1) {
            assert_eq!(of(rank(*class)), Some(*class));
        }
    }

    #[test]
    fn a_class_that_nobody_knows_is_the_most_sensitive_one() {
        for (event, wanted) in [
            (json!({"type": "a"}), 0),
            (json!({"neptuneclass": null}), 0),
            (json!({"neptuneclass": "confidential"}), 2),
            (json!({"neptuneclass": "a secret"}), 3),
            (json!({"neptuneclass": 7}), 3),
        ] {
            assert_eq!(of_event(&event), wanted, "{event}");
        }
    }
}
