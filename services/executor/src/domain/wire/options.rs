//! What a request says besides its messages.

use super::{
    tools::{self, Choice, Tool},
    unsupported,
    warnings::Warnings,
};
use crate::domain::failure::Failure;
use neptune_contracts::chat::ChatRequest;
use serde_json::Value;

/// What a request says besides its messages.
#[derive(Debug)]
pub(super) struct Options<'a> {
    /// Most output tokens.
    pub(super) max_tokens: Option<u64>,
    pub(super) temperature: Option<f64>,
    pub(super) top_p: Option<f64>,
    /// How many answers.
    pub(super) answers: u32,
    pub(super) stop: Vec<&'a str>,
    pub(super) seed: Option<i64>,
    pub(super) frequency_penalty: Option<f64>,
    pub(super) presence_penalty: Option<f64>,
    pub(super) effort: Option<Effort>,
    pub(super) tools: Vec<Tool<'a>>,
    pub(super) choice: Choice<'a>,
    /// Whether several calls may come at once; true unless the request forbids it.
    pub(super) parallel: bool,
    pub(super) format: Format<'a>,
    pub(super) user: Option<&'a str>,
}

/// The form the answer must have.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Format<'a> {
    Text,
    /// Some JSON object.
    Json,
    /// JSON that follows a schema.
    Schema {
        name: &'a str,
        schema: &'a Value,
    },
}

/// How much a model shall think.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effort {
    None,
    Minimal,
    Low,
    Medium,
    High,
    ExtraHigh,
}

/// Hints to OpenAI about the account, its cache or its store. The answer means the same without.
const HINTS: &[&str] = &[
    "user",
    "metadata",
    "store",
    "service_tier",
    "prompt_cache_key",
    "prompt_cache_retention",
    "safety_identifier",
    "stream_options",
];
/// Fields that [`Options`] holds.
const READ: &[&str] = &[
    "stop",
    "seed",
    "frequency_penalty",
    "presence_penalty",
    "reasoning_effort",
    "tool_choice",
    "parallel_tool_calls",
];
/// Fields without which the answer would be another one.
const ESSENTIAL: &[&str] =
    &["functions", "function_call", "logit_bias", "logprobs", "top_logprobs", "web_search_options", "audio"];

impl<'a> Options<'a> {
    /// Reads them.
    ///
    /// # Errors
    /// The request asks for what only OpenAI's format can say.
    pub(super) fn read(input: &'a ChatRequest, warnings: &mut Warnings) -> Result<Self, Failure> {
        others(input, warnings)?;
        let field = |name: &str| input.other.get(name).filter(|value| !value.is_null());
        let number = |name: &str| field(name).and_then(Value::as_f64);
        Ok(Self {
            max_tokens: input.output_limit().map(u64::from),
            temperature: input.temperature,
            top_p: input.top_p,
            answers: input.n.unwrap_or(1),
            stop: stop(field("stop")),
            seed: field("seed").and_then(Value::as_i64),
            frequency_penalty: number("frequency_penalty").filter(|penalty| *penalty != 0.0),
            presence_penalty: number("presence_penalty").filter(|penalty| *penalty != 0.0),
            effort: field("reasoning_effort").map(effort).transpose()?,
            tools: tools::read(input.tools.as_deref().unwrap_or_default())?,
            choice: tools::choice(input.other.get("tool_choice"))?,
            parallel: field("parallel_tool_calls").and_then(Value::as_bool).unwrap_or(true),
            format: format(input.response_format.as_ref())?,
            user: field("user").and_then(Value::as_str),
        })
    }

    /// Says that penalties and seed are left out, for providers that know neither.
    pub(super) fn leave_out_sampling(&self, warnings: &mut Warnings) {
        for (name, is_asked) in [
            ("seed", self.seed.is_some()),
            ("frequency_penalty", self.frequency_penalty.is_some()),
            ("presence_penalty", self.presence_penalty.is_some()),
        ] {
            if is_asked {
                warnings.left_out(name);
            }
        }
    }

    /// Refuses a request for several answers, for providers that give one.
    pub(super) fn only_one_answer(&self) -> Result<(), Failure> {
        if self.answers > 1 { Err(unsupported("n is above 1, and this provider gives one answer")) } else { Ok(()) }
    }
}

impl Effort {
    /// As a number of tokens: within what every model that thinks by numbers takes.
    pub(super) const fn budget_tokens(self) -> u64 {
        match self {
            Self::None => 0,
            Self::Minimal => 1_024,
            Self::Low => 2_048,
            Self::Medium => 8_192,
            Self::High => 16_384,
            Self::ExtraHigh => 24_576,
        }
    }
}

/// What stands in the request besides what is read: refused, left out, or not worth a word.
fn others(input: &ChatRequest, warnings: &mut Warnings) -> Result<(), Failure> {
    for (name, value) in input.other.iter().filter(|(_, value)| !value.is_null()) {
        let is_said = *value != Value::Bool(false) && value.as_object().is_none_or(|object| !object.is_empty());
        let speaks = || value.as_array().is_some_and(|kinds| kinds.iter().any(|kind| kind != "text"));
        if (ESSENTIAL.contains(&name.as_str()) && is_said) || (name == "modalities" && speaks()) {
            return Err(unsupported(format!("{name} cannot be translated for this provider")));
        }
        let is_known = [HINTS, READ, ESSENTIAL].iter().any(|names| names.contains(&name.as_str()));
        if !is_known && name != "modalities" {
            warnings.left_out(name);
        }
    }
    Ok(())
}

fn stop(stop: Option<&Value>) -> Vec<&str> {
    match stop {
        Some(Value::String(one)) => vec![one],
        Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

fn effort(effort: &Value) -> Result<Effort, Failure> {
    match effort.as_str() {
        Some("none") => Ok(Effort::None),
        Some("minimal") => Ok(Effort::Minimal),
        Some("low") => Ok(Effort::Low),
        Some("medium") => Ok(Effort::Medium),
        Some("high") => Ok(Effort::High),
        Some("xhigh") => Ok(Effort::ExtraHigh),
        _ => Err(unsupported("reasoning_effort is none of none, minimal, low, medium, high, xhigh")),
    }
}

fn format(format: Option<&Value>) -> Result<Format<'_>, Failure> {
    let Some(format) = format.filter(|format| !format.is_null()) else { return Ok(Format::Text) };
    match format.get("type").and_then(Value::as_str) {
        Some("text") => Ok(Format::Text),
        Some("json_object") => Ok(Format::Json),
        Some("json_schema") => {
            let schema = format.pointer("/json_schema/schema").filter(|schema| schema.is_object());
            let name = format.pointer("/json_schema/name").and_then(Value::as_str).unwrap_or("answer");
            let schema = schema.ok_or_else(|| unsupported("response_format.json_schema holds no schema"))?;
            Ok(Format::Schema { name, schema })
        }
        _ => Err(unsupported("response_format is none of text, json_object, json_schema")),
    }
}
