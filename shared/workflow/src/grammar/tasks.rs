//! The twelve kinds of tasks.

use super::{
    Field, Record, Shape, calls, functions, may, must,
    parts::{
        ANYTHING, CONSUMPTION, DURATION, ERROR_RECORD, EVENT, EXPORT, FLAG, INPUT, INTEGER, ITERATOR, OBJECT, OUTPUT,
        READ, RESOURCE, RETRY_RECORD, TEXT, TEXTS, TIMEOUT,
    },
    record,
};
use crate::source::{Content, Node};

/// The fields that say what a task is; `do` is one unless `for` is there, too.
pub(super) const KINDS: [&str; 12] =
    ["call", "do", "emit", "for", "fork", "listen", "raise", "run", "set", "switch", "try", "wait"];

pub(super) static TASKS: Shape = Shape::Named(&Shape::Task, 0);

/// Fields of every task.
pub(super) static BASE: &[Field] = &[
    may("if", &TEXT),
    may("input", &INPUT),
    may("output", &OUTPUT),
    may("export", &EXPORT),
    may("timeout", &TIMEOUT),
    may("then", &TEXT),
    may("metadata", &functions::TASK_METADATA),
];

/// The kinds that the fields of a task say it is.
pub(super) fn kinds<'a>(fields: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut kinds: Vec<&str> = fields.filter(|name| KINDS.contains(name)).collect();
    if kinds.contains(&"for") {
        kinds.retain(|kind| *kind != "do");
    }
    kinds
}

/// What a task of a kind must be; `is_beyond` what the official schema says.
pub(super) fn record_of(kind: &str, task: &Node, is_beyond: bool) -> &'static Record {
    match kind {
        "call" => calls::record_of(task, is_beyond),
        "do" => &DO,
        "emit" => &EMIT,
        "for" => &FOR,
        "fork" => &FORK,
        "listen" => &LISTEN,
        "raise" => &RAISE,
        "run" => &RUN,
        "set" => &SET,
        "switch" => &SWITCH,
        "try" => &TRY,
        _ => &WAIT,
    }
}

static DO: Record = record("a task with `do`", &[&[must("do", &TASKS)], BASE]);

static EMIT: Record = record(
    "a task with `emit`",
    &[
        &[must(
            "emit",
            &Shape::Record(&record(
                "emit",
                &[&[must(
                    "event",
                    &Shape::Record(&Record { is_open: true, ..record("event", &[&[may("with", &EVENT)]]) }),
                )]],
            )),
        )],
        BASE,
    ],
);

static FOR: Record = record(
    "a task with `for`",
    &[
        &[
            must(
                "for",
                &Shape::Record(&record(
                    "for",
                    &[&[
                        may("each", &TEXT),
                        must("in", &Shape::Either(&[Shape::Text, Shape::List(&OBJECT)])),
                        may("at", &TEXT),
                    ]],
                )),
            ),
            may("while", &TEXT),
            must("do", &TASKS),
        ],
        BASE,
    ],
);

static FORK: Record = record(
    "a task with `fork`",
    &[&[must("fork", &Shape::Record(&record("fork", &[&[must("branches", &TASKS), may("compete", &FLAG)]])))], BASE],
);

static LISTEN: Record = record(
    "a task with `listen`",
    &[
        &[
            must("listen", &Shape::Record(&record("listen", &[&[must("to", &CONSUMPTION), may("read", &READ)]]))),
            may("foreach", &ITERATOR),
        ],
        BASE,
    ],
);

static RAISE: Record = record(
    "a task with `raise`",
    &[
        &[must(
            "raise",
            &Shape::Record(&record(
                "raise",
                &[&[must("error", &Shape::Either(&[Shape::Record(&ERROR_RECORD), Shape::Text]))]],
            )),
        )],
        BASE,
    ],
);

static SET: Record =
    record("a task with `set`", &[&[must("set", &Shape::Either(&[Shape::Map(&ANYTHING, 1), Shape::Text]))], BASE]);

