#![allow(clippy::unwrap_used, clippy::indexing_slicing)]
use super::*;

const PRICES: &str = "model,input_usd_per_mtok,output_usd_per_mtok,cached_input_usd_per_mtok,source
m,9,9,,somebody's list
m,1,2,,\"list, of old\" (routing_llmrouter)
n,4,8,0.5,somebody's list
";

fn row(line: &str) -> Row {
    parse(line, &Prices::parse(PRICES).unwrap()).unwrap()
}

#[test]
fn a_row_has_what_it_says_and_costs_what_it_says() {
    let row = row(r#"{"id":"a","dataset":"gsm","task_type":"reasoning","prompt":"1+1?","in_tokens":150,
        "score":{"m":1.0,"o":0.5,"p":null},"cost":{"m":0.25},"out_tokens":{"m":7},"split":"public","new":[]}"#);
    assert_eq!((row.id.as_str(), row.step.as_deref(), row.task_type), ("a", Some("gsm"), TaskType::Reasoning));
    assert_eq!(row.input_tokens, 150);
    assert_eq!(row.scores, [("m".to_owned(), 1.0), ("o".to_owned(), 0.5)].into());
    assert_eq!(row.costs_usd, [("m".to_owned(), 0.25)].into(), "no price of o is known");
}

#[test]
fn missing_costs_are_tokens_times_price() {
    let row = row(
        r#"{"id":"a","dataset":"llmrouter/mbpp","prompt":"12345678","score":{"m":1,"n":0},"out_tokens":{"n":100}}"#,
    );
    assert!((row.costs_usd["m"] - (2.0 * 1.0 + 300.0 * 2.0) / 1e6).abs() < 1e-12, "the price of its own collection");
    assert!((row.costs_usd["n"] - (2.0 * 4.0 + 100.0 * 8.0) / 1e6).abs() < 1e-12);
}

#[test]
fn what_is_missing_or_strange_is_no_fault() {
    let row = row(r#"{"id":"a","prompt":null,"task_type":"vqa","cost_cny":{"q":7.1}}"#);
    assert_eq!((row.text.as_str(), row.step, row.scores.len(), row.input_tokens), ("", None, 0, 0));
    assert!((row.costs_usd["q"] - 1.0).abs() < 1e-12);
}

#[test]
fn faults_are_told() {
    let fault = |line: &str| parse(line, &Prices::default()).unwrap_err();
    assert!(fault("{}").contains("missing field `id`"), "{}", fault("{}"));
    assert_eq!(fault(r#"{"id":"a","score":{"m":1.5}}"#), "score of m is 1.5; the limit is 0 to 1");
    assert_eq!(Prices::parse("header\nm,1").unwrap_err(), "line 2 has no prices in its second and third column");
}
