//! Expressions that try to read what they must not, to run forever, to fill the memory or to end the
//! process. Each attack runs on a stack as small as those of an async runtime's threads.

use neptune_workflow::expression::{Expression, Failure, meter::Stop};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// What one expression may take. It is counted, not timed; this is what the count must come to.
const AT_MOST: Duration = Duration::from_secs(1);

/// Compiles and evaluates within [`AT_MOST`] of the processor's time, on a small stack.
fn run(text: &str) -> Result<Value, String> {
    let text = text.to_owned();
    let thread = std::thread::Builder::new().stack_size(2 << 20);
    let run = move || {
        let expression = Expression::compile(&text, &["$input"]).map_err(|error| format!("unreadable: {error}"))?;
        let started = Instant::now();
        let outcome = expression.evaluate(&json!({"a": [1, 2, 3]}), &[]);
        (outcome, started.elapsed()).pipe(|(outcome, took)| {
            let shown: String = text.chars().take(60).collect();
            assert!(took < AT_MOST * 4, "`{shown}` took {took:?}");
            println!("{took:>12?} {shown} -> {:?}", outcome.as_ref().map(|_| "a value"));
            outcome.map_err(|failure| match failure {
                Failure::Stopped(Stop::Steps) => "steps".to_owned(),
                Failure::Stopped(Stop::Size) => "size".to_owned(),
                Failure::Stopped(Stop::Depth) => "depth".to_owned(),
                other => other.to_string(),
            })
        })
    };
    thread.spawn(run).unwrap().join().unwrap()
}

trait Pipe: Sized {
    fn pipe<T>(self, f: impl FnOnce(Self) -> T) -> T {
        f(self)
    }
}
impl<T> Pipe for T {}

#[test]
fn endless_expressions_end() {
    for endless in [
        "[range(1e9)]",
        "[range(0; 1; 0)]",
        "last(range(infinite))",
        "[repeat(1)]",
        "last(repeat(empty, 1))",
        "[repeat(try error(1) catch 2)]",
        "until(false; .)",
        "[while(true; .)]",
        "[recurse(.)]",
        "reduce repeat(1) as $x (0; . + $x)",
        "foreach repeat(1) as $x (0; $x; empty)",
        "label $out | foreach repeat(1) as $x (0; $x; if . == 2 then break $out else empty end)",
        "isempty(repeat(1) | empty)",
        "all(repeat(true); .)",
        "limit(1; repeat(1) | select(. == 2))",
        "try (until(false; .)) catch 1",
        "[range(1000)] | [combinations(5)]",
        "[limit(100000000; repeat(\"x\"))] | length",
        "[range(3000)] as $a | [$a[] as $x | $a[] as $y | $x * $y] | length",
        "reduce range(100000) as $i (\"\"; . + \"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\")",
        "def a: ., .; def b: a | a; def c: b | b; def d: c | c; def e: d | d; def f: e | e; [f]",
        "first(range(10; 0) , repeat(empty))",
        "[range(100000)] | [.[] as $x | . as $all | $all[$x]] | length",
        "def f(g): g | g | g | g; [range(50)] | f(map(.,.)) | f(map(.,.)) | f(map(.,.)) | length",
        "[range(30000)] | map(. as $x | [range(30000)] | index($x))",
        "\"a\" * 4000000 | [limit(100; repeat(.)) | ascii_upcase] | length",
        "[range(5000)] | . - [range(5000)] | [range(5000)] as $x | [range(1000) | $x - $x]",
    ] {
        let outcome = run(endless);
        assert!(matches!(outcome.as_ref().map_err(String::as_str), Err("steps" | "size")), "{endless}: {outcome:?}");
    }
}

#[test]
fn memory_is_not_filled() {
    for greedy in [
        "\"x\" * 10000000000",
        "\"x\" * 9223372036854775807",
        "10000000000 * \"x\"",
        "reduce range(60) as $i (\"x\"; . + .)",
        "reduce range(60) as $i ([1]; . + .)",
        "reduce range(100) as $i (0; [., .]) | tojson",
        "reduce range(100) as $i (0; {a: ., b: .}) | tostring | length",
        "reduce range(100) as $i (0; [., .]) == 1",
        "reduce range(100) as $i (0; [., .]) | [.. | 1] | length",
        "reduce range(40) as $i (\"&\"; . + .) | @html",
        "reduce range(20) as $i (\"x\"; [., .] | tojson)",
    ] {
        let outcome = run(greedy);
        assert!(matches!(outcome.as_ref().map_err(String::as_str), Err("steps" | "size")), "{greedy}: {outcome:?}");
    }
    assert!(run(".b[1e9] = 1").is_err());
    assert!(run("setpath([\"b\", 100000000]; 1)").is_err());
    let digits = run("reduce range(200) as $i (10; . * .)").unwrap();
    assert_eq!(digits, Value::Null, "integers do not grow without bound");
}

