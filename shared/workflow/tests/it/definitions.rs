//! Definitions that Neptune runs and such that it refuses, with what it says about them.

use crate::official;
use neptune_workflow::{
    compiler,
    definition::{Action, Then},
    fault::Fault,
    outline::outline,
    schedule::Cron,
};

const HEAD: &str = "document: {dsl: '1.0.3', namespace: test, name: test, version: '1.0.0'}\n";

fn faults(rest: &str) -> Vec<Fault> {
    compiler::read(&format!("{HEAD}{rest}")).expect_err(rest)
}

/// Where `§` stands must be a fault, and what it must say, `|` between several words.
#[track_caller]
fn check(marked: &str, told: &str) {
    let before = marked.split('§').next().unwrap();
    assert!(before.len() < marked.len(), "{marked} has no mark");
    let place = (before.matches('\n').count() + 2, before.rsplit('\n').next().unwrap().chars().count() + 1);
    let faults = faults(&marked.replace('§', ""));
    let fault = faults.first().unwrap();
    let text = fault.to_string();
    assert_eq!((fault.place.line as usize, fault.place.column as usize), place, "{text}");
    for word in told.split('|') {
        assert!(text.contains(word), "{text}: {word}");
    }
}

#[test]
fn mistakes_get_a_hint() {
    check("do:\n  - a: {wait: §30s}\n", "/do/0/a/wait|{seconds: 30}");
    check("do:\n  - a: {wait: §30}\n", "{seconds: 30}");
    check("do:\n  - a: §{sett: {x: 1}}\n", "is no task|did you mean `set`?");
    check("do:\n  - a: {set: {x: 1}, §when: .x}\n", "has no field `when`|condition is `if`");
    check("do:\n  - a: {set: {x: 1}, §retry: 3}\n", "catch: {retry");
    check("do:\n  - a: §{set: {x: 1}, call: http, with: {}}\n", "several tasks in one: set, call");
    check("do:\n  - §a: {set: {x: 1}}\n    b: {set: {x: 1}}\n", "one name with its content, not 2");
    check("do:\n  §a: {set: {x: 1}}\n", "must be a list|begin each entry with `- `");
    check("do:\n  - a: {set: {x: §'{{ .a }}'}}\n", "${ .a }");
    check("do:\n  - a: {set: {x: §'${{ .a }}'}}\n", "an expression is written `${ .a }`");
    check("do:\n  - a: {set: {x: §'Hello ${ .a }'}}\n", "not evaluated|${ \"Hello \\(…)\" }");
    check("do:\n  - a: {set: {x: §'${ .a } and'}}\n", "not the whole text");
    check("do:\n  - a: {set: {x: §'${ $steps.a }'}}\n", "$steps|$runtime.metadata.steps.NAME");
    check("do:\n  - a: {set: {x: §'${ $itme }'}}\n", "$itme|there are $context");
    check("do:\n  - a: {if: §.a && .b, set: {x: 1}}\n", "jq writes `and`");
    check("do:\n  - a: {if: §now > 1, set: {x: 1}}\n", "there is no clock");
    check("do:\n  - a: {set: {x: 1}, then: §b}\n  - c: {set: {x: 1}}\n", "no task `b` in this list");
    check("do:\n  - a: {set: {x: 1}}\n  - §a: {set: {x: 2}}\n", "name of two tasks");
    check("do:\n  - a: {run: {shell: §{command: ls}}}\n", "not run by Neptune|call: http");
    check("do:\n  - a: {call: §model, with: {task: chat}}\n", "write `model:1.0.0@default`");
    check("do:\n  - a: {call: §'modle:1.0.0@default'}\n", "did you mean `model`?");
    check("do:\n  - a: {call: §helper}\n", "no `helper` in use.functions");
    check("do:\n  - a: {set: {x: 1}, timeout: §soon}\n", "no `soon` in use.timeouts|{after: {seconds: 30}}");
    check("do:\n  - a: {try: [b: {set: {x: 1}}], catch: {retry: §often}}\n", "no `often` in use.retries");
    check("do:\n  - a: {wait: §{seconds: -1}}\n", "must not be negative");
    check("do:\n  - a: {switch: [x: {then: end}, y: §{when: .a, then: end}]}\n", "never reached");
    check("do: []\n§shedule: {cron: '* * * * *'}\n", "did you mean `schedule`?");
    check("do: []\nevaluate: {language: §js}\n", "jq only");
    check("do: §[\n\n", "not YAML");
    check("do: []\n§do: []\n", "not YAML");
    let unquoted =
        compiler::read("document: {dsl: 1.0, namespace: a, name: b, version: '1.0.0'}\ndo: []\n").unwrap_err();
    assert!(unquoted[0].to_string().contains("write it in quotes"), "{}", unquoted[0]);
    let other = compiler::read(&format!("{}do: []\n", HEAD.replace("1.0.3", "2.0.0"))).unwrap_err();
    assert!(other[0].to_string().contains("version 2.0.0 of the language"), "{}", other[0]);
}

