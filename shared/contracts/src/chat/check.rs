//! Everything wrong with a chat completion request.

use super::{ChatMessage, ChatRequest, Content, MAX_MESSAGES};
use crate::{embedding, problem::Problem};
use serde_json::Value;

/// What an assistant's message may say instead of content.
const INSTEAD_OF_CONTENT: [&str; 5] = ["tool_calls", "function_call", "refusal", "audio", "thinking_blocks"];

/// What `tool_choice` may be when it is a word.
const TOOL_CHOICES: [&str; 3] = ["none", "auto", "required"];
/// Types of parts, and where what they must say stands below `other`; a text has its own field.
const PARTS: [(&str, &[&str]); 3] =
    [("text", &[]), ("image_url", &["image_url", "url"]), ("input_audio", &["input_audio", "data"])];

impl ChatRequest {
    /// Everything wrong with the request; paths start with `prefix`.
    #[must_use]
    pub fn problems(&self, prefix: &str) -> Vec<Problem> {
        let at = |field: &str| format!("{prefix}{field}");
        let mut problems = Vec::new();
        if self.messages.is_empty() {
            problems.push(Problem::new(at("messages"), "no message given", "send at least one message"));
        }
        if self.messages.len() > MAX_MESSAGES {
            let text = format!("{} messages, the limit is {MAX_MESSAGES}", self.messages.len());
            problems.push(Problem::new(at("messages"), text, "shorten the conversation"));
        }
        if let Some(spec) = self.embedding {
            embedding::problems(self, spec, &at, &mut problems);
            return problems;
        }
        for (index, message) in self.messages.iter().enumerate() {
            problems.extend(message.problem(&at(&format!("messages[{index}]"))));
        }
        problems.extend(self.tools_problem(&at));
        problems.extend(self.format_problem(&at));
        self.sampling_problems(&at, &mut problems);
        problems
    }

    fn tools_problem(&self, at: &dyn Fn(&str) -> String) -> Option<Problem> {
        let tools = self.tools.as_deref().unwrap_or_default();
        let named =
            |tool: &Value| tool.pointer("/function/name").and_then(Value::as_str).is_some_and(|name| !name.is_empty());
        let is_function = |tool: &Value| tool.get("type").is_none_or(|kind| kind == "function");
        if let Some(index) = tools.iter().position(|tool| is_function(tool) && !named(tool)) {
            let remedy = "send {\"type\": \"function\", \"function\": {\"name\": …, \"parameters\": {…}}}";
            return Some(Problem::new(at(&format!("tools[{index}].function.name")), "missing or no text", remedy));
        }
        let choice = self.other.get("tool_choice").filter(|choice| !choice.is_null())?;
        let field = at("tool_choice");
        match choice {
            Value::String(word) if !TOOL_CHOICES.contains(&word.as_str()) => {
                let text = format!("unknown choice {:?}", shortened(word));
                Some(Problem::new(field, text, "use none, auto, required, or an object that names a function"))
            }
            Value::String(word) if word == "required" && tools.is_empty() => {
                Some(Problem::new(field, "required, and there are no tools", "send tools, or leave it out"))
            }
            Value::String(_) | Value::Object(_) => None,
            _ => Some(Problem::new(
                field,
                "no text and no object",
                "use none, auto, required, or an object that names a function",
            )),
        }
    }

    fn format_problem(&self, at: &dyn Fn(&str) -> String) -> Option<Problem> {
        let format = self.response_format.as_ref().filter(|format| !format.is_null())?;
        match format.get("type").and_then(Value::as_str) {
            Some("text" | "json_object") => None,
            Some("json_schema") => {
                let is_there = format.pointer("/json_schema/schema").is_some_and(Value::is_object);
                let remedy = "send {\"type\": \"json_schema\", \"json_schema\": {\"name\": …, \"schema\": {…}}}";
                (!is_there).then(|| Problem::new(at("response_format.json_schema.schema"), "no JSON Schema", remedy))
            }
            kind => {
                let text =
                    kind.map_or_else(|| "missing".to_owned(), |kind| format!("unknown type {:?}", shortened(kind)));
                let remedy = "use text, json_object or json_schema";
                Some(Problem::new(at("response_format.type"), text, remedy))
            }
        }
    }

