//! What was left out of a request, for the fact's `warnings`.

use neptune_contracts::problem::Problem;

pub(super) struct Warnings {
    provider: &'static str,
    found: Vec<Problem>,
}

impl Warnings {
    pub(super) fn of(provider: &'static str) -> Self {
        Self { provider, found: Vec::new() }
    }

    /// `field` of the input was left out.
    pub(super) fn left_out(&mut self, field: &str) {
        let message = format!("{} knows nothing like it, so it was left out", self.provider);
        self.add(field, message);
    }

    /// `field` of the input was left out for a reason.
    pub(super) fn left_out_because(&mut self, field: &str, reason: &str) {
        self.add(field, format!("it was left out: {reason}"));
    }

    /// `field` of the input was put otherwise.
    pub(super) fn changed(&mut self, field: &str, how: &str) {
        self.add(field, how.to_owned());
    }

    pub(super) fn into_problems(self) -> Vec<Problem> {
        self.found
    }

    fn add(&mut self, field: &str, message: String) {
        let remedy = "leave it out, or name models of another provider in constraints.models";
        let problem = Problem::new(format!("input.{field}"), message, remedy);
        if !self.found.contains(&problem) {
            self.found.push(problem);
        }
    }
}
