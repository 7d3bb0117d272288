//! Keeping to a budget: the price of quality rises while spending runs ahead of its window and
//! falls while it lags: a PI controller on cumulative spend.

/// How strongly the price reacts to the present lead, and to leads that persist.
const PROPORTIONAL: f64 = 8.0;
const INTEGRAL: f64 = 5.0;
/// What a step adds to the persistent lead.
const INTEGRAL_STEP: f64 = 0.01;
/// The price moves at most by this power of e, in both directions.
const MOST_MOVED: f64 = 8.0;
/// Leads are measured against a window that began so many tasks earlier, so that the first tasks
/// do not swing it.
const HEAD_START: f64 = 50.0;

/// Spending of one budget so far.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pace {
    budget_usd_per_task: f64,
    spent_usd: f64,
    tasks: f64,
    integral: f64,
}

impl Pace {
    /// A budget of so many US dollars a task, nothing spent yet.
    #[must_use]
    pub const fn new(budget_usd_per_task: f64) -> Self {
        Self { budget_usd_per_task, spent_usd: 0.0, tasks: 0.0, integral: 0.0 }
    }

    /// Takes in what a task cost.
    pub fn spend(&mut self, cost_usd: f64) {
        self.spent_usd += cost_usd;
        self.tasks += 1.0;
        self.integral += INTEGRAL_STEP * self.lead();
    }

    /// What a US dollar costs in right answers, where it would cost `lambda` without a budget.
    #[must_use]
    pub fn lambda(&self, lambda: f64) -> f64 {
        let moved = (PROPORTIONAL * self.lead() + INTEGRAL * self.integral).clamp(-MOST_MOVED, MOST_MOVED);
        lambda * moved.exp()
    }

    /// Spending ahead of the window, as a share of the window.
    fn lead(&self) -> f64 {
        let window = self.tasks + HEAD_START;
        self.spent_usd / (self.budget_usd_per_task * window) - self.tasks / window
    }
}

#[cfg(test)]
mod tests;
