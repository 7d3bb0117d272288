//! What recorded decisions would have been under other resources, added up.

use super::table::Table;
use neptune_contracts::{PicoUsd, finished::TaskFinished, resource::Resources};
use neptune_router::domain::redecide::{Choice, Question};
use serde::Serialize;
use std::collections::BTreeMap;

/// Recorded decisions and what they would have been.
#[derive(Clone, Debug, Default)]
pub struct Change {
    recorded: Tally,
    now: Tally,
    then: Tally,
    decisions: usize,
    reproduced: u64,
    moved: BTreeMap<(String, String), u64>,
    not_repeatable: u64,
}

#[derive(Clone, Debug, Default)]
struct Tally {
    models: BTreeMap<String, u64>,
    cost_usd: PicoUsd,
    quality: f64,
    answered: u64,
    refused: u64,
}

/// What would change.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Summary {
    /// Recorded decisions that were read.
    pub decisions: u64,
    /// Decisions that cannot be made again, because no call tells how long the input was.
    pub not_repeatable: u64,
    /// Of the others, those that the stored resources decide as they were decided: how far the
    /// rest of this can be trusted.
    pub reproduced: u64,
    /// Of the others, those that the given resources decide otherwise than the stored ones.
    pub changed: u64,
    /// One row a model.
    pub models: Vec<ModelShare>,
    /// Under the stored resources.
    pub before: Expected,
    /// Under the given resources.
    pub after: Expected,
    /// From which model to which, the most frequent first; `none` where none is left.
    pub moves: Vec<Move>,
}

/// How much a model would do.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ModelShare {
    /// The model.
    pub model: String,
    /// Tasks for which it was called first.
    pub recorded: u64,
    /// The same, decided again under the stored resources.
    pub before: u64,
    /// The same, decided again under the given resources.
    pub after: u64,
}

/// What the tasks together are expected to be like.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Expected {
    /// The sum of expected costs.
    pub cost_usd: PicoUsd,
    /// The mean of expected qualities, 0 to 1; nothing when no task has a model.
    pub quality: Option<f64>,
    /// Tasks that no model is left for.
    pub refused: u64,
}

/// Tasks that would go elsewhere.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Move {
    /// Under the stored resources.
    pub from: String,
    /// Under the given resources.
    pub to: String,
    /// Tasks.
    pub tasks: u64,
}

impl Change {
    /// Decides a recorded task again, under the stored resources and under the given ones.
    pub fn take_in(&mut self, fact: &TaskFinished, before: &Resources, after: &Resources) {
        self.decisions += 1;
        let Some(question) = Question::of(fact, before) else {
            self.not_repeatable += 1;
            return;
        };
        let first = fact.attempts.first().map_or("none", |call| &call.model);
        *self.recorded.models.entry(first.to_owned()).or_default() += 1;
        let now = self.now.count(question.answer(before, before));
        let then = self.then.count(question.answer(after, before));
        self.reproduced += u64::from(now == first);
        if now != then {
            *self.moved.entry((now, then)).or_default() += 1;
        }
    }

    /// Decisions taken in so far.
    #[must_use]
    pub fn decisions(&self) -> usize {
        self.decisions
    }

    /// What would change.
    #[must_use]
    pub fn summary(&self) -> Summary {
        let tallies = [&self.recorded, &self.now, &self.then];
        let names: std::collections::BTreeSet<&String> = tallies.iter().flat_map(|tally| tally.models.keys()).collect();
        let share = |name: &String| {
            let [recorded, before, after] = tallies.map(|tally| tally.models.get(name).copied().unwrap_or(0));
            ModelShare { model: name.clone(), recorded, before, after }
        };
        let mut moves: Vec<Move> = self
            .moved
            .iter()
            .map(|((from, to), tasks)| Move { from: from.clone(), to: to.clone(), tasks: *tasks })
            .collect();
        moves.sort_by_key(|one| std::cmp::Reverse(one.tasks));
        Summary {
            decisions: self.decisions as u64,
            not_repeatable: self.not_repeatable,
            reproduced: self.reproduced,
            changed: moves.iter().map(|one| one.tasks).sum(),
            models: names.into_iter().map(share).collect(),
            before: self.now.expected(),
            after: self.then.expected(),
            moves,
        }
    }
}

impl Tally {
    /// Counts a choice and returns its model, `none` where there is no choice.
    fn count(&mut self, choice: Option<Choice>) -> String {
        let Some(choice) = choice else {
            self.refused += 1;
            return "none".into();
        };
        *self.models.entry(choice.model.clone()).or_default() += 1;
        self.cost_usd = self.cost_usd.saturating_add(choice.cost_usd);
        self.quality += choice.quality;
        self.answered += 1;
        choice.model
    }

    fn expected(&self) -> Expected {
        #[expect(clippy::cast_precision_loss, reason = "a count of tasks fits")]
        let quality = (self.answered > 0).then(|| self.quality / self.answered as f64);
        Expected { cost_usd: self.cost_usd, quality, refused: self.refused }
    }
}

impl Summary {
    /// For people.
    #[must_use]
    pub fn render(&self) -> String {
        let repeated = self.decisions - self.not_repeatable;
        let mut parts = vec![format!(
            "{} recorded decisions; {} of {repeated} come out as recorded when decided again under the stored resources.",
            self.decisions, self.reproduced
        )];
        if self.not_repeatable > 0 {
            parts.push(format!(
                "{} cannot be decided again: no call tells how long their input was.",
                self.not_repeatable
            ));
        }
        if repeated == 0 {
            return parts.join("\n");
        }
        let mut table = Table::new(&["model", ">recorded", ">stored", ">given"]);
        for share in &self.models {
            table.row([
                share.model.clone(),
                share.recorded.to_string(),
                share.before.to_string(),
                share.after.to_string(),
            ]);
        }
        let quality = |expected: &Expected| expected.quality.map_or("-".to_owned(), |quality| format!("{quality:.3}"));
        let [before, after] = [&self.before, &self.after];
        table.row([
            "expected cost".into(),
            String::new(),
            format!("${}", before.cost_usd),
            format!("${}", after.cost_usd),
        ]);
        table.row(["expected quality".into(), String::new(), quality(before), quality(after)]);
        table.row(["no model left".into(), String::new(), before.refused.to_string(), after.refused.to_string()]);
        parts.push(format!("\nFirst calls\n{}", table.render()));
        parts.push(format!("\n{} of {repeated} would be decided otherwise.", self.changed));
        parts.extend(self.moves.iter().map(|one| format!("- {} -> {}: {}", one.from, one.to, one.tasks)));
        parts.push(
            "\nPrompts are not stored: length of the input, kind of work, governance's bounds and what was believed of\n\
             each model are taken from the record. Limits on latency and quality that callers set are not on record.\n\
             Models that were not weighed then are judged by what their resource declares."
                .into(),
        );
        parts.join("\n")
    }
}
