#![allow(clippy::unwrap_used)]

use super::*;
use proptest::prelude::*;

fn assembled(chunks: &[Value]) -> (Value, Vec<bool>) {
    let mut assembly = Assembly::default();
    let content = chunks.iter().map(|chunk| assembly.add(chunk)).collect();
    (assembly.completion(), content)
}

#[test]
fn a_text_comes_together_with_its_frame_and_usage() {
    let (whole, content) = assembled(&[
        json!({"id": "c-1", "object": "chat.completion.chunk", "created": 5, "model": "m", "usage": null,
            "choices": [{"index": 0, "delta": {"role": "assistant", "content": "", "refusal": null}, "logprobs": null, "finish_reason": null}]}),
        json!({"id": "c-1", "choices": [{"index": 0, "delta": {"content": "Hel"}, "logprobs": {"content": [{"token": "Hel"}]}}]}),
        json!({"id": "c-1", "choices": [{"index": 0, "delta": {"content": "lo"}, "logprobs": {"content": [{"token": "lo"}]}}]}),
        json!({"id": "c-1", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}),
        json!({"id": "c-1", "choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 2}}),
    ]);
    assert_eq!(content, [false, true, true, false, false]);
    assert_eq!(
        whole,
        json!({"id": "c-1", "object": "chat.completion", "created": 5, "model": "m", "usage": {"prompt_tokens": 3, "completion_tokens": 2},
            "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hello", "refusal": null},
                "logprobs": {"content": [{"token": "Hel"}, {"token": "lo"}]}, "finish_reason": "stop"}]})
    );
}

#[test]
fn tool_calls_come_together_by_their_index() {
    let call = |index: u64, piece: Value| {
        let mut piece = piece;
        piece["index"] = index.into();
        json!({"choices": [{"index": 0, "delta": {"tool_calls": [piece]}}]})
    };
    let (whole, content) = assembled(&[
        json!({"choices": [{"index": 0, "delta": {"role": "assistant", "content": null}}]}),
        call(0, json!({"id": "a", "type": "function", "function": {"name": "look", "arguments": ""}})),
        call(1, json!({"id": "b", "type": "function", "function": {"name": "send", "arguments": "{}"}})),
        call(0, json!({"function": {"arguments": "{\"x\""}})),
        call(0, json!({"id": null, "function": {"arguments": ":1}"}})),
        json!({"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]}),
    ]);
    assert_eq!(content, [false, true, true, true, true, false]);
    let calls = &whole["choices"][0]["message"]["tool_calls"];
    assert_eq!(
        *calls,
        json!([{"id": "a", "type": "function", "function": {"name": "look", "arguments": "{\"x\":1}"}},
            {"id": "b", "type": "function", "function": {"name": "send", "arguments": "{}"}}])
    );
    assert_eq!(whole["choices"][0]["finish_reason"], "tool_calls");
}

#[test]
fn choices_come_together_each_by_itself() {
    let piece = |index: u64, text: &str| json!({"choices": [{"index": index, "delta": {"content": text}}]});
    let mut assembly = Assembly::default();
    assert!(!assembly.is_complete());
    for chunk in [piece(1, "b"), piece(0, "a"), piece(1, "B"), piece(0, "A")] {
        assembly.add(&chunk);
    }
    assert!(!assembly.is_complete());
    for index in 0..2 {
        assembly.add(&json!({"choices": [{"index": index, "delta": {}, "finish_reason": "stop"}]}));
    }
    assert!(assembly.is_complete());
    let whole = assembly.completion();
    assert_eq!(whole["choices"][0]["message"]["content"], "aA");
    assert_eq!(whole["choices"][1]["message"]["content"], "bB");
}

proptest! {
    #[test]
    fn any_text_survives_being_cut(text in ".{0,80}", cuts in prop::collection::vec(1..6_usize, 0..40)) {
        let characters: Vec<char> = text.chars().collect();
        let (mut assembly, mut rest) = (Assembly::default(), characters.as_slice());
        for cut in cuts.into_iter().chain([usize::MAX]) {
            let (piece, after) = rest.split_at(cut.min(rest.len()));
            let piece: String = piece.iter().collect();
            assembly.add(&json!({"choices": [{"index": 0, "delta": {"content": piece}}]}));
            rest = after;
        }
        let whole = assembly.completion();
        prop_assert_eq!(whole["choices"][0]["message"]["content"].as_str(), Some(text.as_str()));
    }
}
