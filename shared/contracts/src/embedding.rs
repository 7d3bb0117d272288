//! Texts that are to become vectors: what a task of this kind asks for, and what its answer is.
//!
//! Such a task is a chat request whose messages are the texts, one user message each, and whose
//! `embedding` says that they are not to be answered. So everything that reads a task's words
//! (classes, budgets, estimates, signatures) reads these too. Its output is OpenAI's list of embeddings.

use crate::{
    chat::{ChatMessage, ChatRequest, Content},
    names::BUILT_IN_ROUTES,
    problem::Problem,
    resource::Resources,
    task::TaskSubmitted,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Most numbers of a vector that can be asked for.
pub const MAX_DIMENSIONS: u32 = 16_384;

/// That the texts of the messages are to become vectors, one each, in their order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EmbeddingSpec {
    /// Numbers of each vector, 1 to 16384; as many as the model gives when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dimensions: Option<u32>,
    /// How the vectors are written.
    #[serde(default)]
    pub encoding_format: Encoding,
}

/// How vectors are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Encoding {
    /// As a list of numbers.
    #[default]
    Float,
    /// As the base64 of little-endian single-precision numbers, as OpenAI's clients ask for.
    Base64,
}

impl ChatRequest {
    /// The request for the vectors of `texts`.
    #[must_use]
    pub fn embedding(model: Option<String>, texts: Vec<String>, spec: EmbeddingSpec) -> Self {
        let messages = texts.into_iter().map(|text| ChatMessage::text("user", text)).collect();
        Self { model, messages, embedding: Some(spec), ..Self::default() }
    }
}

/// What is wrong with `spec` in `request`, or with what else the request asks for.
pub(crate) fn problems(
    request: &ChatRequest,
    spec: EmbeddingSpec,
    at: &dyn Fn(&str) -> String,
    problems: &mut Vec<Problem>,
) {
    if spec.dimensions.is_some_and(|dimensions| !(1..=MAX_DIMENSIONS).contains(&dimensions)) {
        let text = format!("out of range, the limit is 1 to {MAX_DIMENSIONS}");
        problems.push(Problem::new(at("embedding.dimensions"), text, "choose a value in the range or leave it out"));
    }
    for (index, message) in request.messages.iter().enumerate() {
        let is_text = matches!(&message.content, Some(Content::Text(text)) if !text.is_empty());
        if message.role != "user" || !is_text {
            let text = "only a user's text that is not empty becomes a vector";
            problems.push(Problem::new(at(&format!("messages[{index}]")), text, "send one text a message"));
        }
    }
    let unused = [
        ("tools", request.tools.is_some()),
        ("response_format", request.response_format.is_some()),
        ("max_tokens", request.max_tokens.is_some()),
        ("max_completion_tokens", request.max_completion_tokens.is_some()),
        ("n", request.n.is_some()),
        ("temperature", request.temperature.is_some()),
        ("top_p", request.top_p.is_some()),
        ("stream", request.stream == Some(true)),
    ];
    for (field, _) in unused.iter().filter(|(_, is_set)| *is_set) {
        problems.push(Problem::new(at(field), "has no meaning for vectors", "leave it out"));
    }
}

/// What is wrong with the task around a request for vectors.
pub(crate) fn task_problems(task: &TaskSubmitted, resources: &Resources, problems: &mut Vec<Problem>) {
    let (field, named) = match &task.constraints.route {
        Some(route) => ("constraints.route", Some(route)),
        None => ("input.model", task.input.model.as_ref().filter(|name| !name.is_empty())),
    };
    let route = named.map_or("auto", |name| name.strip_prefix("neptune/").unwrap_or(name));
    if BUILT_IN_ROUTES.contains(&route) && !resources.routes.contains_key(route) {
        let text = format!("{route} chooses among all models, and vectors of different models cannot be compared");
        problems.push(Problem::new(field, text, "name a model that gives embeddings, or a route of such models"));
    }
    if task.output.is_some() {
        problems.push(Problem::new("output", "vectors are not checked", "leave it out"));
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::Timestamp;
    use serde_json::{Value, json};

    fn check(change: impl FnOnce(&mut Value), faulty: &[&str]) {
        let mut body = json!({"input": {"model": "openai/small", "messages": [{"role": "user", "content": "a"}],
            "embedding": {"dimensions": 8}}});
        change(&mut body);
        let task: TaskSubmitted = serde_json::from_value(body).unwrap();
        let found = task.problems(Timestamp::now(), &Resources::default());
        assert_eq!(found.iter().map(|problem| problem.field.as_str()).collect::<Vec<_>>(), faulty);
    }

    #[test]
    fn what_has_no_meaning_for_vectors_is_named() {
        check(|_| {}, &[]);
        check(|body| body["input"]["embedding"] = json!({"encoding_format": "base64"}), &[]);
        check(|body| body["input"]["embedding"]["dimensions"] = json!(0), &["input.embedding.dimensions"]);
        check(|body| body["input"]["messages"][0]["content"] = json!(""), &["input.messages[0]"]);
        check(|body| body["input"]["messages"][0]["role"] = json!("system"), &["input.messages[0]"]);
        check(|body| body["input"]["temperature"] = json!(0.5), &["input.temperature"]);
        check(|body| body["output"] = json!({"pattern": "a"}), &["output"]);
    }

    #[test]
    fn vectors_are_of_one_model() {
        check(|body| body["input"]["model"] = Value::Null, &["input.model"]);
        check(|body| body["input"]["model"] = json!("neptune/auto:cheap"), &["input.model"]);
        check(|body| body["constraints"] = json!({"route": "auto"}), &["constraints.route"]);
        // A model beside the route is one name too many.
        check(|body| body["constraints"] = json!({"route": "vectors"}), &["constraints.route"]);
        let by_route = |body: &mut Value| {
            body["input"]["model"] = Value::Null;
            body["constraints"] = json!({"route": "vectors"});
        };
        check(by_route, &[]);
    }
}
