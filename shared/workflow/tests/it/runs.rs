//! What runs ask for, where the scenarios and the simulation do not look.

use neptune_workflow::{
    compiler,
    definition::{Definition, Delivery, OnConflict},
    run::{
        Action, Answer, Arrival, Change, Control, Correlator, Ending, Event, Phase, Problem, Record, Request, Run,
        Standard, admission, secrets, timeline,
    },
};
use serde_json::{Value, json};
use std::sync::Arc;

const HEAD: &str = "document: {dsl: '1.0.3', namespace: test, name: test, version: '1.0.0'}\n";
const CALL: &str = "{call: http, with: {method: get, endpoint: 'https://example.com/{n}'}}";

fn definition(rest: &str) -> Definition {
    let text = if rest.starts_with("document") { rest.to_owned() } else { format!("{HEAD}{rest}") };
    compiler::read(&text.replace("CALL", CALL)).unwrap_or_else(|faults| panic!("{}", faults[0]))
}

/// A run, and everything it asked for.
struct Stage {
    definition: Definition,
    run: Run,
    log: Vec<Record>,
    asked: Vec<Action>,
    now_ms: u64,
}

impl Stage {
    fn new(rest: &str, input: Value) -> Self {
        let definition = definition(rest);
        let (run, log, asked) = (Run::default(), Vec::new(), Vec::new());
        let mut stage = Self { definition, run, log, asked, now_ms: 1_000_000 };
        stage.take(Event::Started { run: "r".to_owned(), input, sensitivity: 1 });
        stage
    }

    fn take(&mut self, event: Event) -> Vec<Action> {
        let arrival = Arrival { event, now_ms: self.now_ms, chance: 7 };
        let decision = self.run.decide(&self.definition, &arrival);
        if !decision.record.changes.is_empty() {
            self.log.push(decision.record);
        }
        self.asked.extend(decision.actions.iter().cloned());
        decision.actions
    }

    /// The calls that were asked for, by the name of their task.
    fn calls(&self) -> Vec<(u64, Arc<Request>)> {
        let call = |action: &Action| match action {
            Action::Call { instance, request } => Some((*instance, Arc::clone(request))),
            _ => None,
        };
        self.asked.iter().filter_map(call).collect()
    }

    fn answer(&mut self, index: usize, answer: Answer) -> Vec<Action> {
        let (instance, _) = self.calls()[index];
        self.take(Event::Answered { instance, answer })
    }

    fn control(&mut self, id: &str, control: Control) -> Vec<Action> {
        self.take(Event::Controlled { id: id.to_owned(), control })
    }
}

fn costing(pico_usd: i64) -> Answer {
    Answer { cost_pico_usd: pico_usd, note: Some(json!({"task": "t"})), ..Answer::output(json!({})) }
}

#[test]
fn a_second_answer_changes_nothing() {
    let mut stage = Stage::new("do: [a: CALL, b: CALL]\n", json!({"n": 5}));
    assert_eq!(stage.calls()[0].1.arguments["endpoint"]["uri"], "https://example.com/5");
    stage.answer(0, Answer::output(json!({"n": 6})));
    let before = stage.run.clone();
    assert!(stage.answer(0, Answer::output(json!({"n": 7}))).is_empty());
    assert!(stage.answer(0, Answer::problem(Problem::new(Standard::Communication, "late"))).is_empty());
    assert_eq!((stage.run.clone(), stage.log.len()), (before, 2));
    stage.answer(1, Answer::output(Value::Null));
    assert!(matches!(stage.run.ending(), Some(Ending::Completed { output }) if output.is_null()));
    let ended = stage.take(Event::Started { run: "r".to_owned(), input: json!({}), sensitivity: 1 });
    assert!(ended.is_empty());
}

