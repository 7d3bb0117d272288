//! Small workflows that together use every construct of the language.

use neptune_workflow::{compiler, definition::Definition};

const CALL: &str = "{call: http, with: {method: get, endpoint: 'https://example.com'}}";
const MODEL: &str = "{call: 'model:1.0.0@default', with: {input: hello}}";

const WORKFLOWS: [(&str, &str); 19] = [
    (
        "sequence",
        "do:
  - first: CALL
  - skipped: {if: '.ok == false', set: {n: 9}}
  - second: {set: {n: '${ .n }'}, export: {as: .n}}
  - pause: {wait: PT5S}
  - where: {switch: [small: {when: .n < 2, then: end}, big: {then: last}]}
  - never: {raise: {error: {type: 'https://example.com/never', status: 500}}}
  - last: {emit: {event: {with: {type: ended}}}}",
    ),
    (
        "retry",
        "do:
  - attempt:
      try: [first: CALL, second: CALL]
      catch:
        as: why
        retry: {when: $why.status == 503, delay: {seconds: 2}, backoff: {exponential: {}}, jitter: {from: PT0S, to: PT2S}, limit: {attempt: {count: 2}}}
        do: [instead: {set: {instead: true}}]",
    ),
    (
        "attempt",
        "do:
  - attempt:
      try: [call: CALL]
      catch: {retry: {delay: PT1S, limit: {attempt: {count: 3, duration: PT3S}, duration: PT1M}}}",
    ),
    ("fork", "do: [all: {fork: {branches: [a: CALL, b: {wait: PT3S}, c: {do: [d: CALL, e: CALL]}, f: {set: {n: 1}}]}}]"),
    (
        "race",
        "do:
  - race: {fork: {compete: true, branches: [a: CALL, b: {do: [c: {wait: PT2S}, d: CALL]}, e: CALL]}}
  - after: CALL",
    ),
    ("loop", "do: [loop: {for: {in: .items}, while: $index < 2, do: [call: CALL, pause: {wait: PT1S}]}]"),
    (
        "parallel",
        "do:
  - loop:
      for: {each: one, in: .items}
      do: [call: CALL, again: {if: .ok, call: http, with: {method: get, endpoint: 'https://example.com'}}]
      metadata: {neptune: {parallel: 2, onError: collect}}",
    ),
    (
        "strict",
        "do:
  - attempt:
      try:
        - loop: {for: {in: .items}, do: [call: CALL], metadata: {neptune: {parallel: 3}}}
      catch: {errors: {with: {status: 503}}, retry: {delay: PT1S, limit: {attempt: {count: 1}}}, then: after}
  - between: CALL
  - after: {set: {x: 1}}",
    ),
    (
        "listen",
        "timeout: {after: PT1H}
do:
  - attempt:
      try:
        - hear:
            listen: {to: {all: [{with: {type: left}}, {with: {type: right}}]}, read: envelope}
            timeout: {after: PT20S}
      catch: {errors: {with: {type: 'https://open-workflow-specification.org/spec/1.0.0/errors/timeout'}}}
  - more: {listen: {to: {one: {with: {type: done}}}}}",
    ),
    (
        "foreach",
        "timeout: {after: PT1H}
do:
  - hear:
      listen: {to: {any: [{with: {type: left}}, {with: {type: right}}], until: {one: {with: {type: done}}}}}
      foreach: {do: [call: CALL]}
      timeout: {after: PT1M}",
    ),
    (
        "until",
        "do:
  - both:
      fork:
        branches:
          - one: {listen: {to: {any: [], until: length >= 2}}, timeout: {after: PT30S}}
          - other: {do: [pause: {wait: PT10S}, hear: {listen: {to: {one: {with: {type: left, data: '${ .n > 1 }'}}}}, timeout: {after: PT30S}}]}",
    ),
    (
        "limits",
        "timeout: {after: PT50S}
do:
  - attempt:
      try: [slow: {do: [pause: {wait: PT8S}, call: CALL, long: {wait: PT8S}], timeout: {after: PT10S}}]
      catch: {do: [late: {wait: PT30S}]}
  - longer: {wait: PT30S}",
    ),
    (
        "inner",
        "use: {functions: {ask: {do: [call: CALL, keep: {set: {n: '${ .n }'}}]}}}
do:
  - first: {call: ask, with: {n: 1}}
  - inner: {run: {workflow: {namespace: a, name: b, version: '1.0.0', input: {n: 1}}}}
  - beside: {run: {await: false, workflow: {namespace: a, name: b, version: '1.0.0'}}}
  - tell: {emit: {event: {with: {type: told}}}}
  - ask: {call: 'approval:1.0.0@default', with: {to: boss}, timeout: {after: PT1M}}",
    ),
    (
        "undo",
        "use: {functions: {undo: CALL, slow: {do: [pause: {wait: PT5S}, call: CALL]}}}
do:
  - first: {set: {n: 1}, metadata: {neptune: {compensate: undo}}}
  - second: {call: http, with: {method: get, endpoint: 'https://example.com'}, metadata: {neptune: {compensate: slow}}}
  - pause: {wait: PT30S}
  - third: CALL",
    ),
    ("money", "do: [loop: {for: {in: '[range(6)]'}, do: [ask: MODEL]}]"),
    (
        "nested",
        "do:
  - loop:
      for: {in: .items}
      do:
        - attempt:
            try: [both: {fork: {branches: [a: CALL, b: {do: [c: {wait: PT1S}, d: CALL]}]}}]
            catch: {do: [fix: CALL]}",
    ),
    (
        "turns",
        "do:
  - count: {set: {n: '${ .n + 1 }'}}
  - pause: {wait: PT1S}
  - where: {switch: [more: {when: .n < 3, then: count}]}
  - fail: {raise: {error: {type: 'https://example.com/tired', status: 500}}}",
    ),
    (
        "around",
        "use:
  extensions:
    - guard: {extend: call, when: .n != 4, before: [look: {set: {n: 3}}, ask: CALL, leave: {switch: [out: {when: .n == 0, then: exit}, on: {then: continue}]}], after: [tell: CALL]}
    - log: {extend: all, after: [note: {emit: {event: {with: {type: done}}}}]}
do:
  - first: CALL
  - group: {do: [pause: {wait: PT1S}, second: CALL]}",
    ),
    (
        "shapes",
        "input: {from: '{n: .n}', schema: {format: json, document: {required: [items]}}}
output: {as: '{result: .}'}
do:
  - attempt:
      try:
        - call:
            call: http
            with: {method: get, endpoint: 'https://example.com'}
            output: {as: .n, schema: {format: json, document: {type: number, maximum: 3}}}
            export: {as: '{seen: .}', schema: {format: json, document: {type: object}}}
      catch: {retry: {limit: {attempt: {count: 1}}}, do: [exit: {set: '${ 0 }', then: exit}, never: CALL]}",
    ),
];

/// The workflows, compiled.
pub(crate) fn definitions() -> Vec<(&'static str, Definition)> {
    let compiled = WORKFLOWS.iter().map(|(name, rest)| {
        let cap = if *name == "money" { ", metadata: {neptune: {maxCostUsd: 0.001}}" } else { "" };
        let head = format!("document: {{dsl: '1.0.3', namespace: sim, name: {name}, version: '1.0.0'{cap}}}\n");
        let text = format!("{head}{rest}\n").replace("CALL", CALL).replace("MODEL", MODEL);
        (*name, compiler::read(&text).unwrap_or_else(|faults| panic!("{name}: {}", faults[0])))
    });
    compiled.collect()
}
