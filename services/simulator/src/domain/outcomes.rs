//! What real models made of real prompts: the outcomes that a replay answers with.
//!
//! Read from the rows of the routing data, one JSON object a line: `prompt`, `score` by model from 0 to 1, and
//! `out_tokens` by model where they were counted.

use std::collections::{BTreeMap, HashMap};

use serde::Deserialize;

use super::draw::Digest;
use super::usage;

/// No answer is made longer than this many tokens.
const LONGEST_TOKENS: u64 = 4_000;
/// What an answer is filled up with until it is as long as the real one was.
const FILLER: &str = " And so on.";

/// Outcomes by prompt and model.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Outcomes {
    models: Vec<String>,
    prompts: HashMap<u64, Vec<(usize, Outcome)>>,
}

/// What a model made of a prompt.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Outcome {
    /// How right it was, 0 to 1.
    pub score: f64,
    /// The tokens of its answer, where they were counted.
    pub tokens: Option<u64>,
}

#[derive(Deserialize)]
struct Row {
    prompt: Option<String>,
    #[serde(default)]
    score: BTreeMap<String, Option<f64>>,
    #[serde(default)]
    out_tokens: Option<BTreeMap<String, Option<f64>>>,
}

impl Outcomes {
    /// Takes in one row. One without a prompt says nothing here.
    ///
    /// # Errors
    /// It is no such row.
    pub fn add(&mut self, line: &str) -> Result<(), String> {
        let row: Row = serde_json::from_str(line).map_err(|error| format!("no row of outcomes: {error}"))?;
        let Some(prompt) = row.prompt else { return Ok(()) };
        let tokens = row.out_tokens.unwrap_or_default();
        for (model, score) in row.score {
            let Some(score) = score else { continue };
            let counted = tokens.get(&model).copied().flatten();
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count of tokens fits")]
            let outcome = Outcome { score, tokens: counted.map(|count| count.max(0.0).round() as u64) };
            let place = self.place(model);
            self.prompts.entry(key(&prompt)).or_default().push((place, outcome));
        }
        Ok(())
    }

    /// How many prompts there are.
    pub fn len(&self) -> usize {
        self.prompts.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.prompts.is_empty()
    }

    /// Whether any outcome is of this model.
    pub fn knows(&self, model: &str) -> bool {
        self.models.iter().any(|known| known == model)
    }

    /// What `model` made of `prompt`; the first outcome where a prompt comes more than once.
    pub fn of(&self, prompt: &str, model: &str) -> Option<Outcome> {
        let place = self.models.iter().position(|known| known == model)?;
        let outcomes = self.prompts.get(&key(prompt))?;
        outcomes.iter().find(|(model, _)| *model == place).map(|(_, outcome)| *outcome)
    }

    fn place(&mut self, model: String) -> usize {
        let known = self.models.iter().position(|known| *known == model);
        known.unwrap_or_else(|| {
            self.models.push(model);
            self.models.len() - 1
        })
    }
}

impl Outcome {
    /// The answer that stands for it: `right` or `wrong`, its score, and as many tokens as the real one had.
    pub fn answer(&self) -> String {
        let verdict = if self.score >= 0.5 { "right" } else { "wrong" };
        let mut text = format!("This answer is {verdict}, its score is {:.3}.", self.score);
        let wanted = self.tokens.unwrap_or(0).min(LONGEST_TOKENS);
        while usage::of_text(&text) < wanted {
            text.push_str(FILLER);
        }
        text
    }
}

/// Blanks at the ends of a prompt do not matter.
fn key(prompt: &str) -> u64 {
    let mut digest = Digest::new();
    digest.add(prompt.trim().as_bytes());
    digest.value()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn outcomes() -> Outcomes {
        let mut outcomes = Outcomes::default();
        let row = r#"{"id": "1", "prompt": "What is 2 + 2?\n", "score": {"a": 1.0, "b": 0.25, "c": null}, "out_tokens": {"a": 100.0, "b": null}, "split": "public"}"#;
        outcomes.add(row).unwrap();
        outcomes.add(r#"{"prompt": null, "score": {"a": 1}}"#).unwrap();
        outcomes
    }

    #[test]
    fn each_model_has_its_own_outcome_for_a_prompt() {
        let outcomes = outcomes();
        assert_eq!((outcomes.len(), outcomes.knows("b"), outcomes.knows("c")), (1, true, false));
        assert_eq!(outcomes.of(" What is 2 + 2?", "a"), Some(Outcome { score: 1.0, tokens: Some(100) }));
        assert_eq!(outcomes.of("What is 2 + 2?", "b"), Some(Outcome { score: 0.25, tokens: None }));
        assert_eq!(outcomes.of("What is 2 + 3?", "a"), None);
        assert_eq!(outcomes.of("What is 2 + 2?", "d"), None);
    }

    #[test]
    fn an_answer_says_how_right_it_is_and_is_as_long_as_the_real_one() {
        let answer = outcomes().of("What is 2 + 2?", "a").unwrap().answer();
        assert!(answer.starts_with("This answer is right, its score is 1.000."), "{answer}");
        assert!((100..=103).contains(&usage::of_text(&answer)), "{}", usage::of_text(&answer));
        let short = Outcome { score: 0.25, tokens: None }.answer();
        assert_eq!(short, "This answer is wrong, its score is 0.250.");
        let endless = Outcome { score: 1.0, tokens: Some(u64::MAX) }.answer();
        assert!(usage::of_text(&endless) < LONGEST_TOKENS + 4);
    }

    #[test]
    fn what_is_no_row_is_refused() {
        assert!(Outcomes::default().add("{\"prompt\": 7}").unwrap_err().contains("no row of outcomes"));
        assert!(Outcomes::default().add("").is_err());
    }
}