/// A task that calls a function of Neptune with these arguments.
#[track_caller]
fn check_call(function: &str, arguments: &str, told: &str) {
    check(&format!("do:\n  - a: {{call: '{function}:1.0.0@default', with: {arguments}}}\n"), told);
}

#[test]
fn arguments_of_neptunes_functions_are_checked() {
    check_call("model", "{input: hi, §promt: x}", "/do/0/a/with/promt|did you mean `prompt`?|it has prompt, input");
    check_call("model", "{input: hi, §response_format: {}}", "is `responseSchema`");
    check_call("model", "{input: hi, §system: x}", "instructions are `prompt`");
    check_call("model", "{input: hi, §timeout: PT5S}", "beside `with`");
    check_call("model", "{input: hi, class: §internl}", "must be public, internal|did you mean `internal`?");
    check_call("model", "{input: hi, lane: §batched}", "did you mean `batch`?");
    check_call("model", "{input: hi, labels: §bug}", "must be a list");
    check_call("model", "{input: hi, labels: [§1]}", "must be a text");
    check_call("model", "{input: hi, repair: §maybe}", "true or false");
    check_call("model", "{input: hi, temperature: §hot}", "a number from 0 to 2");
    check_call("model", "{input: hi, max_tokens: §0}", "a whole number from 1");
    check_call("model", "{input: hi, route: {§objectiv: cost}}", "did you mean `objective`?");
    check_call("model", "{input: hi, route: {objective: §costs}}", "did you mean `cost`?");
    check_call("model", "{input: hi, responseSchema: §'{{ .s }}'}", "an expression is written `${ .s }`");
    check_call("model", "{input: hi, responseSchema: §{type: objekt}}", "no JSON Schema");
    check_call("model", "§{task: classification}", "asks nothing");
    check_call("notify", "{channel: §mail, to: a, text: x}", "must be webhook, email");
    check_call("notify", "{channel: email, §recipient: a, to: b, text: x}", "is `to`");
    check_call("notify", "§{to: a, text: x}", "needs `channel`");
    check_call("notify", "§{channel: email, to: a}", "says nothing");
    check_call("approval", "{§txt: May I?}", "did you mean `text`?");
    check_call("approval", "§{channel: email}", "say who is asked");
    check_call("feedback", "{task: x, score: §2}", "a number from 0 to 1");
    check_call("feedback", "§{task: x}", "needs `score`");
    check_call("governance.redact", "{text: x, policy: §pi}", "did you mean `pii`?");
    check_call("governance.redact", "§{text: x, json: {}}", "exactly one of value, text, json");
    check("do:\n  - a: §{call: 'notify:1.0.0@default'}\n", "needs `with`");
    check("do:\n  - a: {set: {x: 1}, metadata: {neptune: {§delivry: at-most-once}}}\n", "did you mean `delivery`?");
    // What is only known later is no fault, nor is metadata of others.
    let fine = "do:\n  - a: {call: 'model:1.0.0@default', with: {input: hi, labels: '${ .l }', class: '${ .c }', \
                max_tokens: '${ .m }', route: '${ .r }', repair: '${ .x }', responseSchema: '${ .s }'}, metadata: {ours: {x: 1}}}\n";
    assert!(compiler::read(&format!("{HEAD}{fine}")).is_ok());
}

