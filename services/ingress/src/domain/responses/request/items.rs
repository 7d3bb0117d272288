//! The items of a conversation as messages.

use super::{Faults, cannot};
use crate::domain::responses::{THOUGHTS, text};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use neptune_contracts::chat::{ChatMessage, Content, Part};
use serde_json::{Map, Value, json};

/// Adds the messages that `input` says.
pub(super) fn read(input: &Value, messages: &mut Vec<ChatMessage>, faults: &mut Faults) {
    match input {
        Value::String(text) => messages.push(ChatMessage::text("user", text)),
        Value::Array(items) => {
            let mut reader = Reader { messages, thoughts: Vec::new(), faults };
            for (index, item) in items.iter().enumerate() {
                reader.item(item, &format!("input[{index}]"));
            }
        }
        _ => faults.push(cannot("input", "missing, or neither a text nor a list of items", "send one of them")),
    }
}

struct Reader<'r> {
    messages: &'r mut Vec<ChatMessage>,
    /// What an assistant thought before its next message, as its model signed it.
    thoughts: Vec<Value>,
    faults: &'r mut Faults,
}

impl Reader<'_> {
    fn item(&mut self, item: &Value, place: &str) {
        match text(item, "/type") {
            "" | "message" => self.message(item, place),
            "function_call" => self.call(item, place),
            "function_call_output" => self.result(item, place),
            "reasoning" => self.reasoning(item),
            "item_reference" => {
                let remedy = "send the item itself, as the response had it";
                self.faults.push(cannot(&format!("{place}.type"), "items are not stored", remedy));
            }
            _ => {
                let remedy = "use message, function_call, function_call_output or reasoning";
                self.faults.push(cannot(&format!("{place}.type"), "an item that is not served", remedy));
            }
        }
    }

    fn message(&mut self, item: &Value, place: &str) {
        let role = text(item, "/role");
        if !["user", "assistant", "system", "developer"].contains(&role) {
            let remedy = "use user, assistant, system or developer";
            return self.faults.push(cannot(&format!("{place}.role"), "unknown role", remedy));
        }
        let content = self.content(item.get("content"), &format!("{place}.content"));
        let other = if role == "assistant" { self.thought() } else { Map::new() };
        self.messages.push(ChatMessage { role: role.to_owned(), content, other });
    }

    /// Calls that follow one another belong to one message, and to the words before them.
    fn call(&mut self, item: &Value, place: &str) {
        for field in ["call_id", "name"] {
            if text(item, &format!("/{field}")).is_empty() {
                self.faults.push(cannot(&format!("{place}.{field}"), "missing", "send it as the response had it"));
            }
        }
        let function = json!({"name": text(item, "/name"), "arguments": text(item, "/arguments")});
        let call = json!({"id": text(item, "/call_id"), "type": "function", "function": function});
        let thoughts = self.thought();
        match self.messages.last_mut().filter(|last| last.role == "assistant" && thoughts.is_empty()) {
            Some(last) => {
                let calls = last.other.entry("tool_calls").or_insert_with(|| json!([]));
                if let Some(calls) = calls.as_array_mut() {
                    calls.push(call);
                }
            }
            None => {
                let mut other = thoughts;
                other.insert("tool_calls".into(), json!([call]));
                self.messages.push(ChatMessage { role: "assistant".into(), content: None, other });
            }
        }
    }

    fn result(&mut self, item: &Value, place: &str) {
        let id = text(item, "/call_id");
        if id.is_empty() {
            let remedy = "send the call_id of the function call that it answers";
            self.faults.push(cannot(&format!("{place}.call_id"), "missing", remedy));
        }
        let content = self.content(item.get("output"), &format!("{place}.output"));
        let other = Map::from_iter([("tool_call_id".to_owned(), json!(id))]);
        self.messages.push(ChatMessage { role: "tool".into(), content, other });
    }

    /// Words of thoughts say nothing to a model; what it signed goes back to it.
    fn reasoning(&mut self, item: &Value) {
        let signed = text(item, "/encrypted_content").strip_prefix(THOUGHTS);
        let blocks = signed.and_then(|signed| BASE64_STANDARD.decode(signed).ok());
        let blocks: Option<Vec<Value>> = blocks.and_then(|blocks| serde_json::from_slice(&blocks).ok());
        self.thoughts.extend(blocks.into_iter().flatten());
    }

    fn thought(&mut self) -> Map<String, Value> {
        if self.thoughts.is_empty() {
            return Map::new();
        }
        Map::from_iter([("thinking_blocks".to_owned(), std::mem::take(&mut self.thoughts).into())])
    }

    fn content(&mut self, said: Option<&Value>, place: &str) -> Option<Content> {
        match said {
            Some(Value::String(text)) => Some(Content::Text(text.clone())),
            Some(Value::Array(parts)) => {
                let mut read = Vec::with_capacity(parts.len());
                for (index, found) in parts.iter().enumerate() {
                    match part(found) {
                        Ok(part) => read.push(part),
                        Err((message, remedy)) => {
                            self.faults.push(cannot(&format!("{place}[{index}]"), message, remedy));
                        }
                    }
                }
                Some(Content::Parts(read))
            }
            _ => {
                self.faults.push(cannot(place, "missing, or neither a text nor a list of parts", "send one of them"));
                None
            }
        }
    }
}

/// A part of what is said, or what is wrong with it and what to do.
fn part(found: &Value) -> Result<Part, (&'static str, &'static str)> {
    let with = |kind: &str, value: Value| {
        let other = Map::from_iter([(kind.to_owned(), value)]);
        Ok(Part { kind: kind.to_owned(), text: None, other })
    };
    match text(found, "/type") {
        "input_text" | "output_text" | "text" => {
            Ok(Part { kind: "text".into(), text: Some(text(found, "/text").to_owned()), other: Map::new() })
        }
        "refusal" => {
            Ok(Part { kind: "text".into(), text: Some(text(found, "/refusal").to_owned()), other: Map::new() })
        }
        "input_image" if !text(found, "/image_url").is_empty() => {
            let mut image = json!({"url": text(found, "/image_url")});
            if let (Some(detail), Some(fields)) = (found.get("detail").filter(|d| d.is_string()), image.as_object_mut())
            {
                fields.insert("detail".into(), detail.clone());
            }
            with("image_url", image)
        }
        "input_file" if !text(found, "/file_data").is_empty() => {
            let name = found.get("filename").and_then(Value::as_str).unwrap_or("file");
            with("file", json!({"filename": name, "file_data": text(found, "/file_data")}))
        }
        "input_image" | "input_file" => {
            Err(("a file that lies at OpenAI is not reached", "send image_url or file_data"))
        }
        _ => Err(("a part that is not served", "use input_text, output_text, input_image or input_file")),
    }
}
