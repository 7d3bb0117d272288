//! From the body of a success to an answer.

use super::{
    classify::refused_with,
    failure::{Billed, Failure},
    price::openai_usage,
};
use neptune_contracts::{
    attempt::{ErrorClass, Usage},
    limits::RateLimits,
    problem::Problem,
};
use serde_json::Value;

/// What a model answered.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// An OpenAI chat completion whose `model` is the resource's name.
    pub output: Value,
    /// Tokens by class; nothing when the provider counted none.
    pub usage: Option<Usage>,
    /// What the request asked for and the provider cannot do.
    pub warnings: Vec<Problem>,
    /// What the provider said was left of its rate limits.
    pub limits: Option<Box<RateLimits>>,
}

/// Reads the body of a success as an answer of `model`.
///
/// A choice that ended in `content_filter` is a refusal. A `refusal` that the model words itself
/// is an answer, as OpenAI's clients expect it.
///
/// # Errors
/// It is not JSON, holds no choice with a message, carries an error, or was filtered.
pub fn read(body: &[u8], model: &str) -> Result<Answer, Failure> {
    of_output(serde_json::from_slice(body).map_err(|_| unreadable())?, model)
}

/// The same for an answer that was put together already.
///
/// # Errors
/// As those of [`read`].
pub fn of_output(mut output: Value, model: &str) -> Result<Answer, Failure> {
    let usage = openai_usage(&output);
    let billed = usage.map_or(Billed::Perhaps, Billed::Counted);
    check(&output)
        .map_err(|failure| if failure.billed == Billed::Perhaps { failure.billed(billed) } else { failure })?;
    output.as_object_mut().ok_or_else(unreadable)?.insert("model".into(), model.into());
    Ok(Answer { output, usage, warnings: Vec::new(), limits: None })
}

fn unreadable() -> Failure {
    Failure::new(ErrorClass::Malformed, "the answer is not a JSON object").billed(Billed::Perhaps)
}

fn check(output: &Value) -> Result<(), Failure> {
    let malformed = |what: &str| Failure::new(ErrorClass::Malformed, what).billed(Billed::Perhaps);
    let choices = output.get("choices").and_then(Value::as_array).filter(|choices| !choices.is_empty());
    let Some(choices) = choices else {
        return Err(inner_error(output).unwrap_or_else(|| malformed("the answer holds no choice")));
    };
    let filtered = |choice: &Value| choice.get("finish_reason").and_then(Value::as_str) == Some("content_filter");
    if choices.iter().all(filtered) {
        return Err(Failure::new(ErrorClass::Refusal, "the provider's content filter stopped the answer")
            .billed(Billed::Perhaps));
    }
    if choices.iter().any(|choice| !choice.get("message").is_some_and(Value::is_object)) {
        return Err(malformed("a choice of the answer holds no message"));
    }
    Ok(())
}

/// Some gateways report a failure inside a success, with its status as the error's code.
#[must_use]
pub fn inner_error(output: &Value) -> Option<Failure> {
    let error = output.get("error").filter(|error| !error.is_null())?;
    let status = error.get("code").and_then(Value::as_u64).and_then(|code| u16::try_from(code).ok());
    Some(refused_with(status.filter(|status| (400..600).contains(status)).unwrap_or(500), output, None))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::json;

    const USAGE: Usage =
        Usage { input_uncached: 3, cache_read: 0, cache_write: 0, cache_write_hour: 0, output: 2, reasoning: 0 };

    fn failure(body: &str) -> (ErrorClass, Billed) {
        let failure = read(body.as_bytes(), "m").unwrap_err();
        (failure.error.class, failure.billed)
    }

    #[test]
    fn an_answer_names_the_model_that_gave_it_and_keeps_everything_else() {
        let body = json!({"id": "x", "model": "gpt-4.1-2025-04-14", "choices": [{"message": {"content": "hi"}}], "usage": {"prompt_tokens": 3, "completion_tokens": 2}});
        let answer = read(body.to_string().as_bytes(), "openai/gpt-4.1").unwrap();
        let mut wanted = body;
        wanted["model"] = "openai/gpt-4.1".into();
        assert_eq!(answer, Answer { output: wanted, usage: Some(USAGE), warnings: Vec::new(), limits: None });
    }

    #[test]
    fn what_is_no_answer_has_its_class_and_its_bill() {
        assert_eq!(failure("{\"choices\": [{"), (ErrorClass::Malformed, Billed::Perhaps));
        assert_eq!(failure("[]"), (ErrorClass::Malformed, Billed::Perhaps));
        assert_eq!(failure("{\"choices\": []}"), (ErrorClass::Malformed, Billed::Perhaps));
        assert_eq!(failure("{\"choices\": [{\"text\": \"old form\"}]}"), (ErrorClass::Malformed, Billed::Perhaps));
        let counted = "\"usage\": {\"prompt_tokens\": 3, \"completion_tokens\": 2}";
        assert_eq!(
            failure(&format!("{{\"choices\": [], {counted}}}")),
            (ErrorClass::Malformed, Billed::Counted(USAGE))
        );
        let filtered = "\"choices\": [{\"finish_reason\": \"content_filter\", \"message\": {}}]";
        assert_eq!(failure(&format!("{{{filtered}, {counted}}}")), (ErrorClass::Refusal, Billed::Counted(USAGE)));
        assert_eq!(failure(&format!("{{{filtered}}}")), (ErrorClass::Refusal, Billed::Perhaps));
        assert_eq!(failure("{\"error\": {\"code\": 429, \"message\": \"slow\"}}"), (ErrorClass::RateLimit, Billed::No));
        assert_eq!(failure("{\"error\": {\"message\": \"broken\"}}"), (ErrorClass::Overload, Billed::No));
    }
}