#[test]
fn secrets_must_be_declared() {
    let header = "do:\n  - a: {call: http, with: {method: get, endpoint: 'https://a.example', headers: {authorization: §'${ \"Bearer \\($secrets.TOKEN)\" }'}}}\n";
    check(header, "/do/0/a/with/headers/authorization|no `TOKEN` in use.secrets|use: {secrets: [TOKEN]}");
    check(&format!("{header}use: {{secrets: [TOKENS]}}\n"), "did you mean `TOKENS`?");
    check(
        "use: {secrets: [A]}\ndo:\n  - a: {if: §'$secrets[\"B\"] == .b', set: {x: '${ $secrets.A }'}}\n",
        "no `B` in use.secrets",
    );
    let named = "use: {authentications: {our: {bearer: {token: §'${ $secrets.TOKEN }'}}}}\ndo:\n  - a: {call: http, with: {method: get, endpoint: {uri: 'https://a.example', authentication: {use: our}}}}\n";
    check(named, "no `TOKEN` in use.secrets");
    // The misspelt section may hold it.
    check_all("use: {secret: [TOKEN]}\ndo:\n  - a: {set: {x: '${ $secrets.TOKEN }'}}\n", &[(2, "`secrets`?")]);
    let declared = format!("{HEAD}{}use: {{secrets: [TOKEN]}}\n", header.replace('§', ""));
    assert!(compiler::read(&declared).is_ok());
    let before = format!("{HEAD}{}", header.replace('§', ""));
    assert!(compiler::accepted(&before).is_ok(), "a definition that was applied stays readable");
}

#[test]
fn what_can_be_no_good_in_any_run_is_told() {
    let http = |method: &str| {
        format!("do:\n  - a: {{call: http, with: {{method: {method}, endpoint: 'https://a.example'}}}}\n")
    };
    check(&http("§gett"), "/do/0/a/with/method|`gett` is no method|did you mean `get`?");
    check_call(
        "notify",
        "{channel: webhook, to: §ops, text: x}",
        "/do/0/a/with/to|`ops` is no URL|https://hooks.example.com",
    );
    check_call("notify", "{channel: webhook, to: §'https://', text: x}", "no URL");
    check_call("notify", "{channel: email, to: §'https://a.example', text: x}", "no e-mail address|ann@example.com");
    check_call("approval", "{channel: email, to: §ann}", "no e-mail address");
    for fine in [
        http("PATCH"),
        http("'${ .method }'"),
        "do:\n  - a: {call: 'notify:1.0.0@default', with: {channel: '${ .c }', to: ann, text: x}}\n".to_owned(),
        "do:\n  - a: {call: 'notify:1.0.0@default', with: {channel: email, to: '${ .to }', text: x}}\n".to_owned(),
        "do:\n  - a: {call: 'notify:1.0.0@default', with: {channel: webhook, to: 'http://127.0.0.1:80/x', text: x}}\n"
            .to_owned(),
    ] {
        let read = compiler::read(&format!("{HEAD}{fine}"));
        assert!(read.is_ok(), "{fine}: {}", read.unwrap_err()[0]);
    }
    let accepted = format!("{HEAD}{}", http("gett"));
    assert!(compiler::accepted(&accepted).is_ok(), "a definition that was applied stays readable");
}

#[test]
fn a_schedule_that_would_not_be_applied_is_told() {
    let text = format!("{HEAD}do: []\nschedule: {{every: PT1H}}\n");
    let faults = compiler::lint(&text).unwrap_err();
    assert_eq!(faults.len(), 1);
    assert!(faults[0].to_string().starts_with("3:11: /schedule: a schedule needs a team"), "{}", faults[0]);
    let faulty = compiler::lint(&text.replace("do: []", "do: [a: {wait: 30s}]")).unwrap_err();
    assert_eq!(faulty.len(), 2, "{faulty:?}");
    let paid = text.replace("version: '1.0.0'", "version: '1.0.0', metadata: {neptune: {team: support}}");
    assert!(compiler::lint(&paid).is_ok());
    assert!(compiler::lint(&format!("{HEAD}do: []\n")).is_ok());
}

#[test]
fn a_definition_that_was_accepted_stays_readable() {
    let text = format!(
        "{HEAD}do:\n  - a: {{call: 'model:1.0.0@default', with: {{promt: hi, responseSchema: {{type: x}}}}}}\n"
    );
    assert!(compiler::read(&text).is_err());
    assert!(compiler::accepted(&text).is_ok());
    assert!(compiler::accepted(&text.replace("call:", "cal:")).is_err());
}

