//! How runs end.

use super::{Change, Instance, Machine, Problem, Standard, Work};
use crate::run::{
    clock,
    state::{Ending, Phase},
};
use std::sync::Arc;

impl Machine<'_> {
    /// Ends the run, after undoing what is to be undone unless it completed.
    pub(super) fn close(&mut self, ending: Ending) {
        if let Phase::Compensating(_) = self.run.phase {
            // It ends as was decided before; what undoes a task is given up.
            let begun: Vec<Instance> = self.run.frames.keys().copied().collect();
            begun.into_iter().rev().for_each(|instance| self.push(Change::Dropped { instance, instead: None }));
            return self.undo_next();
        }
        let ending = Arc::new(ending);
        if self.run.compensations.is_empty() || matches!(*ending, Ending::Completed { .. }) {
            return self.push(Change::Ended { ending });
        }
        self.push(Change::Compensating { ending });
        self.undo_next();
    }

    /// The time of a task, or of the run, is over.
    pub(super) fn too_long(&mut self, instance: Instance) {
        let Some(frame) = self.run.frames.get(&instance) else { return };
        let limit_ms = frame.limit_ms.unwrap_or_default().saturating_sub(frame.started_ms);
        let problem = |what: &str| {
            let limit = clock::seconds(limit_ms);
            Problem::new(Standard::Timeout, format!("the {what} took longer than its limit of {limit}"))
        };
        if instance == 0 {
            return self.close(Ending::TimedOut { problem: problem("run") });
        }
        self.work.push(Work::Fail { instance, problem: problem("task") });
    }
}