#[test]
fn a_call_knows_its_deadline_and_budget() {
    let text =
        "document: {dsl: '1.0.3', namespace: a, name: b, version: '1.0.0', metadata: {neptune: {maxCostUsd: 0.01}}}
timeout: {after: PT1H}
do:
  - group:
      do:
        - first: {call: 'model:1.0.0@default', with: {input: hi}}
        - second:
            call: model:1.0.0@default
            with: {input: hi}
            metadata: {neptune: {maxCostUsd: 0.001, delivery: at-most-once}}
        - third: {call: 'model:1.0.0@default', with: {input: hi}}
      timeout: {after: PT1M}
";
    let mut stage = Stage::new(text, json!({}));
    let first = Arc::clone(&stage.calls()[0].1);
    assert_eq!((first.deadline_ms, first.budget_pico_usd), (Some(1_060_000), Some(10_000_000_000)));
    stage.answer(0, costing(9_500_000_000));
    let second = Arc::clone(&stage.calls()[1].1);
    assert_eq!((second.budget_pico_usd, second.delivery), (Some(500_000_000), Delivery::AtMostOnce));
    stage.answer(1, costing(600_000_000));
    // Nothing is left for the third.
    assert_eq!(stage.calls().len(), 2);
    let Some(Ending::BudgetExhausted { problem }) = stage.run.ending() else { panic!("{:?}", stage.run.phase) };
    assert_eq!(problem.instance, "/do/0/group/do/2/third");
    assert_eq!(stage.run.spent_pico_usd, 10_100_000_000);
    let lines = timeline::lines(&stage.log);
    assert_eq!(lines.iter().map(|line| line.cost_pico_usd).sum::<i64>(), 10_100_000_000);
}

#[test]
fn a_refused_budget_ends_the_run_as_such_unless_it_is_caught() {
    let refused = || Answer::problem(Problem::new(Standard::Budget, "no money"));
    let mut stage = Stage::new("do: [a: CALL]\n", json!({}));
    stage.answer(0, refused());
    assert_eq!(stage.run.ending().unwrap().name(), "budget_exhausted");
    let caught = "do: [t: {try: [a: CALL], catch: {do: [cheap: {set: {cheap: true}}]}}]\n";
    let mut stage = Stage::new(caught, json!({}));
    stage.answer(0, refused());
    assert_eq!(stage.run.ending().unwrap().name(), "completed");
}

#[test]
fn a_call_that_costs_more_than_is_left_to_the_run_ends_it_whoever_would_catch_that() {
    let document = |settings: &str, own: &str| {
        format!(
            "document: {{dsl: '1.0.3', namespace: a, name: b, version: '1.0.0', metadata: {{neptune: {settings}}}}}
do:
  - safe:
      try:
        - ask: {{call: 'model:1.0.0@default', with: {{input: hi}}, metadata: {{neptune: {own}}}}}
      catch: {{retry: {{limit: {{attempt: {{count: 3}}}}}}, do: [cheap: {{set: {{cheap: true}}}}]}}
"
        )
    };
    let dear = || {
        let problem = Problem::new(Standard::Configuration, "the cheapest model costs 1").with_status(402, "Cost");
        Answer { is_over_budget: true, ..Answer::problem(problem) }
    };
    let mut stage = Stage::new(&document("{maxCostUsd: 0.01}", "{maxCostUsd: 0.02}"), json!({}));
    stage.answer(0, dear());
    let Some(Ending::BudgetExhausted { problem }) = stage.run.ending() else { panic!("{:?}", stage.run.phase) };
    assert_eq!((problem.status, problem.instance.as_str()), (402, "/do/0/safe/try/0/ask"));
    assert!(problem.detail.as_ref().unwrap().ends_with("more than is left: the cheapest model costs 1"), "{problem:?}");
    let lines = timeline::lines(&stage.log);
    assert!(lines.iter().any(|line| line.name == "ask" && line.problem.is_some()), "{lines:?}");
    stage.control("again", Control::Retry);
    assert_eq!((stage.run.ending(), stage.calls().len()), (None, 2), "it goes on where it ended");
    // A cap that the author gave the step alone is an error of the step.
    for settings in ["{maxCostUsd: 0.01}", "{}"] {
        let mut stage = Stage::new(&document(settings, "{maxCostUsd: 0.001}"), json!({}));
        for again in 0..4 {
            assert_eq!(stage.run.ending(), None);
            stage.answer(again, dear());
        }
        assert_eq!(stage.run.ending().unwrap().name(), "completed");
    }
}

