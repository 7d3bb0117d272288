//! What a run may cost in all: the end of one that would cost more.

use super::{Change, Doing, Instance, Machine, Problem, Standard};
use crate::run::state::Ending;

impl Machine<'_> {
    /// Ends the run if it has no money left.
    pub(super) fn is_spent(&mut self, instance: Instance) -> bool {
        let Some(cap) = self.definition.settings.max_cost_pico_usd.filter(|cap| self.run.spent_pico_usd >= *cap) else {
            return false;
        };
        let detail = format!("the run has cost {} of {cap} pico-US-dollars", self.run.spent_pico_usd);
        self.exhaust(instance, &detail);
        true
    }

    /// Whether what a call may cost is what was left to the run, and not a smaller cap of the task's own.
    pub(super) fn is_run_bound(&self, instance: Instance) -> bool {
        let Some(Doing::Call(request)) = self.run.frames.get(&instance).map(|frame| &frame.doing) else { return false };
        let own = self.step(instance).and_then(|step| step.settings.max_cost_pico_usd);
        request.budget_pico_usd.is_some_and(|budget| own.is_none_or(|own| budget < own))
    }

    /// Ends the run because a call would cost more than is left to it.
    pub(super) fn spend_up(&mut self, instance: Instance, problem: &Problem) {
        let (spent, cap) = (self.run.spent_pico_usd, self.definition.settings.max_cost_pico_usd.unwrap_or_default());
        let why = problem.detail.as_deref().unwrap_or_default();
        let name = self.run.frames.get(&instance).map(|frame| frame.name.clone()).unwrap_or_default();
        let failed = problem.clone().at(self.pointer(instance));
        self.push(Change::Failed { instance, name, problem: failed });
        let detail =
            format!("the run has cost {spent} of {cap} pico-US-dollars, and this would cost more than is left: {why}");
        self.exhaust(instance, &detail);
    }

    fn exhaust(&mut self, instance: Instance, detail: &str) {
        let problem = Problem::new(Standard::Budget, detail).at(self.pointer(instance));
        self.push(Change::Stuck { instance });
        self.close(Ending::BudgetExhausted { problem });
    }
}
