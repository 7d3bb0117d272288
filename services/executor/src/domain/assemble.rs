//! From the pieces of a streamed answer to the answer as if it had come in one.

use serde_json::{Map, Value, json};

/// More choices or tool calls than this are nonsense.
const MOST_PARTS: usize = 1_024;

/// An OpenAI chat completion as far as its chunks have come.
#[derive(Clone, Debug, Default)]
pub struct Assembly {
    /// Fields of the completion itself: `id`, `created`, `usage`, …
    head: Map<String, Value>,
    choices: Vec<Choice>,
}

#[derive(Clone, Debug, Default)]
struct Choice {
    message: Map<String, Value>,
    tool_calls: Vec<Map<String, Value>>,
    finish_reason: Option<Value>,
    logprobs: Option<Value>,
    other: Map<String, Value>,
}

impl Assembly {
    /// Adds a chunk. Returns whether it holds something of the answer, not only its frame.
    pub fn add(&mut self, chunk: &Value) -> bool {
        let mut has_content = false;
        for (name, value) in chunk.as_object().into_iter().flatten() {
            match name.as_str() {
                "choices" => {
                    for choice in value.as_array().into_iter().flatten() {
                        has_content |= self.add_choice(choice);
                    }
                }
                "object" | "obfuscation" => {}
                _ if value.is_null() => {}
                // Most of the head is the same in each chunk.
                _ if self.head.get(name) == Some(value) => {}
                _ => {
                    self.head.insert(name.clone(), value.clone());
                }
            }
        }
        has_content
    }

    /// Whether every choice that began has ended, and at least one did.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        !self.choices.is_empty() && self.choices.iter().all(|choice| choice.finish_reason.is_some())
    }

    /// The completion.
    #[must_use]
    pub fn completion(&self) -> Value {
        let mut completion = self.head.clone();
        completion.insert("object".into(), "chat.completion".into());
        let choices = self.choices.iter().enumerate().map(|(index, choice)| choice.whole(index)).collect();
        completion.insert("choices".into(), Value::Array(choices));
        Value::Object(completion)
    }

    fn add_choice(&mut self, piece: &Value) -> bool {
        let index = place(piece);
        let Some(choice) = grown(&mut self.choices, index) else { return false };
        for (name, value) in piece.as_object().into_iter().flatten() {
            match name.as_str() {
                "index" | "delta" => {}
                "logprobs" if value.is_object() => join(choice.logprobs.get_or_insert_with(|| json!({})), value),
                "finish_reason" if !value.is_null() => choice.finish_reason = Some(value.clone()),
                _ if value.is_null() => {}
                _ => {
                    choice.other.insert(name.clone(), value.clone());
                }
            }
        }
        piece.get("delta").is_some_and(|delta| choice.add(delta))
    }
}

impl Choice {
    fn add(&mut self, delta: &Value) -> bool {
        let mut has_content = false;
        for (name, value) in delta.as_object().into_iter().flatten() {
            match (name.as_str(), value) {
                ("tool_calls", Value::Array(calls)) => {
                    has_content |= !calls.is_empty();
                    for call in calls {
                        self.add_tool_call(call);
                    }
                }
                ("role", _) => {
                    self.message.insert(name.clone(), value.clone());
                }
                ("refusal", Value::Null) => {
                    self.message.entry(name.clone()).or_insert(Value::Null);
                }
                (_, Value::Null) => {}
                _ => {
                    has_content |= value.as_str().is_none_or(|text| !text.is_empty());
                    join(self.message.entry(name.clone()).or_insert(Value::Null), value);
                }
            }
        }
        has_content
    }

    fn add_tool_call(&mut self, piece: &Value) {
        let index = place(piece);
        let Some(call) = grown(&mut self.tool_calls, index) else { return };
        for (name, value) in piece.as_object().into_iter().flatten() {
            match name.as_str() {
                "index" => {}
                "function" => join(call.entry(name.clone()).or_insert_with(|| json!({})), value),
                // Said once; some servers repeat it in each piece.
                _ if value.is_null() => {}
                _ => {
                    call.insert(name.clone(), value.clone());
                }
            }
        }
    }

    fn whole(&self, index: usize) -> Value {
        let mut message = self.message.clone();
        message.entry("role").or_insert_with(|| "assistant".into());
        message.entry("content").or_insert(Value::Null);
        if !self.tool_calls.is_empty() {
            message.insert("tool_calls".into(), self.tool_calls.iter().cloned().map(Value::Object).collect());
        }
        let mut choice = self.other.clone();
        choice.insert("index".into(), index.into());
        choice.insert("message".into(), Value::Object(message));
        choice.insert("logprobs".into(), self.logprobs.clone().unwrap_or_default());
        choice.insert("finish_reason".into(), self.finish_reason.clone().unwrap_or_default());
        Value::Object(choice)
    }
}

/// Appends `piece` to what came before: texts and lists grow, objects grow field by field, and what
/// else there is counts as it was said last.
fn join(whole: &mut Value, piece: &Value) {
    match (whole, piece) {
        (_, Value::Null) => {}
        (Value::String(text), Value::String(more)) => text.push_str(more),
        (Value::Array(list), Value::Array(more)) => list.extend(more.iter().cloned()),
        (Value::Object(fields), Value::Object(more)) => {
            for (name, value) in more {
                join(fields.entry(name.clone()).or_insert(Value::Null), value);
            }
        }
        (whole, piece) => *whole = piece.clone(),
    }
}

fn place(piece: &Value) -> usize {
    piece.get("index").and_then(Value::as_u64).and_then(|index| usize::try_from(index).ok()).unwrap_or(0)
}

fn grown<T: Clone + Default>(list: &mut Vec<T>, index: usize) -> Option<&mut T> {
    if index >= MOST_PARTS {
        return None;
    }
    if list.len() <= index {
        list.resize(index + 1, T::default());
    }
    list.get_mut(index)
}

#[cfg(test)]
mod tests;