    fn sampling_problems(&self, at: &dyn Fn(&str) -> String, problems: &mut Vec<Problem>) {
        let mut range = |field: &str, ok: bool, limit: &str| {
            if !ok {
                problems.push(Problem::new(
                    at(field),
                    format!("out of range, the limit is {limit}"),
                    "choose a value in the range or leave it out",
                ));
            }
        };
        range("temperature", self.temperature.is_none_or(|t| (0.0..=2.0).contains(&t)), "0 to 2");
        range("top_p", self.top_p.is_none_or(|p| (0.0..=1.0).contains(&p)), "0 to 1");
        range("n", self.n.is_none_or(|n| (1..=super::MAX_CHOICES).contains(&n)), "1 to 16");
        range("max_tokens", self.max_tokens.is_none_or(|n| n >= 1), "at least 1");
        range("max_completion_tokens", self.max_completion_tokens.is_none_or(|n| n >= 1), "at least 1");
    }
}

impl ChatMessage {
    /// What is wrong with the message at `place`.
    fn problem(&self, place: &str) -> Option<Problem> {
        let known = ["system", "developer", "user", "assistant", "tool"];
        if !known.contains(&self.role.as_str()) {
            let text = format!("unknown role {:?}", shortened(&self.role));
            let remedy = "use system, developer, user, assistant or tool";
            return Some(Problem::new(format!("{place}.role"), text, remedy));
        }
        let is_said = |field: &&str| self.other.get(*field).is_some_and(|value| !is_nothing(value));
        if self.role == "tool" && !is_said(&"tool_call_id") {
            let text = "missing, a tool's result belongs to a call";
            let remedy = "send the id of the tool call that it answers";
            return Some(Problem::new(format!("{place}.tool_call_id"), text, remedy));
        }
        if let Some(problem) = self.calls_problem(place).or_else(|| self.part_problem(place)) {
            return Some(problem);
        }
        let has_content = match &self.content {
            None => false,
            Some(Content::Text(_)) => true,
            Some(Content::Parts(parts)) => !parts.is_empty(),
        };
        if has_content || (self.role == "assistant" && INSTEAD_OF_CONTENT.iter().any(is_said)) {
            return None;
        }
        let remedy = if self.role == "assistant" { "send a text, parts or tool_calls" } else { "send a text or parts" };
        Some(Problem::new(format!("{place}.content"), "missing or empty, a message says something", remedy))
    }
}

impl ChatMessage {
    /// A call of a tool names its function.
    fn calls_problem(&self, place: &str) -> Option<Problem> {
        let calls = self.other.get("tool_calls").filter(|_| self.role == "assistant").and_then(Value::as_array)?;
        let is_custom = |call: &Value| call.get("type").is_some_and(|kind| kind != "function");
        let is_named = |call: &Value| call.pointer("/function/name").is_some_and(Value::is_string);
        let index = calls.iter().position(|call| !is_custom(call) && !is_named(call))?;
        let remedy = "send the call as the model made it, with id, type and function";
        let field = format!("{place}.tool_calls[{index}].function.name");
        Some(Problem::new(field, "missing or no text", remedy))
    }

    /// A part of a message says what its type does. Types that are not OpenAI's are left to the provider.
    fn part_problem(&self, place: &str) -> Option<Problem> {
        let Some(Content::Parts(parts)) = &self.content else { return None };
        parts.iter().enumerate().find_map(|(index, part)| {
            let (kind, path) = PARTS.iter().find(|(kind, _)| *kind == part.kind)?;
            let said = path.split_first().and_then(|(first, rest)| {
                rest.iter().try_fold(part.other.get(*first)?, |value, name| value.get(*name))
            });
            let is_there = if path.is_empty() { part.text.is_some() } else { said.is_some_and(Value::is_string) };
            let path = if path.is_empty() { "text".to_owned() } else { path.join(".") };
            let remedy = format!("say it, as a part of type {kind} does");
            let field = format!("{place}.content[{index}].{path}");
            (!is_there).then(|| Problem::new(field, "missing or no text", remedy))
        })
    }
}

fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(list) => list.is_empty(),
        _ => false,
    }
}

