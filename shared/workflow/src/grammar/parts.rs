//! The document, and parts that several tasks share.

use super::{Field, Record, Shape, forms, functions, may, must, record, tasks::TASKS};
use crate::source::{Content, Node};

pub(super) static ANYTHING: Shape = Shape::Any;
pub(super) static TEXT: Shape = Shape::Text;
pub(super) static FLAG: Shape = Shape::Flag;
pub(super) static OBJECT: Shape = Shape::Map(&ANYTHING, 0);
pub(super) static TEXTS: Shape = Shape::List(&TEXT);
pub(super) static TEXT_MAP: Shape = Shape::Map(&TEXT, 0);
pub(super) static EXPRESSION: Shape = Shape::Form(&forms::EXPRESSION);
pub(super) static FILLED: Shape = Shape::Form(&forms::FILLED);
pub(super) static INTEGER: Shape = Shape::Whole(i64::MIN, i64::MAX);
pub(super) static TEXT_OR_OBJECT: Shape = Shape::Either(&[Shape::Text, Shape::Map(&ANYTHING, 0)]);
static VERSION: Shape = Shape::Form(&forms::VERSION);
static LABEL: Shape = Shape::Form(&forms::LABEL);
static URI: Shape = Shape::Form(&forms::URI);
pub(super) static URI_OR_EXPRESSION: Shape =
    Shape::Either(&[Shape::Form(&forms::URI), Shape::Form(&forms::EXPRESSION)]);

pub(super) static WORKFLOW: Shape = Shape::Record(&record(
    "a workflow",
    &[&[
        must("document", &DOCUMENT),
        may("input", &INPUT),
        may("use", &USE),
        must("do", &TASKS),
        may("timeout", &TIMEOUT),
        may("output", &OUTPUT),
        may("schedule", &SCHEDULE),
        may("evaluate", &EVALUATE),
    ]],
));

static DOCUMENT: Shape = Shape::Record(&record(
    "document",
    &[&[
        must("dsl", &VERSION),
        must("namespace", &LABEL),
        must("name", &LABEL),
        must("version", &VERSION),
        may("title", &TEXT),
        may("summary", &TEXT),
        may("tags", &OBJECT),
        may("metadata", &functions::DOCUMENT_METADATA),
    ]],
));

static USE: Shape = Shape::Record(&record(
    "use",
    &[&[
        may("authentications", &Shape::Map(&AUTHENTICATION, 0)),
        may("errors", &Shape::Map(&ERROR, 0)),
        may("extensions", &Shape::Named(&EXTENSION, 0)),
        may("functions", &Shape::Map(&Shape::Task, 0)),
        may("retries", &Shape::Map(&RETRY_POLICY, 0)),
        may("secrets", &TEXTS),
        may("timeouts", &Shape::Map(&TIMEOUT_POLICY, 0)),
        may("catalogs", &Shape::Map(&CATALOG, 0)),
    ]],
));

static CATALOG: Shape = Shape::Record(&record("a catalog", &[&[must("endpoint", &ENDPOINT)]]));

static EXTENSION: Shape = Shape::Record(&record(
    "an extension",
    &[&[
        must(
            "extend",
            &Shape::Words(&[
                "call",
                "composite",
                "emit",
                "for",
                "listen",
                "raise",
                "run",
                "set",
                "switch",
                "try",
                "wait",
                "all",
            ]),
        ),
        may("when", &TEXT),
        may("before", &TASKS),
        may("after", &TASKS),
    ]],
));

static SCHEDULE: Shape = Shape::Record(&Record {
    rule: Some(|node| (node.field("read").is_some() && node.field("on").is_none()).then_some("`read` needs `on`")),
    ..record(
        "schedule",
        &[&[
            may("every", &DURATION),
            may("cron", &TEXT),
            may("after", &DURATION),
            may("on", &CONSUMPTION),
            may("read", &READ),
        ]],
    )
});

static EVALUATE: Shape =
    Shape::Record(&record("evaluate", &[&[may("language", &TEXT), may("mode", &Shape::Words(&["strict", "loose"]))]]));

pub(super) static INPUT: Shape =
    Shape::Record(&record("input", &[&[may("schema", &SCHEMA), may("from", &TEXT_OR_OBJECT)]]));
pub(super) static OUTPUT: Shape =
    Shape::Record(&record("output", &[&[may("schema", &SCHEMA), may("as", &TEXT_OR_OBJECT)]]));
pub(super) static EXPORT: Shape =
    Shape::Record(&record("export", &[&[may("schema", &SCHEMA), may("as", &TEXT_OR_OBJECT)]]));

