//! Answers in pieces against the same answers as a whole, and against nonsense.
use super::*;
use crate::domain::{answer, assemble::Assembly};

/// A block of an answer.
#[derive(Clone, Debug)]
enum Said {
    Text(String),
    Thought(String, String),
    Call(String, Value),
}

fn said() -> impl Strategy<Value = Vec<Said>> {
    let arguments = prop_oneof![Just(json!({})), "[a-zä\"]{0,12}".prop_map(|text| json!({"q": text, "n": [1, null]}))];
    let block = prop_oneof![
        ".{0,40}".prop_map(Said::Text),
        (".{0,20}", "[a-z]{0,8}").prop_map(|(words, signature)| Said::Thought(words, signature)),
        ("[a-z]{1,8}", arguments).prop_map(|(name, arguments)| Said::Call(name, arguments)),
    ];
    prop::collection::vec(block, 0..6)
}

/// A text in pieces of up to `size` characters, at least one.
fn cut(text: &str, size: usize) -> Vec<String> {
    let characters: Vec<char> = text.chars().collect();
    let pieces: Vec<String> = characters.chunks(size).map(|piece| piece.iter().collect()).collect();
    if pieces.is_empty() { vec![String::new()] } else { pieces }
}

fn event(kind: &str, data: &Value) -> Event {
    Event { event: kind.to_owned(), data: data.to_string() }
}

fn anthropic(blocks: &[Said], size: usize) -> (Value, Vec<Event>) {
    let usage = json!({"input_tokens": 9, "output_tokens": 5});
    let start =
        json!({"type": "message_start", "message": {"id": "m1", "usage": {"input_tokens": 9, "output_tokens": 1}}});
    let (mut content, mut events) = (Vec::new(), vec![start, json!({"type": "ping"})]);
    for (index, block) in blocks.iter().enumerate() {
        let (whole, empty, deltas): (Value, Value, Vec<Value>) = match block {
            Said::Text(text) => (
                json!({"type": "text", "text": text}),
                json!({"type": "text", "text": ""}),
                cut(text, size).iter().map(|text| json!({"type": "text_delta", "text": text})).collect(),
            ),
            Said::Thought(words, signature) => (
                json!({"type": "thinking", "thinking": words, "signature": signature}),
                json!({"type": "thinking", "thinking": "", "signature": ""}),
                (cut(words, size).iter().map(|words| json!({"type": "thinking_delta", "thinking": words})))
                    .chain([json!({"type": "signature_delta", "signature": signature})])
                    .collect(),
            ),
            Said::Call(name, input) => {
                let id = format!("t{index}");
                let text = if *input == json!({}) { String::new() } else { input.to_string() };
                (
                    json!({"type": "tool_use", "id": id, "name": name, "input": input}),
                    json!({"type": "tool_use", "id": id, "name": name, "input": {}}),
                    cut(&text, size)
                        .iter()
                        .map(|json| json!({"type": "input_json_delta", "partial_json": json}))
                        .collect(),
                )
            }
        };
        content.push(whole);
        events.push(json!({"type": "content_block_start", "index": index, "content_block": empty}));
        events.extend(
            deltas.into_iter().map(|delta| json!({"type": "content_block_delta", "index": index, "delta": delta})),
        );
        events.push(json!({"type": "content_block_stop", "index": index}));
    }
    events.push(json!({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 5}}));
    events.push(json!({"type": "message_stop"}));
    let whole = json!({"id": "m1", "content": content, "stop_reason": "end_turn", "usage": usage});
    (whole, events.iter().map(|data| event("", data)).collect())
}

fn gemini(blocks: &[Said], size: usize) -> (Value, Vec<Event>) {
    let usage = json!({"promptTokenCount": 9, "candidatesTokenCount": 5});
    let (mut parts, mut events) = (Vec::new(), Vec::new());
    for block in blocks {
        let (whole, pieces): (Value, Vec<Value>) = match block {
            Said::Text(text) => {
                (json!({"text": text}), cut(text, size).iter().map(|text| json!({"text": text})).collect())
            }
            Said::Thought(words, _) => (
                json!({"text": words, "thought": true}),
                cut(words, size).iter().map(|words| json!({"text": words, "thought": true})).collect(),
            ),
            Said::Call(name, input) => {
                let part = json!({"functionCall": {"name": name, "args": input}, "thoughtSignature": "s"});
                (part.clone(), vec![part])
            }
        };
        parts.push(whole);
        events.extend(
            pieces.iter().map(|part| json!({"responseId": "r1", "candidates": [{"content": {"parts": [part]}}]})),
        );
    }
    events.push(json!({"responseId": "r1", "candidates": [{"finishReason": "STOP"}], "usageMetadata": usage}));
    let whole = json!({"responseId": "r1", "usageMetadata": usage,
        "candidates": [{"content": {"parts": parts}, "finishReason": "STOP"}]});
    (whole, events.iter().map(|data| event("", data)).collect())
}

