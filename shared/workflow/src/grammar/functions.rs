//! What Neptune says beyond the official schema, which allows anything there: the arguments of its own functions, and
//! `metadata.neptune`. The same tables are checked, shown to editors as JSON Schema, and told in the reference.

use super::{
    Field, Form, Record, Shape, expression, forms, may, must,
    parts::{ANYTHING, OBJECT, TEXT},
    record,
    tasks::BASE,
};
use crate::definition::Builtin;

const MEANING: &str = "a task with `call`";

/// What is only known when the step is done.
static COMPUTED: Form = Form { fits: |text| expression(text).is_some(), meaning: "an expression `${ … }`" };
static AMOUNT: Form = Form { fits: is_amount, meaning: "US dollars from 0 to 9000000, such as '0.25'" };
/// The most US dollars that a cap may be.
const AMOUNT_USD: i64 = 9_000_000;

static A_FLAG: Shape = Shape::Either(&[Shape::Flag, Shape::Form(&COMPUTED)]);
static AN_OBJECT: Shape = Shape::Either(&[Shape::Map(&ANYTHING, 0), Shape::Form(&COMPUTED)]);
static SOME_TEXTS: Shape = Shape::Either(&[Shape::List(&TEXT), Shape::Form(&COMPUTED)]);
static SHARE: Shape = Shape::Either(&[Shape::Number(0, 1), Shape::Form(&COMPUTED)]);
static COUNT: Shape = Shape::Either(&[Shape::Whole(1, i64::MAX), Shape::Form(&COMPUTED)]);
static CHANNEL: Shape = Shape::Either(&[Shape::Words(&["webhook", "email"]), Shape::Form(&COMPUTED)]);

/// A call of one of Neptune's functions.
pub(super) fn call_of(function: Builtin) -> &'static Record {
    match function {
        Builtin::Model => &MODEL,
        Builtin::Notify => &NOTIFY,
        Builtin::Approval => &APPROVAL,
        Builtin::Redact => &REDACT,
        Builtin::Feedback => &FEEDBACK,
    }
}

/// The arguments of one of Neptune's functions.
pub(super) fn arguments_of(function: Builtin) -> &'static Record {
    match function {
        Builtin::Model => &MODEL_ARGUMENTS,
        Builtin::Notify => &NOTIFY_ARGUMENTS,
        Builtin::Approval => &APPROVAL_ARGUMENTS,
        Builtin::Redact => &REDACT_ARGUMENTS,
        Builtin::Feedback => &FEEDBACK_ARGUMENTS,
    }
}

static MODEL: Record = record(MEANING, &[&[must("call", &TEXT), must("with", &Shape::Record(&MODEL_ARGUMENTS))], BASE]);
static NOTIFY: Record =
    record(MEANING, &[&[must("call", &TEXT), must("with", &Shape::Record(&NOTIFY_ARGUMENTS))], BASE]);
static APPROVAL: Record =
    record(MEANING, &[&[must("call", &TEXT), may("with", &Shape::Record(&APPROVAL_ARGUMENTS))], BASE]);
static REDACT: Record =
    record(MEANING, &[&[must("call", &TEXT), must("with", &Shape::Record(&REDACT_ARGUMENTS))], BASE]);
static FEEDBACK: Record =
    record(MEANING, &[&[must("call", &TEXT), must("with", &Shape::Record(&FEEDBACK_ARGUMENTS))], BASE]);

static MODEL_ARGUMENTS: Record = Record {
    rule: Some(|node| {
        let asks = ["prompt", "input", "messages"].iter().any(|name| node.field(name).is_some());
        (!asks).then_some("the call asks nothing; it needs `prompt`, `input` or `messages`")
    }),
    ..record("the arguments of model", &[MODEL_FIELDS])
};

