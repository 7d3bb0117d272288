//! OpenAI's embeddings: a request in their shape as a task. The answer has their shape already.

use super::json;
use neptune_contracts::{
    chat::ChatRequest,
    embedding::{EmbeddingSpec, Encoding},
    problem::Problem,
};
use serde_json::{Map, Value};

/// Most texts of one request.
const MOST_TEXTS: usize = 2_048;
/// Fields of a chat completion, which mean nothing here.
const OF_CHAT: [&str; 10] = [
    "messages",
    "tools",
    "response_format",
    "max_tokens",
    "max_completion_tokens",
    "n",
    "temperature",
    "top_p",
    "stream",
    "embedding",
];

/// A request as a task's input. Fields that are not known go on to the model.
///
/// # Errors
/// Everything in it that is wrong.
pub fn read(body: &[u8]) -> Result<ChatRequest, Vec<Problem>> {
    let mut body: Map<String, Value> = json::read(body).map_err(|problem| vec![problem])?;
    let mut faults = Vec::new();
    let mut take = |field: &str| body.remove(field).filter(|value| !value.is_null());
    let (model, input) = (take("model"), take("input"));
    let (dimensions, encoding) = (take("dimensions"), take("encoding_format"));
    let model = model.as_ref().and_then(Value::as_str).filter(|model| !model.is_empty()).map(str::to_owned);
    if model.is_none() {
        faults.push(Problem::new("model", "missing or no text", "name a model that gives embeddings"));
    }
    let texts = texts(input.unwrap_or_default(), &mut faults);
    let dimensions = dimensions.and_then(|given| {
        let read = given.as_u64().and_then(|count| u32::try_from(count).ok());
        if read.is_none() {
            faults.push(Problem::new("dimensions", "no whole number", "send a number of 1 or more, or leave it out"));
        }
        read
    });
    let encoding_format = match encoding.as_ref().map(Value::as_str) {
        None | Some(Some("float")) => Encoding::Float,
        Some(Some("base64")) => Encoding::Base64,
        Some(_) => {
            faults.push(Problem::new("encoding_format", "unknown", "use float or base64"));
            Encoding::Float
        }
    };
    for field in body.keys().filter(|field| OF_CHAT.contains(&field.as_str())) {
        faults.push(Problem::new(field, "has no meaning for embeddings", "leave it out"));
    }
    if !faults.is_empty() {
        return Err(faults);
    }
    let spec = EmbeddingSpec { dimensions, encoding_format };
    Ok(ChatRequest { other: body, ..ChatRequest::embedding(model, texts, spec) })
}

fn texts(input: Value, faults: &mut Vec<Problem>) -> Vec<String> {
    let mut wrong = |field: &str, message: String, remedy: &str| {
        faults.push(Problem::new(field, message, remedy));
        Vec::new()
    };
    match input {
        Value::Null => wrong("input", "missing".into(), "send a text or a list of texts"),
        Value::String(text) if text.is_empty() => wrong("input", "empty".into(), "send a text that is not empty"),
        Value::String(text) => vec![text],
        Value::Array(list) if list.is_empty() => wrong("input", "an empty list".into(), "send at least one text"),
        Value::Array(list) if list.len() > MOST_TEXTS => {
            let text = format!("{} texts, the limit is {MOST_TEXTS}", list.len());
            wrong("input", text, "send them in several requests")
        }
        Value::Array(list) if list.iter().any(is_token) => {
            let text = "tokens are not served, because each model counts them otherwise";
            wrong("input", text.into(), "send the texts themselves")
        }
        Value::Array(list) => {
            let mut texts = Vec::with_capacity(list.len());
            for (index, item) in list.into_iter().enumerate() {
                match item {
                    Value::String(text) if !text.is_empty() => texts.push(text),
                    _ => drop(wrong(
                        &format!("input[{index}]"),
                        "empty or no text".into(),
                        "send a text, or leave it out",
                    )),
                }
            }
            texts
        }
        _ => wrong("input", "neither a text nor a list of texts".into(), "send one of them"),
    }
}

/// A token, or a list of them in place of a text.
fn is_token(item: &Value) -> bool {
    item.is_number() || item.is_array()
}

/// A fault as whoever sent the request knows it.
#[must_use]
pub fn of_the_input(mut problem: Problem) -> Problem {
    let field = problem.field.strip_prefix("input.").unwrap_or(&problem.field);
    let field = field.strip_prefix("embedding.").unwrap_or(field);
    problem.field = match field.strip_prefix("messages") {
        Some(place) => format!("input{}", place.split('.').next().unwrap_or_default()),
        None => field.to_owned(),
    };
    problem
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::json;

    fn check(change: impl FnOnce(&mut Value), faulty: &[&str]) {
        let mut body = json!({"model": "openai/small", "input": "a"});
        change(&mut body);
        let found = read(body.to_string().as_bytes()).err().unwrap_or_default();
        assert_eq!(found.iter().map(|fault| fault.field.as_str()).collect::<Vec<_>>(), faulty, "{body}");
    }

    #[test]
    fn a_request_becomes_a_message_for_each_text() {
        let body = json!({"model": "openai/small", "input": ["a", "b"], "dimensions": 8, "encoding_format": "base64",
            "user": "u", "input_type": "query"});
        let request = read(body.to_string().as_bytes()).unwrap();
        let wanted = json!({"model": "openai/small", "user": "u", "input_type": "query",
            "messages": [{"role": "user", "content": "a"}, {"role": "user", "content": "b"}],
            "embedding": {"dimensions": 8, "encoding_format": "base64"}});
        assert_eq!(serde_json::to_value(&request).unwrap(), wanted);
        assert_eq!(request.problems(""), []);
    }

    #[test]
    fn what_is_wrong_is_named_as_the_body_has_it() {
        check(|_| {}, &[]);
        check(|body| body["model"] = Value::Null, &["model"]);
        check(|body| body["input"] = Value::Null, &["input"]);
        check(|body| body["input"] = json!(""), &["input"]);
        check(|body| body["input"] = json!([]), &["input"]);
        check(|body| body["input"] = json!([1, 2]), &["input"]);
        check(|body| body["input"] = json!([[1, 2]]), &["input"]);
        check(|body| body["input"] = json!(["a", ""]), &["input[1]"]);
        check(|body| body["input"] = json!(vec!["a"; 2_049]), &["input"]);
        check(|body| body["dimensions"] = json!("8"), &["dimensions"]);
        check(|body| body["encoding_format"] = json!("int8"), &["encoding_format"]);
        check(|body| body["stream"] = json!(true), &["stream"]);
        let of = |field: &str| of_the_input(Problem::new(field, "", "")).field;
        assert_eq!(of("input.messages[3].content"), "input[3]");
        assert_eq!(of("input.embedding.dimensions"), "dimensions");
        assert_eq!(of("input.model"), "model");
        assert_eq!(of("constraints.max_cost_usd"), "constraints.max_cost_usd");
    }
}
