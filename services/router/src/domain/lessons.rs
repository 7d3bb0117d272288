//! What labelled tasks teach before any feedback: the mean score and cost of each model in each
//! context, and what the words of a task say beyond them.

use super::{
    quality::{BACK_OFF, Beliefs, Cells, Context, Labelled, Mean, Posterior},
    residual::{LEAST_TEXTS, Residual, Scored, Wording},
};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// A model that was never labelled is taken to be a little worse than the mean of those that were.
const UNKNOWN_IS_WORSE_BY: f64 = 0.05;
/// However short a task is, it costs at least this share of its context's mean.
const LEAST_COST_SHARE: f64 = 0.2;

/// A task with its outcomes. Scores and costs are in the order of the models.
#[derive(Clone, Debug)]
pub struct Example {
    /// Where it stands.
    pub context: Context,
    /// What was asked.
    pub wording: Wording,
    /// How long it was.
    pub length_bytes: usize,
    /// It counts as so many observations.
    pub weight: f64,
    /// Score of each model, 0 to 1.
    pub scores: Vec<Option<f64>>,
    /// Cost of each model's call, in US dollars.
    pub costs_usd: Vec<Option<f64>>,
}

/// What was learnt.
#[derive(Clone, Debug, PartialEq)]
pub struct Lessons {
    models: Vec<String>,
    labelled: Labelled,
    costs: Labelled,
    /// Mean length of texts, by context key.
    lengths: HashMap<String, f64>,
    /// US dollars for each byte that a text is longer than its context's mean, by model.
    usd_per_byte: Vec<f64>,
    residual: Option<Residual>,
}

/// What a model's call is expected to be like.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Expectation {
    /// Quality.
    pub quality: Posterior,
    /// US dollars; nothing when no example of the model had a cost.
    pub cost_usd: Option<f64>,
}

/// A task to be judged: looked up once for all models.
#[derive(Clone, Debug)]
pub struct Question<'a> {
    /// Where it stands.
    pub context: &'a Context,
    /// What is asked.
    pub text: &'a str,
}

impl Lessons {
    /// Learns from `examples` about `models`.
    #[must_use]
    pub fn learn(models: Vec<String>, examples: &[Example]) -> Self {
        let labelled = means(&models, examples, |example| &example.scores);
        let costs = means(&models, examples, |example| &example.costs_usd);
        let lengths = lengths(examples);
        let usd_per_byte = (0..models.len()).map(|model| slope(examples, model)).collect();
        let mut lessons = Self { models, labelled, costs, lengths, usd_per_byte, residual: None };
        lessons.residual = lessons.read_words(examples);
        lessons
    }

    /// The models that were learnt about, and what words say about them, in the same order.
    #[must_use]
    pub fn into_words(self) -> (Vec<String>, Option<Residual>) {
        (self.models, self.residual)
    }

    /// What is expected of each of `models` for `question`, by what was learnt and the feedback in
    /// `cells` as of `now_ms`.
    #[must_use]
    pub fn expect(&self, question: &Question<'_>, models: &[&str], (cells, now_ms): (&Cells, i64)) -> Vec<Expectation> {
        let view = Beliefs { cells, labelled: &self.labelled, now_ms }.view(question.context);
        let of_text = |residual: &'_ Residual| residual.features(&Wording::read(question.text));
        let features = self.residual.as_ref().map(|residual| (residual, of_text(residual)));
        let known: Vec<Option<usize>> =
            models.iter().map(|name| self.models.iter().position(|model| model == name)).collect();
        let of_known = |(model, name): (usize, &str)| {
            let shift = features.as_ref().map_or(0.0, |(residual, features)| residual.shift(features, model));
            view.posterior(name, 0.5).shifted(shift)
        };
        let judged: Vec<Posterior> =
            self.models.iter().enumerate().map(|(model, name)| of_known((model, name))).collect();
        let declared =
            (mean(judged.iter().map(|posterior| posterior.mean)).unwrap_or(0.5) - UNKNOWN_IS_WORSE_BY).max(0.0);
        let quality = |(model, name): (&Option<usize>, &&str)| {
            model.and_then(|model| judged.get(model)).copied().unwrap_or_else(|| view.posterior(name, declared))
        };
        let expectation = |(model, name): (&Option<usize>, &&str)| Expectation {
            quality: quality((model, name)),
            cost_usd: model.and_then(|model| self.cost_usd(question, model)),
        };
        known.iter().zip(models).map(expectation).collect()
    }

    fn cost_usd(&self, question: &Question<'_>, model: usize) -> Option<f64> {
        let name = self.models.get(model)?;
        let find = |(_, key): &(_, String)| Some((self.costs.get(key)?.get(name)?.mean, *self.lengths.get(key)?));
        let (mean, length) = question.context.keys().iter().rev().find_map(find)?;
        let longer = float(question.text.len()) - length;
        let cost = mean + self.usd_per_byte.get(model).copied().unwrap_or(0.0) * longer;
        Some(cost.max(LEAST_COST_SHARE * mean))
    }