static SCHEMA: Shape = Shape::Record(&Record {
    one_of: &[&["document", "resource"]],
    ..record("a schema", &[&[may("format", &TEXT), may("document", &ANYTHING), may("resource", &RESOURCE)]])
});

pub(super) static RESOURCE: Shape =
    Shape::Record(&record("a resource", &[&[may("name", &TEXT), must("endpoint", &ENDPOINT)]]));

pub(super) static ENDPOINT: Shape = Shape::Either(&[
    Shape::Form(&forms::EXPRESSION),
    Shape::Form(&forms::URI),
    Shape::Record(&record(
        "an endpoint",
        &[&[must("uri", &URI_OR_EXPRESSION), may("authentication", &AUTHENTICATION_OR_USE)]],
    )),
]);

static TIMEOUT_POLICY: Shape = Shape::Record(&TIMEOUT_RECORD);
static TIMEOUT_RECORD: Record = record("a timeout", &[&[must("after", &DURATION)]]);
pub(super) static TIMEOUT: Shape = Shape::Either(&[Shape::Record(&TIMEOUT_RECORD), Shape::Text]);

pub(super) static DURATION: Shape = Shape::Either(&[
    Shape::Record(&Record {
        rule: Some(|node| {
            matches!(&node.content, Content::Object(fields) if fields.is_empty())
                .then_some("a duration must not be empty")
        }),
        ..record(
            "a duration",
            &[&[
                may("days", &INTEGER),
                may("hours", &INTEGER),
                may("minutes", &INTEGER),
                may("seconds", &INTEGER),
                may("milliseconds", &INTEGER),
            ]],
        )
    }),
    Shape::Form(&forms::DURATION),
    Shape::Form(&forms::EXPRESSION),
]);

pub(super) static ERROR: Shape = Shape::Record(&ERROR_RECORD);
pub(super) static ERROR_RECORD: Record = record(
    "an error",
    &[&[
        must("type", &URI_OR_EXPRESSION),
        must("status", &INTEGER),
        may("instance", &TEXT),
        may("title", &TEXT),
        may("detail", &TEXT),
    ]],
);

pub(super) static RETRY_POLICY: Shape = Shape::Record(&RETRY_RECORD);
pub(super) static RETRY_RECORD: Record = record(
    "a retry policy",
    &[&[
        may("when", &TEXT),
        may("exceptWhen", &TEXT),
        may("delay", &DURATION),
        may("backoff", &BACKOFF),
        may("limit", &RETRY_LIMIT),
        may("jitter", &Shape::Record(&record("jitter", &[&[must("from", &DURATION), must("to", &DURATION)]]))),
    ]],
);

static BACKOFF: Shape = Shape::Record(&Record {
    one_of: &[&["constant", "exponential", "linear"]],
    ..record("backoff", &[&[may("constant", &OBJECT), may("exponential", &OBJECT), may("linear", &OBJECT)]])
});

static RETRY_LIMIT: Shape = Shape::Record(&record(
    "a limit of retries",
    &[&[
        may(
            "attempt",
            &Shape::Record(&record("a limit of attempts", &[&[may("count", &INTEGER), may("duration", &DURATION)]])),
        ),
        may("duration", &DURATION),
    ]],
));

pub(super) static READ: Shape = Shape::Words(&["data", "envelope", "raw"]);

static EVENT_FIELDS: &[Field] = &[
    may("id", &TEXT),
    may("source", &URI_OR_EXPRESSION),
    may("time", &TEXT),
    may("subject", &TEXT),
    may("datacontenttype", &TEXT),
    may("dataschema", &URI_OR_EXPRESSION),
    may("data", &ANYTHING),
];

pub(super) static EVENT: Shape =
    Shape::Record(&Record { is_open: true, ..record("an event", &[EVENT_FIELDS, &[must("type", &TEXT)]]) });

static EVENT_FILTER: Shape = Shape::Record(&record(
    "an event filter",
    &[&[
        must(
            "with",
            &Shape::Record(&Record {
                is_open: true,
                rule: Some(|node: &Node| {
                    matches!(&node.content, Content::Object(fields) if fields.is_empty()).then_some("must not be empty")
                }),
                ..record("the properties of an event", &[EVENT_FIELDS, &[may("type", &TEXT)]])
            }),
        ),
        may("correlate", &Shape::Map(&CORRELATION, 0)),
    ]],
));

