//! What people want of a run.

use super::{Change, Doing, Instance, Machine, Output, Role, Work};
use crate::run::{
    Control, Event,
    state::{Ending, Phase},
};
use std::sync::Arc;

impl Machine<'_> {
    pub(super) fn control(&mut self, id: &str, control: &Control) {
        if self.run.phase == Phase::New || self.run.seen.contains(id) {
            return;
        }
        let is_running = self.run.phase == Phase::Running;
        match control {
            Control::Cancel { reason } if is_running => {
                self.push(Change::Seen { id: id.to_owned() });
                self.close(Ending::Cancelled { reason: reason.clone() });
            }
            Control::Pause if is_running && !self.run.is_paused => {
                self.push(Change::Seen { id: id.to_owned() });
                self.push(Change::Paused);
            }
            Control::Resume if self.run.is_paused => {
                self.push(Change::Seen { id: id.to_owned() });
                self.resume();
            }
            Control::Retry => self.retry_failed(id),
            _ => {}
        }
    }

    /// Decides about everything that came while the run was paused, in the order in which it came.
    fn resume(&mut self) {
        let held: Vec<Event> = self.run.held.clone();
        self.push(Change::Resumed);
        for event in held {
            self.arrive(&event);
            self.work_off();
        }
    }

    /// Begins again what failed, and what was given up beside it; what is finished stays so.
    fn retry_failed(&mut self, id: &str) {
        // Nothing is to be done again where the workflow's own input or output is not what it must be.
        let (Phase::Ended(_), Some(failed @ 1..)) = (&self.run.phase, self.run.failed) else { return };
        self.push(Change::Seen { id: id.to_owned() });
        self.push(Change::Retried { now_ms: self.now_ms });
        let parents: Vec<Instance> = self.run.frames.values().filter_map(|frame| frame.parent).collect();
        let leaves: Vec<Instance> =
            self.run.frames.keys().copied().filter(|instance| !parents.contains(instance)).collect();
        for instance in leaves.into_iter().rev() {
            let Some(frame) = self.run.frames.get(&instance) else { continue };
            match (frame.role, frame.parent) {
                // It listens still, with what it has heard.
                (Role::Task, _) if matches!(frame.doing, Doing::Listen(_)) && instance != failed => {}
                (Role::Task, Some(parent)) => {
                    let (slot, at, raw) = (frame.slot, frame.at, Some(Arc::clone(&frame.raw)));
                    self.push(Change::Withdrawn { instance });
                    self.work.push(Work::Begin { parent, slot, at, raw });
                }
                // All in it is finished: only its own end failed.
                _ => self.work.push(Work::Finish { instance, output: Output::Data, then: None }),
            }
        }
    }
}