    fn read_words(&self, examples: &[Example]) -> Option<Residual> {
        if examples.len() < LEAST_TEXTS {
            return None;
        }
        let cells = Cells::new();
        let mut scored: Vec<Vec<Option<Scored>>> = vec![Vec::with_capacity(examples.len()); self.models.len()];
        for example in examples {
            let view = Beliefs { cells: &cells, labelled: &self.labelled, now_ms: 0 }.view(&example.context);
            for ((column, name), score) in scored.iter_mut().zip(&self.models).zip(&example.scores) {
                let expected = || view.posterior(name, 0.5).mean;
                column.push(score.map(|score| Scored { expected: expected(), score, weight: example.weight }));
            }
        }
        let texts: Vec<&Wording> = examples.iter().map(|example| &example.wording).collect();
        Residual::train(&texts, &scored)
    }
}

/// The mean of each model's values in each context; those of finer contexts are drawn towards the
/// coarser ones of their examples.
fn means<'e>(
    models: &[String],
    examples: &'e [Example],
    values: impl Fn(&'e Example) -> &'e [Option<f64>],
) -> Labelled {
    let mut known: Labelled = HashMap::new();
    let depths = examples.iter().map(|example| example.context.keys().len()).max().unwrap_or(0);
    for depth in 0..depths {
        let mut sums: HashMap<&str, HashMap<&str, Sum>> = HashMap::new();
        for example in examples {
            let keys = example.context.keys();
            let Some((_, key)) = keys.get(depth) else { continue };
            let coarser = depth.checked_sub(1).and_then(|depth| known.get(&keys.get(depth)?.1));
            for (model, value) in models.iter().zip(values(example)) {
                let Some(value) = value else { continue };
                let coarser = coarser.and_then(|means| means.get(model)).map(|known| known.mean);
                sums.entry(key).or_default().entry(model).or_default().add((*value, example.weight), coarser);
            }
        }
        let owned = |(model, sum): (&str, Sum)| (model.to_owned(), sum.mean());
        let means = sums.into_iter().map(|(key, sums)| (key.to_owned(), sums.into_iter().map(owned).collect()));
        known.extend(means.collect::<Vec<_>>());
    }
    known
}

#[derive(Clone, Copy, Debug, Default)]
struct Sum {
    values: f64,
    coarser: f64,
    count: f64,
    back_off: f64,
}

impl Sum {
    fn add(&mut self, (value, weight): (f64, f64), coarser: Option<f64>) {
        self.values += weight * value;
        self.count += weight;
        // The coarsest mean leans on nothing.
        self.back_off = if coarser.is_some() { BACK_OFF } else { 0.0 };
        self.coarser += weight * coarser.unwrap_or(0.0);
    }

    fn mean(self) -> Mean {
        let coarser = self.coarser / self.count;
        Mean { mean: (self.values + self.back_off * coarser) / (self.count + self.back_off), count: self.count }
    }
}

fn lengths(examples: &[Example]) -> HashMap<String, f64> {
    let keys: BTreeSet<&String> =
        examples.iter().flat_map(|example| example.context.keys().iter().map(|(_, key)| key)).collect();
    let mut sums: HashMap<&String, (f64, f64)> = keys.into_iter().map(|key| (key, (0.0, 0.0))).collect();
    for example in examples {
        for (_, key) in example.context.keys() {
            if let Some((sum, count)) = sums.get_mut(key) {
                (*sum, *count) = (*sum + float(example.length_bytes), *count + 1.0);
            }
        }
    }
    sums.into_iter().map(|(key, (sum, count))| (key.clone(), sum / count)).collect()
}

/// US dollars a byte, by least squares within the finest contexts.
fn slope(examples: &[Example], model: usize) -> f64 {
    let mut groups: BTreeMap<&str, Vec<(f64, f64)>> = BTreeMap::new();
    for example in examples {
        let (Some((_, key)), Some(Some(cost))) = (example.context.keys().last(), example.costs_usd.get(model)) else {
            continue;
        };
        groups.entry(key).or_default().push((float(example.length_bytes), *cost));
    }
    let (mut both, mut square) = (0.0, 0.0);
    for points in groups.values() {
        let lengths = mean(points.iter().map(|(length, _)| *length)).unwrap_or(0.0);
        let costs = mean(points.iter().map(|(_, cost)| *cost)).unwrap_or(0.0);
        for (length, cost) in points {
            both += (length - lengths) * (cost - costs);
            square += (length - lengths) * (length - lengths);
        }
    }
    if square > 0.0 { (both / square).max(0.0) } else { 0.0 }
}

fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (sum, count) = values.fold((0.0, 0.0), |(sum, count), value| (sum + value, count + 1.0));
    (count > 0.0).then(|| sum / count)
}

#[expect(clippy::cast_precision_loss, reason = "the length of a text fits")]
fn float(count: usize) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests;