/// What is said of a run whose time is over, and where.
#[track_caller]
fn check_limit(rest: &str, timer: &str, (told, place): (&str, &str)) {
    let mut stage = Stage::new(rest, json!({}));
    let due = stage.asked.iter().find_map(|action| match action {
        Action::SetTimer { timer: set, .. } if set.to_string() == timer => Some(*set),
        _ => None,
    });
    stage.take(Event::TimerFired(due.unwrap_or_else(|| panic!("{:?}", stage.asked))));
    let problem = stage.run.ending().unwrap().problem().unwrap();
    assert_eq!((problem.detail.as_deref(), problem.instance.as_str()), (Some(told), place));
}

#[test]
fn a_limit_that_is_over_is_named() {
    let run = "timeout: {after: PT2S}\ndo: [a: CALL]\n";
    check_limit(run, "0-limit-0", ("the run took longer than its limit of 2 s", ""));
    let task = "do: [a: {wait: PT1H, timeout: {after: {milliseconds: 250}}}]\n";
    check_limit(task, "1-limit-0", ("the task took longer than its limit of 0.25 s", "/do/0/a"));
    let policy = "do: [t: {try: [a: CALL], catch: {errors: {with: {status: 1}}, retry: {limit: {attempt: {duration: PT3S}}}}}]\n";
    check_limit(policy, "1-attempt-0", ("the try took longer than its policy's limit of 3 s", "/do/0/t"));
}

#[test]
fn cancelling_gives_up_calls_and_timers() {
    let mut stage = Stage::new("do: [f: {fork: {branches: [a: CALL, b: {wait: PT1H}]}}]\n", json!({}));
    let asked = stage.control("c", Control::Cancel { reason: "no".to_owned() });
    let mut keys: Vec<String> = asked.iter().map(Action::key).collect();
    keys.sort();
    assert_eq!(keys, ["abort 2", "clear 0-limit-0", "clear 3-wait-0", "end"]);
    assert!(stage.answer(0, Answer::output(json!({}))).is_empty());
    assert!(stage.run.frames.is_empty());
}

#[test]
fn what_comes_while_a_run_is_paused_is_decided_about_later() {
    let mut stage = Stage::new("do: [a: CALL, b: CALL]\n", json!({}));
    stage.control("p", Control::Pause);
    assert!(stage.answer(0, Answer::output(json!({"n": 1}))).is_empty());
    assert!(stage.answer(0, Answer::output(json!({"n": 1}))).is_empty());
    assert_eq!(stage.run.held.len(), 1);
    assert_eq!(Run::of(&stage.log), stage.run);
    stage.control("r", Control::Resume);
    assert_eq!(stage.calls().len(), 2);
    // The same wish a second time is the same wish.
    assert!(stage.control("p", Control::Pause).is_empty());
    assert!(!stage.run.is_paused);
}

#[test]
fn time_ends_a_paused_run() {
    let mut stage = Stage::new("timeout: {after: PT1H}\ndo: [a: CALL]\n", json!({}));
    stage.control("p", Control::Pause);
    let timer = stage.asked.iter().find_map(|action| match action {
        Action::SetTimer { timer, due_ms } => (*due_ms == 4_600_000).then_some(*timer),
        _ => None,
    });
    stage.take(Event::TimerFired(timer.unwrap()));
    assert_eq!(stage.run.ending().unwrap().name(), "timed_out");
}

#[test]
fn a_retried_run_has_its_time_anew() {
    let mut stage = Stage::new("timeout: {after: PT1H}\ndo: [a: CALL]\n", json!({"n": 1}));
    stage.answer(0, Answer::problem(Problem::new(Standard::Communication, "down")));
    assert_eq!(stage.run.ending().unwrap().name(), "faulted");
    stage.now_ms += 10_000_000;
    let asked = stage.control("again", Control::Retry);
    let is_set = |action: &Action| matches!(action, Action::SetTimer { due_ms: 14_600_000, .. });
    assert!(asked.iter().any(is_set), "{asked:?}");
    stage.answer(1, Answer::output(json!({"n": 2})));
    assert_eq!(stage.run.ending().unwrap().name(), "completed");
    assert!(stage.control("more", Control::Retry).is_empty());
}

