//! What a run asks for, with all that is needed to do it.

use neptune_contracts::run::changed::RunState;
use neptune_workflow::run::{Action, Ending, Instance, Request, Timer};
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// Something that a run asks for. Doing it again changes nothing.
#[derive(Debug, Clone, PartialEq)]
pub enum Deed {
    /// A call.
    Ask {
        /// The step.
        instance: Instance,
        /// What is called.
        request: Arc<Request>,
    },
    /// The answer of a call is not wanted any more.
    Cut {
        /// The step.
        instance: Instance,
        /// What was called.
        request: Arc<Request>,
    },
    /// A timer is set.
    Set {
        /// The timer.
        timer: Timer,
        /// When, in milliseconds since 1970.
        due_ms: u64,
    },
    /// A timer is taken back.
    Clear {
        /// The timer.
        timer: Timer,
    },
    /// An event is published.
    Emit {
        /// The step.
        instance: Instance,
        /// The event.
        event: Arc<Value>,
    },
    /// Whoever looks for runs is told how it stands now.
    Tell {
        /// How.
        state: RunState,
        /// Counts the changes of its state.
        change: u32,
        /// Since when, in milliseconds since 1970.
        at_ms: u64,
    },
    /// The run has ended.
    End {
        /// How.
        ending: Arc<Ending>,
    },
}

impl Deed {
    /// Whether nothing in the run says later that it is still waited for, so that only the log knows of it.
    #[must_use]
    pub fn is_aside(&self) -> bool {
        match self {
            Self::Ask { request, .. } => !request.is_awaited,
            Self::Cut { .. } | Self::Emit { .. } | Self::Tell { .. } => true,
            Self::Set { .. } | Self::Clear { .. } | Self::End { .. } => false,
        }
    }
}

/// The deeds of actions. `asked` has the calls that are not answered yet, and is kept so.
pub fn resolve(actions: Vec<Action>, asked: &mut BTreeMap<Instance, Arc<Request>>) -> Vec<Deed> {
    let deed = |action| match action {
        Action::Call { instance, request } => {
            asked.insert(instance, Arc::clone(&request));
            Some(Deed::Ask { instance, request })
        }
        Action::Abort { instance } => asked.remove(&instance).map(|request| Deed::Cut { instance, request }),
        Action::SetTimer { timer, due_ms } => Some(Deed::Set { timer, due_ms }),
        Action::ClearTimer { timer } => Some(Deed::Clear { timer }),
        Action::Emit { instance, event } => Some(Deed::Emit { instance, event }),
        Action::End { ending } => Some(Deed::End { ending }),
    };
    actions.into_iter().filter_map(deed).collect()
}

/// The deeds that are left when those that were taken back at once, or asked for twice, are left out. With the end of
/// the run all its timers go.
#[must_use]
pub fn settled(deeds: Vec<Deed>) -> Vec<Deed> {
    let ends = deeds.iter().any(|deed| matches!(deed, Deed::End { .. }));
    let cut: BTreeSet<Instance> = deeds.iter().filter_map(cut_of).collect();
    let asked: BTreeSet<Instance> = deeds.iter().filter_map(asked_of).collect();
    let set: BTreeSet<Timer> = deeds.iter().filter_map(set_of).collect();
    let cleared: BTreeSet<Timer> = deeds.iter().filter_map(cleared_of).collect();
    let mut seen = BTreeSet::new();
    let is_left = |deed: &Deed| match deed {
        Deed::Ask { instance, .. } => !cut.contains(instance) && seen.insert((0, *instance, None)),
        Deed::Cut { instance, .. } => !asked.contains(instance) && seen.insert((1, *instance, None)),
        Deed::Set { timer, .. } => !ends && !cleared.contains(timer) && seen.insert((2, 0, Some(*timer))),
        Deed::Clear { timer } => !ends && !set.contains(timer) && seen.insert((3, 0, Some(*timer))),
        Deed::Emit { instance, .. } => seen.insert((4, *instance, None)),
        // What its end tells goes before.
        Deed::Tell { change, .. } => !ends && seen.insert((6, u64::from(*change), None)),
        Deed::End { .. } => seen.insert((5, 0, None)),
    };
    deeds.into_iter().filter(is_left).collect()
}

fn cut_of(deed: &Deed) -> Option<Instance> {
    if let Deed::Cut { instance, .. } = deed { Some(*instance) } else { None }
}

fn asked_of(deed: &Deed) -> Option<Instance> {
    if let Deed::Ask { instance, .. } = deed { Some(*instance) } else { None }
}

fn set_of(deed: &Deed) -> Option<Timer> {
    if let Deed::Set { timer, .. } = deed { Some(*timer) } else { None }
}

fn cleared_of(deed: &Deed) -> Option<Timer> {
    if let Deed::Clear { timer } = deed { Some(*timer) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use neptune_workflow::run::Purpose;

    fn timer(instance: Instance) -> Timer {
        Timer { instance, purpose: Purpose::Limit, turn: 0 }
    }

    #[test]
    fn what_is_taken_back_at_once_is_not_done() {
        let set = |instance| Deed::Set { timer: timer(instance), due_ms: 5 };
        let clear = |instance| Deed::Clear { timer: timer(instance) };
        let left = settled(vec![set(1), clear(1), set(2), set(2), clear(3)]);
        assert_eq!(left, [set(2), clear(3)]);
        let end = Deed::End { ending: Arc::new(Ending::Cancelled { reason: String::new() }) };
        assert_eq!(settled(vec![set(1), clear(3), end.clone()]), [end]);
    }
}
