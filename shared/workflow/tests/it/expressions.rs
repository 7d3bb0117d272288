//! Expressions that workflows use, with the values that jq 1.7 gives.

use neptune_workflow::expression::{Expression, Failure};
use proptest::prelude::*;
use serde_json::{Value, json};

fn evaluate(text: &str, input: &Value) -> Result<Value, Failure> {
    let variables = ["$context", "$item"];
    let expression = Expression::compile(text, &variables).unwrap_or_else(|error| panic!("{text}: {error}"));
    expression.evaluate(input, &[("$context", &json!({"ticket": 7})), ("$item", &json!("i"))])
}

#[test]
fn values_are_those_of_jq() {
    let input = json!({"a": 1, "b": [3, 1, 2], "c": {"d": "text", "e": null}, "s": "a,b,c", "f": 1.5});
    for (text, wanted) in [
        (".", input.clone()),
        (".a", json!(1)),
        (".missing.deeper", Value::Null),
        (".b[1]", json!(1)),
        (".b[-1]", json!(2)),
        (".b[1:]", json!([1, 2])),
        (".b | sort", json!([1, 2, 3])),
        (".b | map(. * 2)", json!([6, 2, 4])),
        (".b | add / length", json!(2)),
        (".b | max, min", json!(3)),
        (".c | keys", json!(["d", "e"])),
        (".c | to_entries", json!([{"key": "d", "value": "text"}, {"key": "e", "value": null}])),
        (".c | with_entries(.value |= tostring)", json!({"d": "text", "e": "null"})),
        (".c | has(\"d\"), has(\"x\")", json!(true)),
        (".c.e // \"other\"", json!("other")),
        (".s | split(\",\")", json!(["a", "b", "c"])),
        (".s | split(\",\") | join(\"-\")", json!("a-b-c")),
        ("[\"a\", null, 1, true] | join(\"-\")", json!("a--1-true")),
        ("[] | join(\",\")", json!("")),
        (".s | length, utf8bytelength", json!(5)),
        (".s | ascii_upcase", json!("A,B,C")),
        (".s | indices(\",\")", json!([1, 3])),
        (".s | contains(\"b\")", json!(true)),
        (".s | test", Value::Null),
        ("\"\\(.a) of \\(.b)\"", json!("1 of [3,1,2]")),
        ("{a, x: .c.d, ($item): 1}", json!({"a": 1, "x": "text", "i": 1})),
        ("$context.ticket", json!(7)),
        ("$context + {x: 1}", json!({"ticket": 7, "x": 1})),
        ("if .a == 1 then \"one\" elif .a == 2 then \"two\" else \"many\" end", json!("one")),
        ("reduce .b[] as $x (0; . + $x)", json!(6)),
        ("[foreach .b[] as $x (0; . + $x)]", json!([3, 4, 6])),
        ("[limit(2; .b[])]", json!([3, 1])),
        ("first(.b[])", json!(3)),
        ("try error(\"x\") catch .", json!("x")),
        ("[.b[] | select(. > 1)]", json!([3, 2])),
        (".b |= map(. + 1)", json!({"a": 1, "b": [4, 2, 3], "c": {"d": "text", "e": null}, "s": "a,b,c", "f": 1.5})),
        ("del(.b, .c, .s, .f)", json!({"a": 1})),
        ("{} | .x.y = 3", json!({"x": {"y": 3}})),
        ("null | .x.y[1] = 3", json!({"x": {"y": [null, 3]}})),
        ("[1, 2, 3] | .[1:] = [9]", json!([1, 9])),
        ("{a: 1} | .a += 1", json!({"a": 2})),
        ("[{a: 1, b: 2}, {a: 1, b: 3}] | group_by(.a) | length", json!(1)),
        ("[3, 1, 1] | unique", json!([1, 3])),
        ("[{a: 2}, {a: 1}] | sort_by(.a) | .[0].a", json!(1)),
        ("[1, [2, [3]]] | flatten", json!([1, 2, 3])),
        ("[[1, 2], [3, 4]] | transpose", json!([[1, 3], [2, 4]])),
        ("[paths] | length", json!(10)),
        ("[.. | numbers]", json!([1, 3, 1, 2, 1.5])),
        ("walk(if type == \"number\" then . + 1 else . end) | .a", json!(2)),
        ("\"<a href='x'>\" | @html", json!("&lt;a href=&#39;x&#39;&gt;")),
        ("\"a b/ü\" | @uri", json!("a%20b%2F%C3%BC")),
        ("\"hi\" | @base64, (. | @base64 | @base64d)", json!("aGk=")),
        ("\"aGk=\" | @base64d", json!("hi")),
        ("@html \"<b>\\(.s)</b>\"", json!("<b>a,b,c</b>")),
        ("@json \"x \\(.b)\"", json!("x [3,1,2]")),
        (".c | tojson | fromjson", json!({"d": "text", "e": null})),
        ("\"12\" | tonumber", json!(12)),
        ("1 / 3 | . * 3", json!(1)),
        ("10 / 4 | floor", json!(2)),
        ("7 % 3", json!(1)),
        ("pow(2; 10), sqrt", json!(1024)),
        ("[1,2] | contains([1])", json!(true)),
        ("\"x\" * 3", json!("xxx")),
        ("{a: {b: 1}} * {a: {c: 2}}", json!({"a": {"b": 1, "c": 2}})),
        ("[1, 2, 3] - [2]", json!([1, 3])),
        ("any(.b[]; . > 2), all", json!(true)),
        ("[splits]", Value::Null),
        ("1 as $x | [2, $x]", json!([2, 1])),
        (". as {a: $x, b: [$y]} | [$x, $y]", json!([1, 3])),
        ("def double: . * 2; .a | double", json!(2)),
        ("def twice(f): f | f; .a | twice(. + 1)", json!(3)),
        ("empty", Value::Null),
        ("nan", Value::Null),
        ("[.b[] as $x | .b[] as $y | $x * $y] | length", json!(9)),
        ("label $out | 1, break $out", json!(1)),
        ("getpath([\"c\", \"d\"])", json!("text")),
        ("[.b, .c] | map(type)", json!(["array", "object"])),
        (".s | ltrimstr(\"a,\")", json!("b,c")),
        (".s | startswith(\"a\") and endswith(\"c\")", json!(true)),
        ("9007199254740993", json!(9_007_199_254_740_993_i64)),
    ] {
        if ["test", "[splits]"].iter().any(|absent| text.ends_with(absent)) {
            assert!(Expression::compile(text, &[]).is_err());
            continue;
        }
        assert_eq!(evaluate(text, &input).unwrap(), wanted, "{text}");
    }
}