/// Every fault, as line and a part of what it says.
#[track_caller]
fn check_all(rest: &str, told: &[(u32, &str)]) {
    let faults = faults(rest);
    let text: String = faults.iter().map(|fault| format!("{fault}\n")).collect();
    assert_eq!(faults.len(), told.len(), "{text}");
    for (fault, (line, part)) in faults.iter().zip(told) {
        assert!(fault.place.line == *line && fault.to_string().contains(part), "{line} {part}: {text}");
    }
}

#[test]
fn faults_of_all_layers_are_told_at_once() {
    let rest = "\
do:
  - ask:
      call: model:1.0.0@default
      with: {promt: x, input: '${ $itme }'}
      metadata: {neptune: {maxCostUSD: 1}}
  - loop: {for: {each: x, in: .all}, do: [inner: {sett: {y: 1}}]}
  - go: {switch: [one: {when: .a && .b, then: nowhere}]}
  - late: {wait: 30s}
  - tell: {call: 'notify:1.0.0@default', with: {channel: sms, to: a, text: x}, timeout: soon}
schedule: {cron: '61 * * * *'}
";
    check_all(
        rest,
        &[
            (5, "did you mean `prompt`?"),
            (5, "$itme"),
            (6, "did you mean `maxCostUsd`?"),
            (7, "did you mean `set`?"),
            (8, "jq writes `and`"),
            (8, "no task `nowhere`"),
            (9, "{seconds: 30}"),
            (10, "must be webhook, email"),
            (10, "no `soon` in use.timeouts"),
            (11, "no minute"),
        ],
    );
}

#[test]
fn what_follows_from_another_fault_is_not_told() {
    // What is called may stand under the misspelt name.
    check_all(
        "use: {function: {help: {set: {x: 1}}}}\ndo:\n  - a: {call: help}\n",
        &[(2, "did you mean `functions`?")],
    );
    check_all("use: {retries: [a]}\ndo:\n  - a: {try: [], catch: {retry: often}}\n", &[(2, "must be an object")]);
    // The variable is what the misspelt field says.
    check_all("do:\n  - a: {for: {ech: x, in: .l}, do: [b: {set: {y: '${ $x }'}}]}\n", &[(3, "did you mean `each`?")]);
    // A try without its catch is looked into all the same.
    check_all("do:\n  - a: {try: [b: {set: {y: '${ $x }'}}]}\n", &[(3, "needs `catch`"), (3, "$x")]);
    // One fault at one place.
    check_all("do:\n  - a: {call: 'model:1.0.0@default', with: {input: x, labels: '{{ .l }}'}}\n", &[(3, "${ .l }")]);
}

#[test]
fn durations_are_said_or_made_as_a_whole() {
    let retry = |backoff: &str| {
        format!("do:\n  - a: {{try: [b: {{set: {{x: 1}}}}], catch: {{retry: {{backoff: {backoff}}}}}}}\n")
    };
    for fine in [
        "do:\n  - a: {wait: '${ {seconds: .n} }'}\n",
        "do:\n  - a: {set: {x: 1}, timeout: {after: '${ .limit }'}}\n",
        "use: {timeouts: {soon: {after: '${ \"PT\\(.n)S\" }'}}}\ndo:\n  - a: {set: {x: 1}, timeout: soon}\n",
        "timeout: {after: '${ .limit }'}\ndo: []\n",
        &retry("{exponential: {maxDelay: '${ .most }'}}").replace("backoff", "delay: '${ .n }', backoff"),
    ] {
        let read = compiler::read(&format!("{HEAD}{fine}"));
        assert!(read.is_ok(), "{fine}: {}", read.unwrap_err()[0]);
    }
    let whole = "must be a whole number|an expression makes the whole duration|'${ {seconds: (.n)} }'";
    check("do:\n  - a: {wait: {seconds: §'${ .n }'}}\n", whole);
    check("do:\n  - a: {set: {x: 1}, timeout: {after: {seconds: §'${ .n }'}}}\n", whole);
    check(&retry("{linear: {increment: {seconds: §'${ .n }'}}}"), whole);
    check("do:\n  - a: {wait: §soon}\n", "a text such as PT30S or an expression");
    // What the official schema leaves open is no less checked.
    check(&retry("{exponential: {maxDelay: §30s}}"), "/backoff/exponential/maxDelay|{seconds: 30}");
    check(&retry("{exponential: {maxDelay: §30}}"), "{seconds: 30}");
    check(&retry("{linear: {maxDelay: {§second: 30}}}"), "did you mean `seconds`?");
    let accepted = format!("{HEAD}{}", retry("{exponential: {maxDelay: 30s}}"));
    assert!(compiler::accepted(&accepted).is_ok(), "a definition that was applied stays readable");
    // Before there is a run there is nothing that an expression could see.
    check("do: []\nschedule: {every: §'${ .n }'}\n", "/schedule/every|no run is there yet");
    check("do: []\nschedule: {after: §'${ .n }'}\n", "write `after: PT1H`");
}

