//! Several models at once, and one answer out of theirs.

use super::{
    Attempts,
    call::{Ask, Made},
};
use crate::domain::{
    combine::{judge, majority},
    finish::Answered,
    prompt::Prompt,
    step,
};
use futures::future::join_all;
use neptune_contracts::{
    Timestamp,
    attempt::{JUDGE, MEMBER},
    ids::AttemptId,
    plan::Combine,
};
use serde_json::Value;

/// An answer that will do.
struct Vote {
    by: AttemptId,
    output: Value,
}

impl Attempts<'_> {
    /// Makes all attempts of the plan at once, as many as the cost cap allows, and combines the
    /// answers that will do. Returns how many attempts of the plan are over with.
    pub(super) async fn ensemble(&mut self, combine: Combine) -> usize {
        let plan = &self.routed.plan;
        let members = step::at_once(self.routed, plan.attempts.len(), &self.caller.zones, Timestamp::now());
        if members.is_empty() {
            return 0;
        }
        let begun: Vec<_> = members.iter().map(|planned| self.begin(planned, Some(MEMBER))).collect();
        let ask = self.ask();
        let made: Vec<Made> = join_all(begun.iter().map(|begun| self.complete(begun, &ask))).await;
        let mut votes = Vec::new();
        for made in made {
            if let (true, Some(output)) = (made.attempt.serves(), &made.output) {
                votes.push(Vote { by: made.attempt.id, output: output.clone() });
            }
            self.keep(made);
        }
        if votes.len() > 1
            && let Some(chosen) = self.chosen(combine, &votes).await
            && let Some(vote) = votes.into_iter().nth(chosen)
        {
            self.answer = Some(Answered { output: vote.output, by: vote.by });
        }
        plan.attempts.len()
    }

    /// The place of the answer that is taken. A judge that cannot be asked, fails or says nothing of
    /// use leaves it to the majority.
    async fn chosen(&mut self, combine: Combine, votes: &[Vote]) -> Option<usize> {
        let outputs: Vec<&Value> = votes.iter().map(|vote| &vote.output).collect();
        let by_majority = majority(&outputs);
        if combine == Combine::Majority {
            return by_majority;
        }
        self.judged(&outputs).await.or(by_majority)
    }

    async fn judged(&mut self, outputs: &[&Value]) -> Option<usize> {
        let planned = self.routed.plan.judge.as_ref()?;
        let bounds = (self.caller.zones.as_slice(), Timestamp::now());
        if !step::may_call(self.routed, &self.made, (planned, planned.expected_cost_usd), bounds) {
            return None;
        }
        let input = judge::request(&self.routed.task.input, outputs);
        let prompt = Prompt::write(&input).ok()?;
        let ask = Ask { input: &input, prompt: &prompt, response_format: None };
        let made = self.complete(&self.begin(planned, Some(JUDGE)), &ask).await;
        let choice = made.output.as_ref().and_then(|word| judge::choice(word, outputs.len()));
        // What the judge said is no answer to the task.
        self.keep(Made { output: None, ..made });
        choice
    }
}