static MODEL_FIELDS: &[Field] = &[
    may("prompt", &TEXT).saying("What is to be done: the system message."),
    may("input", &ANYTHING).saying("What it is done with: the user's message; what is no text goes as JSON."),
    may("messages", &MESSAGES).saying("A whole conversation in OpenAI's form, in place of `prompt` and `input`."),
    may("task", &TEXT)
        .saying("The kind of work, such as classification, extraction or summarization; else it is recognised."),
    may("labels", &SOME_TEXTS).saying("The answer is exactly one of these; the output has it as `label`."),
    may("responseSchema", &AN_OBJECT)
        .saying("A JSON Schema that the answer fits; the output has it as `json`. Models that can are held to it."),
    may("repair", &A_FLAG)
        .saying("When a `try` around it tries again, the model is told what was wrong with its answer."),
    may("model", &TEXT).saying("A model or route by its name; else the router chooses."),
    may("route", &ROUTE).saying("A route by its name (`auto:cheap`, `auto:fast`, `auto:best` or your own), or wishes."),
    may("lane", &Shape::Either(&[Shape::Words(&["realtime", "batch"]), Shape::Form(&COMPUTED)]))
        .saying("`batch` never delays `realtime` work, which is the default."),
    may(
        "class",
        &Shape::Either(&[Shape::Words(&["public", "internal", "confidential", "restricted"]), Shape::Form(&COMPUTED)]),
    )
    .saying("How sensitive the data is at least; it is never less than what the run's data was found to be."),
    may("cache", &Shape::Either(&[Shape::Words(&["off", "exact", "near"]), Shape::Form(&COMPUTED)]))
        .saying("Whether the answer to an earlier request may serve again."),
    may("temperature", &Shape::Either(&[Shape::Number(0, 2), Shape::Form(&COMPUTED)]))
        .saying("How much chance there is in the answer."),
    may("top_p", &SHARE).saying("Of the likeliest words, those that make up this share."),
    may("max_tokens", &COUNT).saying("The longest answer, in tokens."),
    may("seed", &Shape::Either(&[Shape::Whole(i64::MIN, i64::MAX), Shape::Form(&COMPUTED)]))
        .saying("The same seed gives the same answer where a provider can."),
    may("stop", &Shape::Either(&[Shape::Text, Shape::List(&TEXT)])).saying("Texts that end the answer."),
];

static MESSAGES: Shape = Shape::Either(&[
    Shape::List(&Shape::Either(&[Shape::Map(&ANYTHING, 1), Shape::Form(&COMPUTED)])),
    Shape::Form(&COMPUTED),
]);

static ROUTE: Shape = Shape::Either(&[Shape::Record(&ROUTE_RECORD), Shape::Text]);
pub(super) static ROUTE_RECORD: Record = record(
    "route",
    &[&[
        may("name", &TEXT).saying("A route by its name, in place of `objective`."),
        may("objective", &OBJECTIVE).saying("What counts: cost, latency, quality, or all of them (`balanced`)."),
        may("maxLatencyMs", &COUNT).saying("A wish: an answer within so many milliseconds."),
        may("minQuality", &SHARE).saying("A wish: an answer that is right with this probability."),
    ]],
);
static OBJECTIVE: Shape = Shape::Either(&[
    Shape::Words(&["cost", "cheap", "latency", "speed", "fast", "quality", "best", "balanced"]),
    Shape::Form(&COMPUTED),
]);

static NOTIFY_ARGUMENTS: Record = Record {
    rule: Some(|node| {
        let says = ["text", "html", "message"].iter().any(|name| node.field(name).is_some());
        (!says).then_some("the delivery says nothing; give it a `text`")
    }),
    ..record(
        "the arguments of notify",
        &[&[
            must("channel", &CHANNEL).saying("Over which channel."),
            must("to", &TEXT).saying("Who gets it: the address of a webhook or of a mailbox."),
            may("subject", &TEXT).saying("The subject of a mail."),
            may("text", &TEXT).saying("What is said."),
            may("html", &TEXT).saying("The same, read where there is no `text`."),
            may("message", &TEXT).saying("The same, read where there is neither of these."),
            may("data", &ANYTHING).saying(
                "What a webhook gets besides: the fields of its body's `data`, where the text stands as `text` unless they \
                 have one; what is no object becomes `data.value`.",
            ),
        ]],
    )
};

static APPROVAL_ARGUMENTS: Record = Record {
    rule: Some(|node| {
        (node.field("channel").is_some() && node.field("to").is_none())
            .then_some("`to` is missing; say who is asked over the channel")
    }),
    ..record(
        "the arguments of approval",
        &[&[
            may("text", &TEXT).saying("What is asked."),
            may("message", &TEXT).saying("The same, read where there is no `text`."),
            may("channel", &CHANNEL).saying("Over which channel the request goes; without one nobody is told."),
            may("to", &TEXT).saying("Who is asked."),
            may("subject", &TEXT).saying("The subject of a mail."),
        ]],
    )
};