#[test]
fn cron_patterns_are_checked() {
    for pattern in [
        "0 0 * * *",
        "*/15 8-18 1,15 jan-JUN mon-fri",
        "5 4 * * sun",
        "0 22 * * 1-5",
        "59 23 31 12 7",
        "0-30/5 * * * *",
    ] {
        let text = format!("{HEAD}do: []\nschedule: {{cron: '{pattern}'}}\n");
        assert!(compiler::read(&text).is_ok(), "{pattern}");
    }
    check("do: []\nschedule: {cron: §'0 0 * *'}\n", "five fields|not 4");
    check("do: []\nschedule: {cron: §'60 0 * * *'}\n", "`60` is no minute|0 to 59");
    check("do: []\nschedule: {cron: §'0 0 * * fri-mon'}\n", "day of the week");
    check("do: []\nschedule: {cron: §'*/0 0 * * *'}\n", "minute");
    check("do: []\nschedule: {cron: §'@daily'}\n", "five fields");
}

/// Milliseconds since 1970 of a day of 2026 and a time in UTC.
fn at(month: u8, day: u8, hour: u8, minute: u8) -> u64 {
    let month = time::Month::try_from(month).unwrap();
    let date = time::Date::from_calendar_date(2026, month, day).unwrap();
    let time = date.with_hms(hour, minute, 0).unwrap().assume_utc();
    u64::try_from(time.unix_timestamp()).unwrap() * 1_000
}

#[test]
fn slots_follow_from_the_pattern() {
    let next = |pattern: &str, since| Cron::read(pattern).unwrap().next_ms(since);
    assert_eq!(next("0 22 * * *", at(11, 26, 21, 59)), Some(at(11, 26, 22, 0)));
    assert_eq!(next("0 22 * * *", at(11, 26, 22, 0)), Some(at(11, 27, 22, 0)));
    assert_eq!(next("*/15 8-9 * * mon-fri", at(11, 27, 9, 45)), Some(at(11, 30, 8, 0)));
    // The 1st, and every Sunday, which is the 29th of November.
    assert_eq!(next("30 6 1 * 7", at(11, 26, 0, 0)), Some(at(11, 29, 6, 30)));
    assert_eq!(next("30 6 1 * 7", at(11, 29, 6, 30)), Some(at(12, 1, 6, 30)));
    assert_eq!(next("0 0 31 dec *", at(11, 26, 0, 0)), Some(at(12, 31, 0, 0)));
    assert_eq!(next("0 0 31 2 *", at(11, 26, 0, 0)), None);
    let leap = next("0 12 29 2 *", at(11, 26, 0, 0)).unwrap();
    assert_eq!(leap - at(11, 26, 12, 0), 460 * 86_400_000);
}

/// The slots of a pattern in a zone from one to another, in UTC, each counted from the one before and, as after a
/// restart, from every half minute on the way.
#[track_caller]
fn check_slots(pattern: &str, zone: &str, (from, until): (u64, u64), expected: &[u64]) {
    let zone = neptune_workflow::schedule::Zone::named(zone);
    assert!(zone.is_some());
    let cron = Cron::read(pattern).unwrap().in_zone(zone);
    let slots: Vec<u64> = std::iter::successors(cron.next_ms(from), |slot| cron.next_ms(*slot))
        .take_while(|slot| *slot <= until)
        .collect();
    assert_eq!(slots, expected, "{pattern}");
    for since in (from..until).step_by(30_000) {
        let next = cron.next_ms(since).filter(|slot| *slot <= until);
        assert_eq!(next, slots.iter().copied().find(|slot| *slot > since), "{pattern} since {since}");
    }
}