static SWITCH: Record = record(
    "a task with `switch`",
    &[
        &[must(
            "switch",
            &Shape::Named(&Shape::Record(&record("a case", &[&[may("when", &TEXT), must("then", &TEXT)]])), 1),
        )],
        BASE,
    ],
);

static TRY: Record =
    record("a task with `try`", &[&[must("try", &TASKS), must("catch", &Shape::Record(&CATCH))], BASE]);

static CATCH: Record = record(
    "catch",
    &[&[
        may("errors", &Shape::Record(&Record { is_open: true, ..record("errors", &[&[may("with", &ERROR_FILTER)]]) })),
        may("as", &TEXT),
        may("when", &TEXT),
        may("exceptWhen", &TEXT),
        may("retry", &Shape::Either(&[Shape::Record(&RETRY_RECORD), Shape::Text])),
        may("do", &TASKS),
        may("then", &TEXT),
    ]],
);

static ERROR_FILTER: Shape = Shape::Record(&Record {
    is_open: true,
    rule: Some(|node| {
        matches!(&node.content, Content::Object(fields) if fields.is_empty()).then_some("a filter must not be empty")
    }),
    ..record(
        "a filter of errors",
        &[&[
            may("type", &TEXT),
            may("status", &INTEGER),
            may("instance", &TEXT),
            may("title", &TEXT),
            may("detail", &TEXT),
        ]],
    )
});

static WAIT: Record = record("a task with `wait`", &[&[must("wait", &DURATION)], BASE]);

static RUN: Record = record(
    "a task with `run`",
    &[
        &[must(
            "run",
            &Shape::Record(&Record {
                one_of: &[&["container", "script", "shell", "workflow"]],
                ..record(
                    "run",
                    &[&[
                        may("await", &FLAG),
                        may("return", &Shape::Words(&["stdout", "stderr", "code", "all", "none"])),
                        may("container", &CONTAINER),
                        may("script", &SCRIPT),
                        may("shell", &SHELL),
                        may("workflow", &WORKFLOW),
                    ]],
                )
            }),
        )],
        BASE,
    ],
);

static CONTAINER: Shape = Shape::Record(&record(
    "a container",
    &[&[
        must("image", &TEXT),
        may("name", &TEXT),
        may("command", &TEXT),
        may("ports", &OBJECT),
        may("volumes", &OBJECT),
        may("environment", &OBJECT),
        may("stdin", &TEXT),
        may("arguments", &TEXTS),
        may("lifetime", &LIFETIME),
        may("pullPolicy", &Shape::Words(&["ifNotPresent", "always", "never"])),
    ]],
));

static LIFETIME: Shape = Shape::Record(&Record {
    rule: Some(|node| {
        let is_eventual = node
            .field("cleanup")
            .is_some_and(|cleanup| matches!(&cleanup.content, Content::Text(text) if text == "eventually"));
        (is_eventual != node.field("after").is_some())
            .then_some("`after` is there if and only if `cleanup` is eventually")
    }),
    ..record(
        "a lifetime",
        &[&[must("cleanup", &Shape::Words(&["always", "never", "eventually"])), may("after", &DURATION)]],
    )
});

static SCRIPT: Shape = Shape::Record(&Record {
    one_of: &[&["code", "source"]],
    ..record(
        "a script",
        &[&[
            must("language", &TEXT),
            may("code", &TEXT),
            may("source", &RESOURCE),
            may("stdin", &TEXT),
            may("arguments", &TEXTS),
            may("environment", &OBJECT),
        ]],
    )
});

static SHELL: Shape = Shape::Record(&record(
    "a shell command",
    &[&[must("command", &TEXT), may("stdin", &TEXT), may("arguments", &TEXTS), may("environment", &OBJECT)]],
));

static WORKFLOW: Shape = Shape::Record(&record(
    "a workflow to run",
    &[&[must("namespace", &TEXT), must("name", &TEXT), must("version", &TEXT), may("input", &OBJECT)]],
));
