//! Decisions over a stream of labelled tasks, one after the other, by the rules of the live router:
//! the same beliefs, draws, exploration, utility and pacing.

use super::{
    choose::utility,
    draw::Draws,
    estimate::Estimate,
    explore::{Budget, Pick, Prospect, Refrain, pick},
    lessons::{Lessons, Question},
    pace::Pace,
    quality::{Book, Kind, Signal},
    route::Weights,
};
use neptune_contracts::PicoUsd;

/// With a price of nothing, a right answer is worth more than any call costs.
const PRICELESS_USD: f64 = 1e6;

/// A stream's state.
#[derive(Clone, Debug)]
pub struct Replay<'a> {
    lessons: &'a Lessons,
    book: Book,
    explored: Budget,
    pace: Option<Pace>,
    lambda: f64,
    policy: String,
}

/// A model that may be chosen, and what a call is expected to cost where no example says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Offer<'a> {
    /// The model.
    pub model: &'a str,
    /// US dollars.
    pub cost_usd: f64,
}

/// A choice whose outcome is still unknown. It is needed to learn from the outcome.
#[derive(Clone, Debug, PartialEq)]
pub struct Chosen {
    /// The model.
    pub model: String,
    /// It was tried although another was expected to be better.
    pub explored: bool,
    /// What a US dollar was worth in right answers.
    pub lambda: f64,
    task: u128,
    expected: f64,
}

impl<'a> Replay<'a> {
    /// A stream in which a US dollar is worth `lambda` right answers, or as many as keep to the
    /// budget of `pace`. Another `seed` draws otherwise.
    #[must_use]
    pub fn new(lessons: &'a Lessons, lambda: f64, pace: Option<Pace>, seed: u64) -> Self {
        let policy = format!("replay {seed}");
        Self { lessons, book: Book::default(), explored: Budget::default(), pace, lambda, policy }
    }

    /// Chooses among `offers` for a task. Nothing when there are none.
    pub fn choose(&mut self, task: u128, question: &Question<'_>, offers: &[Offer<'_>], now_ms: i64) -> Option<Chosen> {
        let lambda = self.pace.map_or(self.lambda, |pace| pace.lambda(self.lambda));
        let weights = Weights { value_usd: 1.0 / lambda.max(1.0 / PRICELESS_USD), usd_per_second: 0.0 };
        let models: Vec<&str> = offers.iter().map(|offer| offer.model).collect();
        let expected = self.lessons.expect(question, &models, (&self.book.cells, now_ms));
        let draws = Draws::new(task, &self.policy);
        let worth = |quality: f64, cost_usd: f64| utility(&estimate(quality, cost_usd), 1.0, &weights);
        let prospects: Vec<Prospect> = expected
            .iter()
            .zip(offers)
            .map(|(expectation, offer)| {
                let (quality, cost_usd) = (expectation.quality, expectation.cost_usd.unwrap_or(offer.cost_usd));
                let drawn = draws.quality(offer.model, quality.mean, quality.mass);
                Prospect {
                    quality: quality.mean,
                    expected_usd: worth(quality.mean, cost_usd),
                    drawn_usd: worth(drawn, cost_usd),
                }
            })
            .collect();
        let refrain = (!self.explored.is_left()).then_some(Refrain::Spent);
        let Pick { index, explored } = pick(&prospects, 0.0, refrain)?;
        self.explored.spend(explored);
        let (model, expected) = (models.get(index)?, prospects.get(index)?.quality);
        Some(Chosen { model: (*model).to_owned(), explored, lambda, task, expected })
    }

    /// Learns how a choice came out: its score, 0 to 1, and what the call cost.
    pub fn learn(&mut self, question: &Question<'_>, chosen: &Chosen, (score, cost_usd): (f64, f64), now_ms: i64) {
        let signal = Signal { kind: Kind::Explicit, reward: score, at_ms: now_ms };
        self.book.give(chosen.task, &chosen.model, (question.context, chosen.expected), signal);
        if let Some(pace) = &mut self.pace {
            pace.spend(cost_usd);
        }
    }
}

/// A call that is always answered, at once.
fn estimate(quality: f64, cost_usd: f64) -> Estimate {
    #[expect(clippy::cast_possible_truncation, reason = "saturates, and calls cost far less")]
    let cost = PicoUsd((cost_usd * 1e12).round() as i64);
    Estimate {
        quality,
        success: 1.0,
        output_tokens: 0,
        cautious_output_tokens: 0,
        cost,
        cautious_cost: cost,
        latency_ms: 0,
        load: 0.0,
        latency_p95_ms: 0,
    }
}

#[cfg(test)]
mod tests;