#[test]
fn clocks_that_are_set_forward_leave_no_slot_out() {
    // In Berlin it is 3 o'clock after 1:59 on 29 March 2026, which is 1:00 in UTC.
    let night = (at(3, 28, 22, 0), at(3, 29, 4, 0));
    check_slots("30 2 * * *", "Europe/Berlin", night, &[at(3, 29, 1, 0)]);
    check_slots("0 2 * * *", "europe/berlin", night, &[at(3, 29, 1, 0)]);
    check_slots("*/20 2 * * *", "Europe/Berlin", night, &[at(3, 29, 1, 0)]);
    check_slots("30 1,2,3 * * *", "Europe/Berlin", night, &[at(3, 29, 0, 30), at(3, 29, 1, 0), at(3, 29, 1, 30)]);
    check_slots("0 2,3 * * *", "Europe/Berlin", night, &[at(3, 29, 1, 0)]);
    check_slots("0 3 * * *", "Europe/Berlin", night, &[at(3, 29, 1, 0)]);
    check_slots("59 1 * * *", "Europe/Berlin", night, &[at(3, 29, 0, 59)]);
    let days = (at(3, 27, 12, 0), at(3, 30, 12, 0));
    check_slots("30 2 * * *", "Europe/Berlin", days, &[at(3, 28, 1, 30), at(3, 29, 1, 0), at(3, 30, 0, 30)]);
    check_slots("0 12 * * *", "Europe/Berlin", days, &[at(3, 28, 11, 0), at(3, 29, 10, 0), at(3, 30, 10, 0)]);
    // A period of an hour goes on.
    let hours: Vec<u64> = (0..4).map(|hour| at(3, 29, hour, 15)).collect();
    check_slots("15 * * * *", "Europe/Berlin", (at(3, 29, 0, 0), at(3, 29, 4, 0)), &hours);
}

#[test]
fn clocks_that_are_set_back_repeat_no_slot() {
    // In Berlin it is 2 o'clock again after 2:59 on 25 October 2026, which is 1:00 in UTC.
    let night = (at(10, 24, 22, 0), at(10, 25, 4, 0));
    check_slots("30 2 * * *", "Europe/Berlin", night, &[at(10, 25, 0, 30)]);
    check_slots("0 2 * * *", "Europe/Berlin", night, &[at(10, 25, 0, 0)]);
    check_slots("0 3 * * *", "Europe/Berlin", night, &[at(10, 25, 2, 0)]);
    check_slots(
        "*/30 1-3 * * *",
        "Europe/Berlin",
        night,
        &[
            at(10, 24, 23, 0),
            at(10, 24, 23, 30),
            at(10, 25, 0, 0),
            at(10, 25, 0, 30),
            at(10, 25, 2, 0),
            at(10, 25, 2, 30),
        ],
    );
    let days = (at(10, 23, 12, 0), at(10, 26, 12, 0));
    check_slots("30 2 * * *", "Europe/Berlin", days, &[at(10, 24, 0, 30), at(10, 25, 0, 30), at(10, 26, 1, 30)]);
    let hours: Vec<u64> = (0..4).map(|hour| at(10, 25, hour, 15)).collect();
    check_slots("15 * * * *", "Europe/Berlin", (at(10, 25, 0, 0), at(10, 25, 4, 0)), &hours);
    // Half an hour on Lord Howe Island, and none in Kolkata, which is half an hour beside the others.
    check_slots("45 1 * * *", "Australia/Lord_Howe", (at(4, 4, 12, 0), at(4, 5, 12, 0)), &[at(4, 4, 14, 45)]);
    check_slots("0 9 * * *", "Asia/Kolkata", (at(10, 24, 12, 0), at(10, 25, 12, 0)), &[at(10, 25, 3, 30)]);
    // Cuba's clocks go from 1 o'clock back to midnight, and a zone west of Greenwich has its own days.
    check_slots("30 23 31 oct *", "America/Havana", (at(10, 31, 12, 0), at(11, 1, 12, 0)), &[at(11, 1, 3, 30)]);
    check_slots("0 0 1 nov *", "America/Havana", (at(10, 31, 12, 0), at(11, 1, 12, 0)), &[at(11, 1, 4, 0)]);
    check_slots("0 20 * * fri", "America/New_York", (at(11, 26, 0, 0), at(11, 29, 0, 0)), &[at(11, 28, 1, 0)]);
}