#[test]
fn there_are_steps_enough_for_thousands_of_items() {
    for (text, wanted) in [
        ("[range(10000) | {a: ., b: \"text \\(.)\"}] | map(select(.a % 2 == 0) | .b) | length", 5_000),
        ("[range(10000) | tostring] | join(\", \") | length", 58_888),
        ("[range(10000) | [.]] | add | length", 10_000),
        ("[range(5000) | {k: (. % 10), v: .}] | group_by(.k) | map(map(.v) | add) | length", 10),
        ("reduce range(10000) as $i ([]; . + [$i]) | length", 10_000),
        ("reduce range(3000) as $i ({}; .[\"k\\($i)\"] = $i) | length", 3_000),
        ("[range(20000)] | sort_by(-.) | .[0]", 19_999),
        ("[range(2000) | {key: tostring, value: .}] | from_entries | with_entries(.value += 1) | length", 2_000),
        ("[range(3000) | {a: [., {b: .}]}] | [.. | numbers] | length", 6_000),
    ] {
        assert_eq!(evaluate(text, &Value::Null), Ok(json!(wanted)), "{text}");
    }
}

#[test]
fn errors_say_what_is_wrong() {
    for (text, told) in [
        (".s.x", "index"),
        ("error(\"no stock\")", "no stock"),
        (".b.name", "index"),
        ("{} + 1", "cannot"),
        ("{(1): 2}", "names are strings"),
    ] {
        let failure = evaluate(text, &json!({"s": "text", "b": []})).unwrap_err().to_string();
        assert!(failure.contains(told), "{text}: {failure}");
    }
    for (text, told) in [
        (".a +", "is expected at its end"),
        (".a | foo", "foo/0"),
        ("$missing.x", "there are $context"),
        ("(.a", ""),
        ("", "is expected"),
    ] {
        let fault = Expression::compile(text, &["$context"]).unwrap_err().to_string();
        assert!(fault.contains(told), "{text}: {fault}");
    }
}

fn json_values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-1e9..1e9_f64).prop_filter("whole floats are integers", |float| float.fract() != 0.0).prop_map(Value::from),
        ".{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 5, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            proptest::collection::btree_map("[a-z]{1,4}", inner, 0..5).prop_map(Value::from_iter),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn the_identity_keeps_every_value(value in json_values()) {
        prop_assert_eq!(evaluate(".", &value), Ok(value.clone()));
        prop_assert_eq!(evaluate("tojson | fromjson", &value), Ok(value.clone()));
        prop_assert_eq!(evaluate("[.] | .[0]", &value), Ok(value));
    }

    #[test]
    fn any_text_is_refused_or_ends(text in "[\\[\\](){}.,|a-c0-9 $+*/?:;\"'#@=<>-]{0,40}") {
        if let Ok(expression) = Expression::compile(&text, &["$a"]) {
            let value = json!({"a": [1, {"b": "c"}], "c": null});
            let first = expression.evaluate(&value, &[]);
            prop_assert_eq!(first, expression.evaluate(&value, &[]));
        }
    }
}