static REDACT_ARGUMENTS: Record = Record {
    one_of: &[&["value", "text", "json"]],
    ..record(
        "the arguments of governance.redact",
        &[&[
            may("value", &ANYTHING).saying("What sensitive data is taken out of: in every text of it, at any depth."),
            may("text", &TEXT).saying("The same, a text."),
            may("json", &ANYTHING).saying("The same, JSON."),
            may("policy", &POLICY).saying(
                "What is taken out: `pii` (personal data and numbers of people), `secrets` (keys and passwords), or both with \
                 `all`; `pii-strict` is another word for `all`, which is the default.",
            ),
        ]],
    )
};
static POLICY: Shape = Shape::Either(&[Shape::Words(&["all", "pii", "secrets", "pii-strict"]), Shape::Form(&COMPUTED)]);

static FEEDBACK_ARGUMENTS: Record = record(
    "the arguments of feedback",
    &[&[
        must("task", &TEXT).saying("Whose answer it is about: `.task` of a model step's output."),
        must("score", &SHARE).saying("How good it was, from 0 to 1."),
        may(
            "by",
            &Shape::Either(&[Shape::Words(&["person", "validator", "judge", "implied"]), Shape::Form(&COMPUTED)]),
        )
        .saying("Who says so; `validator` unless given."),
    ]],
);

/// `metadata` of a document.
pub(super) static DOCUMENT_METADATA: Shape = Shape::Beyond(
    &OBJECT,
    &Shape::Record(&Record {
        is_open: true,
        ..record("metadata", &[&[may("neptune", &Shape::Record(&WORKFLOW_SETTINGS))]])
    }),
);
/// `metadata` of a task.
pub(super) static TASK_METADATA: Shape = Shape::Beyond(
    &OBJECT,
    &Shape::Record(&Record {
        is_open: true,
        ..record("metadata", &[&[may("neptune", &Shape::Record(&TASK_SETTINGS))]])
    }),
);

static CAP: Shape = Shape::Either(&[Shape::Number(0, AMOUNT_USD), Shape::Form(&AMOUNT)]);

static TAGS: Shape = Shape::List(&TEXT);

pub(super) static WORKFLOW_SETTINGS: Record = record(
    "metadata.neptune of a workflow",
    &[&[
        may("team", &TEXT).saying("The team whose workflow it is, and nobody else's; a schedule needs one."),
        may("maxCostUsd", &CAP).saying("What a run may cost; one that would cost more ends as `budget_exhausted`."),
        may("concurrency", &Shape::Record(&CONCURRENCY)).saying("How many runs there may be at once."),
        may("priority", &Shape::Whole(i64::MIN, i64::MAX))
            .saying("Runs with a higher number go first; 0 unless given. Below 0 their tasks are batch work."),
        may("idempotencyKey", &ANYTHING).saying("Inputs that make the same of this expression are the same run."),
        may("tags", &TAGS)
            .saying("Words by which its runs are found: 32 at most, of 1 to 63 letters, digits and -_.:/@ each."),
        may("paused", &Shape::Flag).saying("Whether its schedule starts nothing."),
        may("timeZone", &Shape::Form(&forms::ZONE))
            .saying("Whose clocks `schedule.cron` means, such as Europe/Berlin; UTC unless given."),
    ]],
);

pub(super) static CONCURRENCY: Record = record(
    "concurrency",
    &[&[
        must("key", &ANYTHING).saying("Runs whose input makes the same of this expression share the limit."),
        may("limit", &Shape::Whole(1, i64::MAX)).saying("So many at once; 1 unless given."),
        may("onConflict", &Shape::Words(&["queue", "reject", "replace"]))
            .saying("What is done with one too many: it waits, is refused, or the oldest is cancelled for it."),
    ]],
);

pub(super) static TASK_SETTINGS: Record = record(
    "metadata.neptune of a task",
    &[&[
        may("parallel", &Shape::Whole(1, 1_000))
            .saying("Of a `for`: so many items at once, each with the loop's input."),
        may("onError", &Shape::Words(&["fail", "collect"]))
            .saying("Of a parallel `for`: it fails with an item, or goes on with `{error: …}` in the item's place."),
        may("compensate", &TEXT)
            .saying("The function of `use.functions` that undoes the task when the run does not complete."),
        may("maxCostUsd", &CAP).saying("What the task may cost."),
        may("delivery", &Shape::Words(&["at-least-once", "at-most-once"])).saying(
            "Whether a call is made again when a crash hides whether it was; `at-most-once` fails as ambiguous.",
        ),
    ]],
);

fn is_amount(text: &str) -> bool {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let is_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    // Digits alone: a sign would be read too.
    let is_small = whole.parse::<i64>().is_ok_and(|whole| whole <= AMOUNT_USD);
    is_small && is_digits(whole) && is_digits(fraction) && fraction.len() <= 12
}