fn bedrock(blocks: &[Said], size: usize) -> (Value, Vec<Event>) {
    let usage = json!({"inputTokens": 9, "outputTokens": 5});
    let (mut content, mut events) = (Vec::new(), vec![event("messageStart", &json!({"role": "assistant"}))]);
    for (index, block) in blocks.iter().enumerate() {
        let (whole, deltas): (Value, Vec<Value>) = match block {
            Said::Text(text) => {
                (json!({"text": text}), cut(text, size).iter().map(|text| json!({"text": text})).collect())
            }
            Said::Thought(words, signature) => (
                json!({"reasoningContent": {"reasoningText": {"text": words, "signature": signature}}}),
                (cut(words, size).iter().map(|words| json!({"reasoningContent": {"text": words}})))
                    .chain([json!({"reasoningContent": {"signature": signature}})])
                    .collect(),
            ),
            Said::Call(name, input) => {
                let start = json!({"toolUseId": format!("t{index}"), "name": name});
                events.push(event(
                    "contentBlockStart",
                    &json!({"contentBlockIndex": index, "start": {"toolUse": start}}),
                ));
                let text = if *input == json!({}) { String::new() } else { input.to_string() };
                (
                    json!({"toolUse": {"toolUseId": format!("t{index}"), "name": name, "input": input}}),
                    cut(&text, size).iter().map(|json| json!({"toolUse": {"input": json}})).collect(),
                )
            }
        };
        content.push(whole);
        events.extend(
            deltas
                .into_iter()
                .map(|delta| event("contentBlockDelta", &json!({"contentBlockIndex": index, "delta": delta}))),
        );
        events.push(event("contentBlockStop", &json!({"contentBlockIndex": index})));
    }
    events.push(event("messageStop", &json!({"stopReason": "end_turn"})));
    events.push(event("metadata", &json!({"usage": usage})));
    let whole = json!({"output": {"message": {"content": content}}, "stopReason": "end_turn", "usage": usage});
    (whole, events)
}

fn assembled(provider: Provider, events: &[Event]) -> Result<Answer, Failure> {
    let (mut pieces, mut assembly) = (of(provider).pieces(now()), Assembly::default());
    for event in events {
        for chunk in pieces.read(event)? {
            assembly.add(&chunk);
        }
    }
    assert!(assembly.is_complete());
    Ok(Answer { usage: pieces.usage(), ..answer::of_output(assembly.completion(), "m")? })
}

/// A value of no particular shape, of names that the readers look for.
fn nonsense() -> impl Strategy<Value = Value> {
    let words = prop::sample::select(vec![
        "type",
        "index",
        "delta",
        "content_block",
        "message",
        "usage",
        "text",
        "thinking",
        "tool_use",
        "text_delta",
        "thinking_delta",
        "input_json_delta",
        "signature_delta",
        "partial_json",
        "stop_reason",
        "error",
        "candidates",
        "content",
        "parts",
        "functionCall",
        "finishReason",
        "usageMetadata",
        "contentBlockIndex",
        "start",
        "toolUse",
        "input",
        "reasoningContent",
        "output_tokens",
        "input_tokens",
        "content_block_start",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_start",
        "name",
        "id",
        "stopReason",
        "code",
        "item",
        "response",
        "function_call",
        "response.completed",
        "response.output_item.added",
        "response.function_call_arguments.delta",
    ]);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        words.clone().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(words.clone().prop_map(str::to_owned), inner, 0..5)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn pieces_put_together_are_the_whole(blocks in said(), size in 1..9_usize) {
        type Written = fn(&[Said], usize) -> (Value, Vec<Event>);
        let formats: [(Provider, Written); 3] =
            [(Provider::Anthropic, anthropic), (Provider::Gemini, gemini), (Provider::Bedrock, bedrock)];
        for (provider, written) in formats {
            let (whole, events) = written(&blocks, size);
            let wanted = of(provider).answer(whole.to_string().as_bytes(), "m", now()).unwrap();
            let found = assembled(provider, &events).unwrap();
            prop_assert_eq!(&found.output, &wanted.output, "{:?}", provider);
            prop_assert_eq!(found.usage, wanted.usage);
        }
    }

    #[test]
    fn nothing_in_a_stream_makes_a_reader_panic(
        events in prop::collection::vec((prop::sample::select(vec![
            "", "exception", "contentBlockStart", "contentBlockDelta", "contentBlockStop", "messageStop", "metadata",
        ]), nonsense()), 0..8),
        garbage in ".{0,40}",
    ) {
        for provider in TRANSLATED.into_iter().chain([Provider::Openai, Provider::OpenaiResponses]) {
            let (mut pieces, mut assembly) = (of(provider).pieces(now()), Assembly::default());
            let garbage = Event { event: String::new(), data: garbage.clone() };
            for event in events.iter().map(|(kind, data)| event(kind, data)).chain([garbage]) {
                if let Ok(chunks) = pieces.read(&event) {
                    chunks.iter().for_each(|chunk| { assembly.add(chunk); });
                }
            }
            let _whole = assembly.completion();
        }
    }
}