#[test]
fn a_time_zone_is_known_by_its_name_and_stands_beside_cron() {
    let document = |zone: &str, rest: &str| {
        format!(
            "document:\n  dsl: '1.0.3'\n  namespace: a\n  name: b\n  version: '1.0.0'\n  metadata:\n    neptune:\n      \
             team: x\n      timeZone: {zone}\ndo: []\n{rest}"
        )
    };
    let cron = "schedule: {cron: '30 2 * * *'}\n";
    let read = compiler::read(&document("Europe/Berlin", cron)).unwrap();
    assert_eq!(read.settings.time_zone.as_deref(), Some("Europe/Berlin"));
    assert_eq!(read.schedule[0].next_ms(at(7, 1, 0, 0)), Some(at(7, 1, 0, 30)));
    assert!(outline(&read).contains("by cron 30 2 * * * in Europe/Berlin"), "{}", outline(&read));
    for (zone, rest, told) in [
        ("Europe/Berln", cron, "did you mean `Europe/Berlin`?"),
        ("Berlin", cron, "did you mean `Europe/Berlin`?"),
        ("new york", cron, "did you mean `America/New_York`?"),
        ("Etc/Unknown", cron, "the IANA name of a time zone"),
        ("2", cron, "the IANA name of a time zone"),
        ("'${ .zone }'", cron, "the IANA name of a time zone"),
        ("Europe/Berlin", "schedule: {every: PT1H}\n", "no `schedule: {cron: …}`"),
        ("Europe/Berlin", "", "no `schedule: {cron: …}`"),
    ] {
        let faults = compiler::read(&document(zone, rest)).unwrap_err();
        assert_eq!((faults.len(), faults[0].place.line, faults[0].place.column), (1, 9, 17), "{}", faults[0]);
        assert!(faults[0].to_string().contains(told), "{}", faults[0]);
    }
}

#[test]
fn periods_have_the_same_slots_for_everybody() {
    let text = format!("{HEAD}do: []\nschedule: {{every: PT10M}}\n");
    let definition = compiler::read(&text).unwrap();
    let slot = definition.schedule[0].next_ms(at(11, 26, 20, 1)).unwrap();
    assert_eq!(slot, at(11, 26, 20, 10));
    assert_eq!(definition.schedule[0].next_ms(at(11, 26, 20, 9)), Some(slot));
    assert_eq!(definition.scheduled_run(slot), format!("test/test:1.0.0@{slot}"));
    let after = compiler::read(&text.replace("every", "after")).unwrap();
    assert_eq!(after.schedule[0].next_ms(at(11, 26, 20, 1)), Some(at(11, 26, 20, 11)));
}

#[test]
fn settings_are_checked() {
    let document = |settings: &str| {
        format!(
            "document: {{dsl: '1.0.3', namespace: a, name: b, version: '1.0.0', metadata: {{neptune: {settings}}}}}\ndo: []\n"
        )
    };
    let read =
        compiler::read(&document("{maxCostUsd: 0.25, priority: 3, concurrency: {key: '${ .a }', limit: 4}}")).unwrap();
    assert_eq!((read.settings.max_cost_pico_usd, read.settings.priority), (Some(250_000_000_000), 3));
    assert_eq!(read.settings.concurrency.unwrap().limit, 4);
    for (settings, told) in [
        ("{maxCostUSD: 1}", "did you mean `maxCostUsd`?"),
        ("{maxCostUsd: -1}", "US dollars from 0"),
        ("{concurrency: {limit: 4}}", "needs `key`"),
        ("{concurrency: {key: a, onConflict: queu}}", "did you mean `queue`?"),
    ] {
        let faults = compiler::read(&document(settings)).unwrap_err();
        assert!(faults[0].to_string().contains(told), "{}", faults[0]);
    }
    check("do:\n  - a: §{set: {x: 1}, metadata: {neptune: {parallel: 3}}}\n", "only a task with `for`|`fork`");
    check("do:\n  - a: {set: {x: 1}, metadata: {neptune: {compensate: §b}}}\n", "no `b` in use.functions");
    check("do:\n  - a: {fork: {branches: [b: §{set: {x: 1}, then: c}, c: {set: {x: 1}}]}}\n", "cannot jump");
    check("do:\n  - a: {set: {x: 1}, input: {schema: {document: §{type: odd}}}}\n", "no JSON Schema");
}

