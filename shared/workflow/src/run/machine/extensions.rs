//! Tasks that extensions put around others.

use super::{At, Change, Doing, Instance, Machine, Output, Problem, Scope, Step, Work};
use serde_json::Value;
use std::sync::Arc;

impl Machine<'_> {
    /// The extensions that are put around a task.
    pub(super) fn extensions(&self, step: &Step, scope: &Scope<'_>, input: &Value) -> Result<Vec<usize>, Problem> {
        let kind = step.action.kind();
        let mut applied = Vec::new();
        for (index, extension) in self.definition.extensions.iter().enumerate() {
            let is_of_kind = extension.extend == "all" || extension.extend == kind;
            if is_of_kind && extension.when.as_ref().map_or(Ok(true), |when| scope.holds(when, input))? {
                applied.push(index);
            }
        }
        Ok(applied)
    }

    /// Whether anything is put after a task that was not skipped by what is put before it.
    pub(super) fn has_after(&self, instance: Instance) -> bool {
        let Some(frame) = self.run.frames.get(&instance) else { return false };
        let has = |index: &usize| self.definition.extensions.get(*index).is_some_and(|one| one.after.is_some());
        !matches!(frame.doing, Doing::Before { .. } | Doing::After { .. }) && frame.extensions.iter().any(has)
    }

    /// Begins the next tasks that are put around a task; after those before it the task itself, after those after
    /// it it ends.
    pub(super) fn surround(&mut self, instance: Instance) {
        let Some(frame) = self.run.frames.get(&instance) else { return };
        let (at, doing) = (frame.at, frame.doing.clone());
        let (next, is_before) = match &doing {
            Doing::Before { next } => (*next, true),
            Doing::After { next, .. } => (*next, false),
            _ => return,
        };
        let part = |index: &usize| {
            let extension = self.definition.extensions.get(*index)?;
            if is_before { extension.before } else { extension.after }
        };
        let found =
            frame.extensions.iter().enumerate().skip(next).find_map(|(place, index)| Some((place, part(index)?)));
        match (found, doing) {
            (Some((place, part)), doing) => {
                let next = place + 1;
                let doing = match doing {
                    Doing::After { output, then, .. } => Doing::After { next, output, then },
                    _ => Doing::Before { next },
                };
                self.push(Change::Became { instance, doing });
                let at = At { part: part + 1, index: 0 };
                self.work.push(Work::Begin { parent: instance, slot: 0, at, raw: None });
            }
            (None, Doing::After { output, then, .. }) => {
                self.leave(instance, Output::Value(Arc::clone(&output)), output, then);
            }
            (None, _) => {
                self.push(Change::Became { instance, doing: Doing::List });
                if let Some(step) = self.step(instance) {
                    self.act(instance, step, at);
                }
            }
        }
    }
}
