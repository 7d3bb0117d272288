#![allow(clippy::unwrap_used, clippy::indexing_slicing)]
use super::*;

fn checks() -> Checks {
    let schema = json!({"type": "object", "required": ["total"], "properties": {"total": {"type": "number"}}});
    OutputSpec { schema: Some(schema), ..OutputSpec::default() }.checks().unwrap()
}

fn answer(text: &str, finish_reason: &str) -> Value {
    json!({"choices": [{"message": {"role": "assistant", "content": text}, "finish_reason": finish_reason}]})
}

fn check(text: &str, content: &str, (passed, repaired): (bool, bool)) {
    let mut output = answer(text, "stop");
    let verdict = judge(&mut output, &checks());
    assert_eq!((verdict.passed, verdict.repaired), (passed, repaired), "{text}: {verdict:?}");
    assert_eq!(output["choices"][0]["message"]["content"], content);
    assert_eq!(verdict.problems.is_empty(), passed);
}

#[test]
fn an_answer_passes_is_repaired_or_fails() {
    check(r#"{"total": 7}"#, r#"{"total": 7}"#, (true, false));
    check(" {\"total\": 7}\n", " {\"total\": 7}\n", (true, false));
    check("```json\n{\"total\": 7,}\n```", r#"{"total":7}"#, (true, true));
    check("As in [1]: {'total': 7}", r#"{"total":7}"#, (true, true));
    check(r#"{"total": "7"}"#, r#"{"total": "7"}"#, (false, false));
    check("It is seven.", "It is seven.", (false, false));
}

#[test]
fn what_is_wrong_inside_of_broken_json_is_told() {
    let mut output = answer("{'total': 'seven'}", "stop");
    let verdict = judge(&mut output, &checks());
    assert!(verdict.problems[0].starts_with("/total: "), "{verdict:?}");
}

#[test]
fn an_answer_that_was_cut_off_is_not_completed() {
    let mut output = answer("{\"total\": 7", "length");
    assert!(!judge(&mut output, &checks()).passed);
    let mut output = answer("{\"total\": 7", "stop");
    assert!(judge(&mut output, &checks()).passed);
}

#[test]
fn tool_calls_are_no_answer_and_refusals_are_a_bad_one() {
    let mut call = json!({"choices": [{"message": {"content": null, "tool_calls": [{"id": "c"}]}}]});
    assert!(judge(&mut call, &checks()).passed);
    let mut refusal = json!({"choices": [{"message": {"content": null, "refusal": "I cannot"}}]});
    assert_eq!(judge(&mut refusal, &checks()).problems, ["the model declined to answer"]);
}

#[test]
fn every_choice_must_pass() {
    let mut output = answer(r#"{"total": 7}"#, "stop");
    output["choices"].as_array_mut().unwrap().push(json!({"message": {"content": "no"}}));
    assert!(!judge(&mut output, &checks()).passed);
}

#[test]
fn a_schema_of_objects_becomes_the_response_format_unless_there_is_one() {
    let of = |schema: Value| Some(OutputSpec { schema: Some(schema), ..OutputSpec::default() });
    let mut input = ChatRequest::user("hi");
    let format = response_format(&input, of(json!({"type": "object"})).as_ref()).unwrap();
    assert_eq!(format["json_schema"]["schema"], json!({"type": "object"}));
    assert_eq!(response_format(&input, of(json!({"type": "array"})).as_ref()), None);
    assert_eq!(response_format(&input, None), None);
    input.response_format = Some(json!({"type": "json_object"}));
    assert_eq!(response_format(&input, of(json!({"type": "object"})).as_ref()), None);
}
