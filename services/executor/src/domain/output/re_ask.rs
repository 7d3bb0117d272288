//! Telling a model what is wrong with its answer.

use neptune_contracts::{
    PicoUsd,
    attempt::Attempt,
    chat::{ChatMessage, ChatRequest},
};
use serde_json::Value;

/// A second answer costs no more than this many times the first: the question now holds the first
/// answer too, and no provider asks more for input than for output.
const DEARER: i64 = 2;

/// The request that shows the model its own answer with what is wrong with it; nothing when it said
/// nothing.
#[must_use]
pub fn request(input: &ChatRequest, output: &Value, problems: &[String]) -> Option<ChatRequest> {
    let said = output.pointer("/choices/0/message/content")?.as_str()?;
    let list: String = problems.iter().map(|problem| format!("- {problem}\n")).collect();
    let told =
        format!("Your answer cannot be used:\n{list}Answer again. Send the whole corrected answer and nothing else.");
    let mut request = input.clone();
    request.messages.push(ChatMessage::text("assistant", said));
    request.messages.push(ChatMessage::text("user", told));
    Some(request)
}

/// What asking again after `last` may cost.
#[must_use]
pub fn expected_cost(last: &Attempt, planned: PicoUsd) -> PicoUsd {
    planned.max(PicoUsd(last.cost_usd.0.saturating_mul(DEARER)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::json;

    #[test]
    fn the_model_sees_its_answer_and_every_problem() {
        let input = ChatRequest::user("What does it cost?");
        let output = json!({"choices": [{"message": {"content": "seven"}}]});
        let problems = ["the answer is not JSON".to_owned(), "/total: value is not of type \"number\"".to_owned()];
        let asked = request(&input, &output, &problems).unwrap();
        let roles: Vec<&str> = asked.messages.iter().map(|message| message.role.as_str()).collect();
        assert_eq!(roles, ["user", "assistant", "user"]);
        let texts: Vec<&str> = asked.texts().collect();
        let [question, answer, told] = texts.as_slice() else { unreachable!() };
        assert_eq!((*question, *answer), ("What does it cost?", "seven"));
        assert!(problems.iter().all(|problem| told.contains(problem.as_str())), "{told}");
        assert!(request(&input, &json!({"choices": [{"message": {"content": null}}]}), &problems).is_none());
    }
}