#[test]
fn whatever_is_still_waited_for_is_asked_for_again() {
    let mut stage = Stage::new("do: [f: {fork: {branches: [a: CALL, b: {wait: PT1H}, c: CALL]}}]\n", json!({}));
    stage.answer(0, Answer::output(json!({})));
    let mut keys: Vec<String> = Run::of(&stage.log).outstanding().iter().map(Action::key).collect();
    keys.sort();
    assert_eq!(keys, ["call 4", "set 0-limit-0", "set 3-wait-0"]);
}

#[test]
fn secrets_are_marks() {
    let text = "use: {secrets: [key]}\ndo: [a: {call: http, with: {method: get, endpoint: 'https://example.com', headers: {x-key: '${ \"k=\" + $secrets.key }'}}}]\n";
    let stage = Stage::new(text, json!({}));
    let arguments = &stage.calls()[0].1.arguments;
    assert!(!arguments.to_string().contains("geheim"));
    let revealed = secrets::reveal(arguments, &|name| (name == "key").then(|| "geheim".to_owned())).unwrap();
    assert_eq!(revealed["headers"]["x-key"], "k=geheim");
    assert_eq!(secrets::reveal(arguments, &|_| None), Err("key".to_owned()));
}

#[test]
fn runs_like_each_other_have_the_same_key() {
    let text = "document: {dsl: '1.0.3', namespace: a, name: b, version: '1.0.0', metadata: {neptune: {priority: 2, concurrency: {key: '${ .customer }', limit: 4, onConflict: reject}, idempotencyKey: '${ .ticket }'}}}\ndo: []\n";
    let definition = definition(text);
    let admitted = admission(&definition, &json!({"customer": "c", "ticket": 17})).unwrap();
    let slot = admitted.concurrency.unwrap();
    assert_eq!((slot.key.as_str(), slot.limit, slot.on_conflict), ("c", 4, OnConflict::Reject));
    assert_eq!((admitted.priority, admitted.idempotency_key.as_deref()), (2, Some("17")));
    let refused = admission(&definition, &json!({"ticket": 17})).unwrap_err();
    assert_eq!(refused.instance, "/document/metadata/neptune/concurrency/key");
}

#[test]
fn data_is_no_template() {
    // What an expression says is an address as it stands.
    let text = "do: [a: {call: http, with: {method: get, endpoint: '${ .url }'}}]\n";
    let stage = Stage::new(text, json!({"url": "https://example.com/{n}", "n": 5}));
    assert_eq!(stage.calls()[0].1.arguments["endpoint"]["uri"], "https://example.com/{n}");
    let escaped = Stage::new("do: [a: CALL]\n", json!({"n": "a/b?c"}));
    assert_eq!(escaped.calls()[0].1.arguments["endpoint"]["uri"], "https://example.com/a%2Fb%3Fc");
}

#[test]
fn older_runs_are_read_without_what_is_new() {
    // The least that stands in a log: everything optional is left out.
    let record = json!({"at_ms": 5, "changes": [
        {"began": {"run": "r", "workflow": "a/b 1.0.0", "input": {"n": 1}}},
        {"entered": {"instance": 0, "name": "b", "at": {"part": 0, "index": 0}, "role": "workflow", "raw": {"n": 1}, "now_ms": 5}},
        {"entered": {"instance": 1, "name": "a", "parent": 0, "at": {"part": 0, "index": 0}, "role": "task", "now_ms": 5}},
        {"left": {"instance": 1, "output": "input"}},
    ]});
    let record: Record = serde_json::from_value(record).unwrap();
    let run = Run::of(&[record]);
    assert_eq!((run.phase, run.outputs["a"].as_ref()), (Phase::Running, &json!({"n": 1})));
    assert!(serde_json::from_value::<Change>(json!("surprise")).is_err());
}