#[test]
fn json_is_read_with_places_too() {
    let text = "{\n  \"document\": {\"dsl\": \"1.0.3\", \"namespace\": \"a\", \"name\": \"b\", \"version\": \"1.0.0\"},\n  \"do\": [{\"a\": {\"wait\": \"30s\"}}]\n}";
    let faults = compiler::read(text).unwrap_err();
    assert_eq!((faults[0].place.line, faults[0].place.column), (3, 25), "{}", faults[0]);
}

#[test]
fn jumps_go_over_inner_tasks() {
    let text = format!(
        "{HEAD}do:\n  - first: {{set: {{x: 1}}, then: last}}\n  - loop:\n      for: {{each: one, in: .all}}\n      while: $one != null\n      do:\n        - inner: {{set: {{y: '${{ $one }}'}}}}\n  - risky:\n      try:\n        - call: {{call: http, with: {{method: get, endpoint: 'https://example.com'}}}}\n      catch:\n        as: why\n        when: $why.status == 500\n        do:\n          - note: {{set: {{z: '${{ $why }}'}}}}\n  - last: {{set: {{x: 2}}, then: first}}\n"
    );
    let definition = compiler::read(&text).unwrap_or_else(|faults| panic!("{}", faults[0]));
    let names: Vec<&str> = definition.steps.iter().map(|step| step.name.as_str()).collect();
    assert_eq!(names, ["first", "loop", "inner", "risky", "call", "catch", "note", "last"]);
    let ends: Vec<usize> = definition.steps.iter().map(|step| step.end).collect();
    assert_eq!(ends, [1, 3, 3, 7, 5, 7, 7, 8]);
    assert_eq!(definition.steps[0].then, Then::Step(7));
    assert_eq!(definition.steps[7].then, Then::Step(0));
    assert!(matches!(&definition.steps[1].action, Action::For { each, .. } if each == "one"));
    assert!(outline(&definition).contains("for each $one of .all, while $one != null"));
}

#[test]
fn variables_end_with_their_scope() {
    check("do:\n  - a: {for: {each: x, in: .l}, do: []}\n  - b: {set: {y: §'${ $x }'}}\n", "$x");
    check("do:\n  - a: {try: [], catch: {as: e}}\n  - b: {set: {y: §'${ $e }'}}\n", "$e");
}

/// Official examples that ask for what Neptune refuses, by what they are named after.
const REFUSED: [&str; 6] = ["asyncapi", "grpc", "mcp", "container", "script", "shell"];

#[test]
fn official_documents_are_resolved_or_refused_for_a_reason() {
    let Some(folder) = official::folder() else { return };
    let mut refused = 0;
    for (name, text) in official::documents(&folder) {
        match compiler::read(&text) {
            Ok(definition) => {
                let targets = definition.steps.iter().filter_map(|step| match step.then {
                    Then::Step(index) => Some(index),
                    _ => None,
                });
                assert!(targets.into_iter().all(|index| index < definition.steps.len()), "{name}");
                let told = outline(&definition);
                assert!(definition.steps.iter().all(|step| told.contains(&step.name)), "{name}: {told}");
            }
            Err(faults) => {
                refused += 1;
                let is_expected = faults.iter().all(|fault| {
                    let text = fault.to_string();
                    REFUSED.iter().any(|word| text.contains(word)) && text.contains("by Neptune")
                });
                assert!(is_expected, "{name}: {}", faults.iter().map(|fault| format!("{fault}\n")).collect::<String>());
            }
        }
    }
    println!("{refused} of 90 documents are refused");
}

#[test]
fn the_samples_are_right() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/resources/workflows");
    let mut count = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "yaml") {
            continue;
        }
        let read = compiler::read(&std::fs::read_to_string(&path).unwrap());
        read.unwrap_or_else(|faults| panic!("{}:{}", path.display(), faults[0]));
        count += 1;
    }
    assert_eq!(count, 4);
}