#[test]
fn the_stack_does_not_overflow() {
    assert_eq!(run("reduce range(100000) as $i (0; [.])"), Err("depth".to_owned()));
    assert_eq!(run("reduce range(100000) as $i (0; {a: .})"), Err("depth".to_owned()));
    assert_eq!(run("reduce range(1000) as $i ({}; setpath([range(100) | \"a\"]; .))"), Err("depth".to_owned()));
    assert!(run("\"[\" * 100000 | fromjson").unwrap_err().contains("not JSON"));
    for (open, body, close) in [
        ("(", "1", ")"),
        ("[", "1", "]"),
        ("{a: ", "1", "}"),
        ("-", "1", ""),
        ("try ", "1", ""),
        ("1 | ", "1", ""),
        ("1 + ", "1", ""),
        ("1, ", "1", ""),
        ("1 as $x | ", "1", ""),
        ("def f: 1; ", "1", ""),
        ("def f: ", "1", "; 1"),
        ("if 1 then ", "1", " else 2 end"),
        ("if 1 then 1 else ", "1", " end"),
        ("reduce 1 as $x (1; ", "1", ")"),
        ("label $x | ", "1", ""),
        ("\"\\(", "1", ")\""),
        ("map(", ".", ")"),
        ("first(", "1", ")"),
        ("1 // ", "1", ""),
        ("1 and ", "1", ""),
        (". |= ", "1", ""),
        ("", ".", "[0]"),
        ("", ".", ".a"),
        ("", ".", "?"),
        ("", "1", " | 1"),
    ] {
        for times in [10, 39, 100, 190, 400, 900, 2_000, 20_000] {
            // Whether it is refused or has a value: the process goes on.
            let _outcome = run(&format!("{}{body}{}", open.repeat(times), close.repeat(times)));
        }
    }
    let mut chain = "def f0: . + 1; ".to_owned();
    for level in 1..60 {
        chain += &format!("def f{level}: f{0} | f{0}; ", level - 1);
    }
    assert!(run(&format!("{chain} 1 | f59")).unwrap_err().contains("multiply"));
    assert!(run("last(limit(10000; repeat(1)))").is_ok());
    assert!(run("[recurse(if . == 1 then empty else 1 end)]").is_ok());
    let _deep = run("[0 | recurse(if . < 20000 then . + 1 else empty end)] | length");
    let _deep = run("0 | until(. > 100000; . + 1)");
    let _deep = run("[0 | while(. < 20000; . + 1)] | length");
}

#[test]
fn nothing_but_the_input_is_seen() {
    for (text, told) in [
        ("env", "env/0"),
        ("$ENV", "$ENV"),
        ("$ENV.PATH", "$ENV"),
        ("now", "$workflow.startedAt"),
        ("halt", "halt/0"),
        ("halt(3)", "halt/1"),
        ("halt_error", "halt_error/0"),
        ("input", "input/0"),
        ("inputs", "inputs/0"),
        ("debug", "debug/0"),
        ("stderr", "stderr/0"),
        ("localtime", "localtime/0"),
        ("input_filename", "input_filename/0"),
        ("$__prog_args", "$__prog_args"),
        ("include \"x\"; 1", "imported"),
        ("import \"/etc/passwd\" as $x; $x", "not a jq expression"),
        ("import \"x\" as x; 1", "imported"),
        ("get_search_list", "get_search_list/0"),
        ("def f: f; f", "calls itself"),
        ("def f: def g: f; g; f", "calls itself"),
        ("def f(x): f(x); f(1)", "calls itself"),
        ("test(\"a\")", "regular expressions"),
    ] {
        let fault = run(text).unwrap_err();
        assert!(fault.starts_with("unreadable") && fault.contains(told), "{text}: {fault}");
    }
}

#[test]
fn an_attack_leaves_nothing_behind() {
    let (attack, harmless) =
        (Expression::compile("[range(1e9)]", &[]).unwrap(), Expression::compile("[range(1000)] | add", &[]).unwrap());
    for _ in 0..3 {
        assert_eq!(attack.evaluate(&Value::Null, &[]), Err(Failure::Stopped(Stop::Steps)));
        assert_eq!(harmless.evaluate(&Value::Null, &[]), Ok(json!(499_500)));
    }
}