static CORRELATION: Shape = Shape::Record(&Record {
    is_open: true,
    ..record("a correlation", &[&[must("from", &TEXT), may("expect", &TEXT)]])
});

static EVENT_FILTERS: Shape = Shape::List(&EVENT_FILTER);
static STRATEGY_FIELDS: &[Field] = &[may("all", &EVENT_FILTERS), may("any", &EVENT_FILTERS), may("one", &EVENT_FILTER)];

pub(super) static CONSUMPTION: Shape = Shape::Record(&Record {
    one_of: &[&["all", "any", "one"]],
    rule: Some(|node| (node.field("until").is_some() && node.field("any").is_none()).then_some("`until` needs `any`")),
    ..record("what to listen to", &[STRATEGY_FIELDS, &[may("until", &UNTIL)]])
});

static UNTIL: Shape = Shape::Either(&[
    Shape::Text,
    Shape::Record(&Record { one_of: &[&["all", "any", "one"]], ..record("until", &[STRATEGY_FIELDS]) }),
]);

pub(super) static ITERATOR: Shape = Shape::Record(&record(
    "foreach",
    &[&[may("item", &TEXT), may("at", &TEXT), may("do", &TASKS), may("output", &OUTPUT), may("export", &EXPORT)]],
));

static SECRET: &[Field] = &[may("use", &FILLED)];

static BASIC: Shape = Shape::Record(&Record {
    or_only: Some("use"),
    ..record("basic authentication", &[&[must("username", &TEXT), must("password", &TEXT)], SECRET])
});
static BEARER: Shape = Shape::Record(&Record {
    or_only: Some("use"),
    ..record("bearer authentication", &[&[must("token", &TEXT)], SECRET])
});
static OAUTH2: Shape = Shape::Record(&Record {
    or_only: Some("use"),
    ..record("oauth2 authentication", &[OAUTH_FIELDS, &[may("endpoints", &OAUTH_ENDPOINTS)], SECRET])
});
static OIDC: Shape =
    Shape::Record(&Record { or_only: Some("use"), ..record("oidc authentication", &[OAUTH_FIELDS, SECRET]) });

static OAUTH_ENDPOINTS: Shape = Shape::Record(&Record {
    is_open: true,
    ..record("endpoints", &[&[may("token", &TEXT), may("revocation", &TEXT), may("introspection", &TEXT)]])
});

static OAUTH_FIELDS: &[Field] = &[
    must("authority", &URI),
    must(
        "grant",
        &Shape::Words(&[
            "authorization_code",
            "client_credentials",
            "password",
            "refresh_token",
            "urn:ietf:params:oauth:grant-type:token-exchange",
        ]),
    ),
    may("client", &OAUTH_CLIENT),
    may("request", &OAUTH_REQUEST),
    may("issuers", &TEXTS),
    may("scopes", &TEXTS),
    may("audiences", &TEXTS),
    may("username", &TEXT),
    may("password", &TEXT),
    may("subject", &OAUTH_TOKEN),
    may("actor", &OAUTH_TOKEN),
];

static OAUTH_CLIENT: Shape = Shape::Record(&record(
    "an OAuth client",
    &[&[
        may("id", &TEXT),
        may("secret", &TEXT),
        may("assertion", &TEXT),
        may(
            "authentication",
            &Shape::Words(&[
                "client_secret_basic",
                "client_secret_post",
                "client_secret_jwt",
                "private_key_jwt",
                "none",
            ]),
        ),
    ]],
));

static OAUTH_REQUEST: Shape = Shape::Record(&Record {
    is_open: true,
    ..record(
        "request",
        &[&[may("encoding", &Shape::Words(&["application/x-www-form-urlencoded", "application/json"]))]],
    )
});

static OAUTH_TOKEN: Shape = Shape::Record(&record("a token", &[&[must("token", &TEXT), must("type", &TEXT)]]));

static AUTHENTICATION_FIELDS: &[Field] =
    &[may("basic", &BASIC), may("bearer", &BEARER), may("digest", &BASIC), may("oauth2", &OAUTH2), may("oidc", &OIDC)];
static AUTHENTICATION: Shape = Shape::Record(&Record {
    is_open: true,
    one_of: &[&["basic", "bearer", "digest", "oauth2", "oidc"]],
    ..record("an authentication", &[AUTHENTICATION_FIELDS])
});
pub(super) static AUTHENTICATION_OR_USE: Shape = Shape::Record(&Record {
    one_of: &[&["use", "basic", "bearer", "digest", "oauth2", "oidc"]],
    ..record("authentication", &[AUTHENTICATION_FIELDS, SECRET])
});
