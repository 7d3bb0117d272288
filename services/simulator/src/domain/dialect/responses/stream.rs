use axum::body::Bytes;
use serde_json::{Map, Value, json};

use super::{frame, item, item_id, part, write};
use crate::domain::answer::{Answer, Content};
use crate::domain::dialect::{Reply, tokens_of};

/// The events of a response: its frame, its one item token by token, and the whole at the end.
pub(in super::super) fn pieces(reply: &Reply<'_>) -> Vec<Bytes> {
    let begun = json!({"response": frame(reply, "in_progress")});
    let mut events = vec![("response.created", begun.clone()), ("response.in_progress", begun)];
    if let Some(answer) = reply.answers.first() {
        say(reply, answer, &mut events);
    }
    let whole = write(reply);
    let is_cut = whole.get("status").and_then(Value::as_str) == Some("incomplete");
    let last = if is_cut { "response.incomplete" } else { "response.completed" };
    events.push((last, json!({"response": whole})));
    events.into_iter().enumerate().map(event).collect()
}

fn say(reply: &Reply<'_>, answer: &Answer, events: &mut Vec<(&'static str, Value)>) {
    let whole = item(reply, answer);
    let at = |fields: Value| {
        let mut at = Map::from_iter([
            ("item_id".to_owned(), json!(item_id(reply, answer))),
            ("output_index".to_owned(), json!(0)),
        ]);
        at.extend(fields.as_object().cloned().unwrap_or_default());
        Value::Object(at)
    };
    let empty = |field: &str, value: Value| {
        let mut begun = whole.clone();
        if let Some(fields) = begun.as_object_mut() {
            fields.insert("status".into(), json!("in_progress"));
            fields.insert(field.into(), value);
        }
        json!({"output_index": 0, "item": begun})
    };
    match &answer.content {
        Content::Text(text) => {
            events.push(("response.output_item.added", empty("content", json!([]))));
            events.push(("response.content_part.added", at(json!({"content_index": 0, "part": part("")}))));
            for delta in tokens_of(text) {
                let fields = json!({"content_index": 0, "delta": delta, "logprobs": []});
                events.push(("response.output_text.delta", at(fields)));
            }
            events.push(("response.output_text.done", at(json!({"content_index": 0, "text": text, "logprobs": []}))));
            events.push(("response.content_part.done", at(json!({"content_index": 0, "part": part(text)}))));
        }
        Content::Call { arguments, .. } => {
            events.push(("response.output_item.added", empty("arguments", json!(""))));
            for delta in tokens_of(arguments) {
                events.push(("response.function_call_arguments.delta", at(json!({"delta": delta}))));
            }
            events.push(("response.function_call_arguments.done", at(json!({"arguments": arguments}))));
        }
    }
    events.push(("response.output_item.done", json!({"output_index": 0, "item": whole})));
}

fn event((number, (kind, fields)): (usize, (&'static str, Value))) -> Bytes {
    let mut data = Map::from_iter([("type".to_owned(), json!(kind)), ("sequence_number".to_owned(), json!(number))]);
    data.extend(fields.as_object().cloned().unwrap_or_default());
    Bytes::from(format!("event: {kind}\ndata: {}\n\n", Value::Object(data)))
}
