//! OpenAI Responses: a request in their shape as a chat completion, and the answer back in theirs.
//!
//! What a chat completion cannot say is refused, so that nothing the caller asked for is lost unseen.
//! Nothing is stored: a conversation goes on by its items in `input`.

mod events;
mod request;

pub use events::{Writer, response};
pub use request::{Asked, Echo, read};

use neptune_contracts::problem::Problem;
use serde_json::Value;

/// Before thoughts that go back to the model which signed them, in `encrypted_content`.
const THOUGHTS: &str = "neptune.";

fn text<'v>(value: &'v Value, pointer: &str) -> &'v str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// A fault of the task as whoever sent the request knows it.
#[must_use]
pub fn of_the_input(mut problem: Problem) -> Problem {
    let field = problem.field.strip_prefix("input.").unwrap_or(&problem.field);
    problem.field = match field {
        "max_completion_tokens" => "max_output_tokens".to_owned(),
        "reasoning_effort" => "reasoning.effort".to_owned(),
        // Items and messages are not counted alike.
        _ if field.starts_with("messages") => "input".to_owned(),
        _ if field.starts_with("response_format") => "text.format".to_owned(),
        _ => field.to_owned(),
    };
    problem
}

#[cfg(test)]
mod tests;
