//! Labelled tasks: what was asked, and how each model did.

use neptune_contracts::{chat::ChatRequest, names::TaskType};
use neptune_router::domain::task_type::recognise;
use serde::Deserialize;
use std::collections::{BTreeMap, HashMap};

/// An output is taken to have so many tokens when nothing says how long it was.
const USUAL_OUTPUT_TOKENS: f64 = 300.0;
/// A token has about so many characters.
const CHARACTERS_PER_TOKEN: usize = 4;
/// Yuan for a US dollar, about, for tasks whose costs are in yuan.
const CNY_PER_USD: f64 = 7.1;

/// A labelled task.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Its id.
    pub id: String,
    /// The data set it is of, which stands for a workflow's step.
    pub step: Option<String>,
    /// The kind of work: as labelled, else as the router recognises it.
    pub task_type: TaskType,
    /// What was asked; empty when that is not known.
    pub text: String,
    /// Tokens of it.
    pub input_tokens: u64,
    /// Score of each model, 0 to 1.
    pub scores: BTreeMap<String, f64>,
    /// Cost of each model's call in US dollars: as labelled, else tokens times price.
    pub costs_usd: BTreeMap<String, f64>,
}

#[derive(Deserialize)]
struct Line {
    id: String,
    #[serde(default)]
    dataset: Option<String>,
    #[serde(default)]
    task_type: Option<String>,
    #[serde(default)]
    prompt: Option<String>,
    #[serde(default)]
    in_tokens: Option<f64>,
    #[serde(default)]
    score: Numbers,
    #[serde(default)]
    cost: Numbers,
    #[serde(default)]
    cost_cny: Numbers,
    #[serde(default)]
    out_tokens: Numbers,
}

/// A number by model; null where there is none.
type Numbers = Option<BTreeMap<String, Option<f64>>>;

/// Reads a line: a JSON object with `id`, and `dataset`, `task_type`, `prompt`, `in_tokens`, `score`,
/// `cost` or `cost_cny`, and `out_tokens` where they are known.
///
/// # Errors
/// What is wrong with the line.
pub fn parse(line: &str, prices: &Prices) -> Result<Row, String> {
    let line: Line = serde_json::from_str(line).map_err(|error| format!("not a labelled task: {error}"))?;
    let text = line.prompt.unwrap_or_default();
    let input_tokens = line.in_tokens.unwrap_or_else(|| float(text.chars().count().div_ceil(CHARACTERS_PER_TOKEN)));
    let declared = line.task_type.and_then(|name| name.parse().ok());
    let mut row = Row {
        id: line.id,
        step: line.dataset,
        task_type: declared.unwrap_or_else(|| recognise(&ChatRequest::user(&text)).task_type),
        text,
        input_tokens: whole(input_tokens),
        scores: known(line.score).collect(),
        costs_usd: known(line.cost_cny).map(|(model, cost)| (model, cost / CNY_PER_USD)).collect(),
    };
    if let Some((model, score)) = row.scores.iter().find(|(_, score)| !(0.0..=1.0).contains(*score)) {
        return Err(format!("score of {model} is {score}; the limit is 0 to 1"));
    }
    row.costs_usd.extend(known(line.cost));
    let output_tokens: BTreeMap<String, f64> = known(line.out_tokens).collect();
    for model in row.scores.keys() {
        if !row.costs_usd.contains_key(model)
            && let Some(cost) = prices.usd(model, &row, output_tokens.get(model).copied())
        {
            row.costs_usd.insert(model.clone(), cost);
        }
    }
    Ok(row)
}

fn known(numbers: Numbers) -> impl Iterator<Item = (String, f64)> {
    numbers.into_iter().flatten().filter_map(|(model, number)| Some((model, number?)))
}

/// Prices by model.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Prices(HashMap<String, Vec<Price>>);

#[derive(Clone, Debug, PartialEq)]
struct Price {
    input_usd_per_mtok: f64,
    output_usd_per_mtok: f64,
    source: String,
}

impl Prices {
    /// Reads a table with the columns `model,input_usd_per_mtok,output_usd_per_mtok,…,source`; the
    /// source may have commas.
    ///
    /// # Errors
    /// The line that has no such columns.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut prices: HashMap<String, Vec<Price>> = HashMap::new();
        for (number, line) in text.lines().enumerate().skip(1).filter(|(_, line)| !line.trim().is_empty()) {
            let mut columns = line.splitn(5, ',');
            let mut next = || columns.next().unwrap_or_default().trim();
            let (model, input, output, _cached, source) = (next(), next(), next(), next(), next());
            let (Ok(input_usd_per_mtok), Ok(output_usd_per_mtok)) = (input.parse(), output.parse()) else {
                return Err(format!("line {} has no prices in its second and third column", number + 1));
            };
            let price = Price { input_usd_per_mtok, output_usd_per_mtok, source: source.to_owned() };
            prices.entry(model.to_owned()).or_default().push(price);
        }
        Ok(Self(prices))
    }

    /// What a call of usual length costs in US dollars.
    #[must_use]
    pub fn usual_usd(&self, model: &str, row: &Row) -> Option<f64> {
        self.usd(model, row, None)
    }

    fn usd(&self, model: &str, row: &Row, output_tokens: Option<f64>) -> Option<f64> {
        let listed = self.0.get(model)?;
        // A table may list a model several times; its line for the task's own collection says best.
        let collection = row.step.as_deref().and_then(|step| step.split('/').next()).unwrap_or_default();
        let own = format!("(routing_{collection})");
        let price = listed.iter().find(|price| price.source.contains(&own)).or(listed.first())?;
        let output_tokens = output_tokens.unwrap_or(USUAL_OUTPUT_TOKENS);
        let input_tokens = float(usize::try_from(row.input_tokens).unwrap_or(usize::MAX));
        Some((input_tokens * price.input_usd_per_mtok + output_tokens * price.output_usd_per_mtok) / 1e6)
    }
}

#[expect(clippy::cast_precision_loss, reason = "a number of tokens fits")]
fn float(count: usize) -> f64 {
    count as f64
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates, and is never negative")]
fn whole(value: f64) -> u64 {
    value.round() as u64
}

#[cfg(test)]
mod tests;