#[test]
fn events_start_runs() {
    let event = |kind: &str, room: u64| json!({"type": kind, "data": {"room": room}});
    let both = definition(
        "schedule:
  on:
    all:
      - {with: {type: warm}, correlate: {room: {from: .data.room}}}
      - {with: {type: wet}, correlate: {room: {from: .data.room}}}
do: []
",
    );
    let mut correlator = Correlator::default();
    assert_eq!(correlator.hear(&both, &event("dry", 1)), None);
    assert_eq!(correlator.hear(&both, &event("warm", 1)), None);
    assert_eq!(correlator.hear(&both, &event("wet", 2)), None);
    let kept = serde_json::to_value(&correlator).unwrap();
    let mut correlator: Correlator = serde_json::from_value(kept).unwrap();
    assert_eq!(correlator.hear(&both, &event("wet", 1)), Some(json!([event("warm", 1), event("wet", 1)])));
    // The next start begins with nothing.
    assert_eq!(correlator, Correlator::default());
    let any = definition("schedule: {on: {any: [{with: {type: 'w.*'}}]}, read: raw}\ndo: []\n");
    assert_eq!(Correlator::default().hear(&any, &event("warm", 3)), Some(json!([{"room": 3}])));
}

#[test]
fn a_run_is_as_sensitive_as_what_it_has_seen() {
    let mut stage = Stage::new("do: [a: CALL, b: CALL, c: CALL]\n", json!({}));
    assert_eq!(stage.calls()[0].1.sensitivity, 1);
    stage.answer(0, Answer { sensitivity: 3, ..Answer::output(json!({})) });
    assert_eq!(stage.calls()[1].1.sensitivity, 3);
    // What is less sensitive does not make it less so, nor does reading the log.
    stage.answer(1, Answer { sensitivity: 2, ..Answer::output(json!({})) });
    assert_eq!((stage.calls()[2].1.sensitivity, Run::of(&stage.log).sensitivity), (3, 3));
    let event = Event::Signalled { id: "s".to_owned(), event: json!({}), sensitivity: 4 };
    stage.take(event);
    assert_eq!(stage.run.sensitivity, 4);
}

/// How sensitive the arguments of the last call are, where they are less so than the run.
fn last_lowered(stage: &Stage) -> Option<u8> {
    stage.calls().last().unwrap().1.lowered
}

/// A run whose data is of rank 3 until its first step, which leaves rank 1; and what the next call, with these
/// arguments, is told.
#[track_caller]
fn check_after_redaction(between: &str, input: &str, wanted: Option<u8>) {
    let text = format!(
        "do:\n  - clean:\n      call: governance.redact:1.0.0@default\n      with: {{text: '${{ .t }}'}}\n      \
         export: {{as: '${{ {{text: .text}} }}'}}\n{between}  - ask: {{call: 'model:1.0.0@default', with: {{prompt: Do., input: '{input}'}}}}\n"
    );
    let mut stage = Stage::new(&text, json!({"t": "x"}));
    assert_eq!(last_lowered(&stage), None, "what is redacted is as sensitive as the run");
    stage.answer(0, Answer { sensitivity: 1, ..Answer::output(json!({"text": "y"})) });
    while stage.calls().last().unwrap().1.step != "ask" {
        let last = stage.calls().len() - 1;
        stage.answer(last, Answer { sensitivity: 1, ..Answer::output(json!({"text": "z"})) });
    }
    assert_eq!(last_lowered(&stage), wanted, "{between}{input}");
    // Whoever reads the log knows the same.
    assert_eq!(Run::of(&stage.log), stage.run);
}

#[test]
fn what_is_made_of_redacted_data_alone_is_not_as_sensitive_as_the_run() {
    check_after_redaction("", "${ .text }", Some(1));
    check_after_redaction("", "${ $context.text }", Some(1));
    check_after_redaction("  - next: {set: '${ $context }'}\n", "${ . }", Some(1));
    check_after_redaction("", "${ $runtime.metadata.steps.clean.text }", Some(1));
    check_after_redaction("", "${ $workflow.input.t }", None);
    check_after_redaction("", "${ .text + $workflow.input.t }", None);
    check_after_redaction("", "fixed", None);
    check_after_redaction("  - other: {set: {u: '${ .text }', n: 1}}\n", "${ .u }", Some(1));
    check_after_redaction("  - other: {set: {u: '${ $workflow.input.t }'}}\n", "${ .u }", None);
    // What answers a call that is told nothing else.
    let told = "  - one: {call: 'model:1.0.0@default', with: {input: '${ .text }'}, output: {as: .text}}\n";
    check_after_redaction(told, "${ . }", Some(1));
    let raw = "  - one: {call: 'model:1.0.0@default', with: {input: '${ $workflow.input.t }'}}\n";
    check_after_redaction(raw, "${ .text }", None);
    let both = "  - two:\n      fork:\n        branches:\n          - a: {set: {u: '${ .text }'}}\n          - b: {set: {u: '${ .text }'}}\n";
    check_after_redaction(both, "${ .[0].u }", Some(1));
    check_after_redaction(
        &both.replace("- b: {set: {u: '${ .text }'}}", "- b: {set: {u: '${ $workflow.input.t }'}}"),
        "${ .[0].u }",
        None,
    );
    let tried = "  - careful: {try: [a: {set: {u: '${ .text }'}}], catch: {}}\n";
    check_after_redaction(tried, "${ .u }", Some(1));
}