fn shortened(text: &str) -> String {
    text.chars().take(32).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::json;

    fn check(body: Value, wanted: &[&str]) {
        let request: ChatRequest = serde_json::from_value(body.clone()).unwrap();
        let found = request.problems("");
        assert_eq!(found.iter().map(|problem| problem.field.as_str()).collect::<Vec<_>>(), wanted, "{body}");
    }

    #[test]
    fn every_message_says_something() {
        let of = |message: Value| json!({"messages": [message]});
        check(of(json!({"role": "user", "content": "hi"})), &[]);
        check(of(json!({"role": "user", "content": ""})), &[]);
        check(of(json!({"role": "user"})), &["messages[0].content"]);
        check(of(json!({"role": "user", "content": null})), &["messages[0].content"]);
        check(of(json!({"role": "user", "content": []})), &["messages[0].content"]);
        check(of(json!({"role": "user", "tool_calls": [{}]})), &["messages[0].content"]);
        check(of(json!({"role": "assistant"})), &["messages[0].content"]);
        check(of(json!({"role": "assistant", "tool_calls": []})), &["messages[0].content"]);
        let call = |call: Value| of(json!({"role": "assistant", "content": null, "tool_calls": [call]}));
        check(call(json!({"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}})), &[]);
        check(call(json!({"id": "a", "type": "custom", "custom": {"name": "f"}})), &[]);
        check(call(json!({"id": "a"})), &["messages[0].tool_calls[0].function.name"]);
        check(of(json!({"role": "assistant", "content": null, "refusal": "I will not."})), &[]);
        check(of(json!({"role": "tool", "content": "7"})), &["messages[0].tool_call_id"]);
        check(of(json!({"role": "tool", "content": "7", "tool_call_id": ""})), &["messages[0].tool_call_id"]);
        check(of(json!({"role": "tool", "content": "7", "tool_call_id": "a"})), &[]);
        check(of(json!({"role": "boss"})), &["messages[0].role"]);
    }

    #[test]
    fn a_part_says_what_its_type_does() {
        let of = |part: Value| json!({"messages": [{"role": "user", "content": [part]}]});
        check(of(json!({"type": "text", "text": ""})), &[]);
        check(of(json!({"type": "image_url", "image_url": {"url": "https://example.com/a.png"}})), &[]);
        check(of(json!({"type": "video_url", "video_url": {}})), &[]);
        check(of(json!({"type": "text"})), &["messages[0].content[0].text"]);
        check(of(json!({"type": "image_url"})), &["messages[0].content[0].image_url.url"]);
        check(of(json!({"type": "image_url", "image_url": {"url": 7}})), &["messages[0].content[0].image_url.url"]);
        check(of(json!({"type": "input_audio", "input_audio": {}})), &["messages[0].content[0].input_audio.data"]);
    }

    #[test]
    fn tools_are_named_and_chosen_by_words_that_exist() {
        let of = |tools: Value, choice: Value| json!({"messages": [{"role": "user", "content": "hi"}], "tools": tools, "tool_choice": choice});
        let tool = json!([{"type": "function", "function": {"name": "f"}}]);
        check(of(tool.clone(), json!("required")), &[]);
        check(of(tool.clone(), json!({"type": "function", "function": {"name": "f"}})), &[]);
        check(of(json!([{"type": "web_search"}]), Value::Null), &[]);
        check(of(json!([{"type": "function"}]), Value::Null), &["tools[0].function.name"]);
        check(of(json!([{"type": "function", "function": {"name": ""}}]), Value::Null), &["tools[0].function.name"]);
        check(of(tool.clone(), json!("sometimes")), &["tool_choice"]);
        check(of(json!([]), json!("required")), &["tool_choice"]);
        check(of(tool, json!(7)), &["tool_choice"]);
    }

    #[test]
    fn a_form_of_the_answer_is_a_known_one() {
        let of = |format: Value| json!({"messages": [{"role": "user", "content": "hi"}], "response_format": format});
        check(of(json!({"type": "text"})), &[]);
        check(of(json!({"type": "json_object"})), &[]);
        check(of(json!({"type": "json_schema", "json_schema": {"name": "a", "schema": {"type": "object"}}})), &[]);
        check(
            of(json!({"type": "json_schema", "json_schema": {"name": "a"}})),
            &["response_format.json_schema.schema"],
        );
        check(of(json!({"type": "xml"})), &["response_format.type"]);
        check(of(json!({})), &["response_format.type"]);
        check(of(json!("json")), &["response_format.type"]);
        check(of(Value::Null), &[]);
    }
}