#[test]
fn a_published_event_is_for_whoever_listens_then_and_is_not_kept() {
    let text = "do:\n  - both:\n      fork:\n        branches:\n          - early: {listen: {to: {one: {with: {type: paid}}}}}\n          - late: {do: [before: CALL, hear: {listen: {to: {one: {with: {type: paid}}}}}]}\n";
    let mut stage = Stage::new(text, json!({"n": 1}));
    let published = |id: &str, kind: &str, emitted_by: Option<u64>| Event::Published {
        id: id.to_owned(),
        event: json!({"id": id, "type": kind, "data": {"id": id}}),
        sensitivity: 2,
        emitted_by,
    };
    // What nobody wants leaves no record, and raises nothing.
    let before = stage.run.clone();
    stage.take(published("e0", "sent", None));
    assert_eq!((stage.run.clone(), stage.log.len()), (before, 1));
    stage.take(published("e1", "paid", None));
    assert_eq!((stage.run.outputs["early"].as_ref(), stage.run.sensitivity), (&json!([{"id": "e1"}]), 2));
    // The branch that begins to listen afterwards does not hear it, nor a second time when it is handed out again.
    stage.answer(0, Answer::output(json!({})));
    stage.take(published("e1", "paid", None));
    assert!(stage.run.ending().is_none() && stage.run.signals.is_empty());
    let hear = stage.run.frames.iter().find(|(_, frame)| frame.name == "hear").map(|(instance, _)| *instance).unwrap();
    // What a task of this run emitted that was begun before it listened is not for it.
    stage.take(published("e2", "paid", Some(hear - 1)));
    assert!(stage.run.ending().is_none());
    stage.control("p", Control::Pause);
    stage.take(published("e3", "paid", Some(hear + 1)));
    assert!(stage.run.ending().is_none(), "held while the run is paused");
    stage.control("r", Control::Resume);
    assert!(matches!(stage.run.ending(), Some(Ending::Completed { .. })), "{:?}", stage.run.phase);
    assert_eq!(Run::of(&stage.log), stage.run);
}

#[test]
fn the_timeline_of_a_cancelled_run_says_so_and_of_one_taken_up_again_that_it_goes_on() {
    let mut stage = Stage::new("do: [a: CALL, b: CALL]\n", json!({"n": 1}));
    stage.answer(0, Answer::output(json!({"n": 2})));
    stage.answer(1, Answer::problem(Problem::new(Standard::Communication, "broken")));
    let states = |stage: &Stage| {
        timeline::lines(&stage.log).iter().map(|line| (line.name.clone(), line.state)).collect::<Vec<_>>()
    };
    let line = |name: &str, state| (name.to_owned(), state);
    use timeline::State::{Cancelled, Done, Failed, Running};
    assert_eq!(states(&stage), [line("test", Failed), line("a", Done), line("b", Failed)]);
    stage.now_ms += 60_000;
    stage.control("again", Control::Retry);
    assert_eq!(states(&stage), [line("test", Running), line("a", Done), line("b", Failed), line("b", Running)]);
    let failed = &timeline::lines(&stage.log)[2];
    assert_eq!(failed.ended_ms, Some(1_000_000), "it took no time from its failure to the next try");
    stage.control("c", Control::Cancel { reason: "enough".to_owned() });
    assert_eq!(states(&stage), [line("test", Cancelled), line("a", Done), line("b", Failed), line("b", Cancelled)]);
}
