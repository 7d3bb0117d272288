//! Calls and their arguments.

use super::{
    Field, Record, Shape, forms, functions, may, must,
    parts::{
        ANYTHING, AUTHENTICATION_OR_USE, DURATION, ENDPOINT, EXPRESSION, FLAG, INTEGER, ITERATOR, OBJECT, RESOURCE,
        TEXT, TEXT_MAP, TEXTS,
    },
    record,
    tasks::BASE,
};
use crate::{
    definition::Builtin,
    source::{Content, Node},
};

const MEANING: &str = "a task with `call`";

/// What a call of the function that it names must be; `is_beyond` what the official schema says.
pub(super) fn record_of(task: &Node, is_beyond: bool) -> &'static Record {
    let function = match task.field("call").map(|node| &node.content) {
        Some(Content::Text(function)) => function.as_str(),
        _ => "",
    };
    match function {
        "asyncapi" => &ASYNCAPI,
        "grpc" => &GRPC,
        "http" => &HTTP,
        "openapi" => &OPENAPI,
        "a2a" => &A2A,
        "mcp" => &MCP,
        _ => builtin(function).filter(|_| is_beyond).map_or(&FUNCTION, functions::call_of),
    }
}

/// The function of Neptune that a call names, in any version of the default catalogue.
fn builtin(function: &str) -> Option<Builtin> {
    let name = function.strip_suffix("@default")?;
    Builtin::named(name.split(':').next().unwrap_or_default())
}

static FUNCTION: Record = record(MEANING, &[&[must("call", &TEXT), may("with", &OBJECT)], BASE]);

static OUTPUT: Shape = Shape::Words(&["raw", "content", "response"]);
static TEXTS_OR_EXPRESSION: Shape = Shape::Either(&[Shape::Map(&TEXT, 0), Shape::Form(&forms::EXPRESSION)]);

static HTTP: Record = record(
    MEANING,
    &[
        &[
            must("call", &TEXT),
            must(
                "with",
                &Shape::Record(&record(
                    "the arguments of http",
                    &[&[
                        must("method", &TEXT),
                        must("endpoint", &ENDPOINT),
                        may("headers", &TEXTS_OR_EXPRESSION),
                        may("body", &ANYTHING),
                        may("query", &TEXTS_OR_EXPRESSION),
                        may("output", &OUTPUT),
                        may("redirect", &FLAG),
                    ]],
                )),
            ),
        ],
        BASE,
    ],
);

static OPENAPI: Record = record(
    MEANING,
    &[
        &[
            must("call", &TEXT),
            must(
                "with",
                &Shape::Record(&record(
                    "the arguments of openapi",
                    &[&[
                        must("document", &RESOURCE),
                        must("operationId", &TEXT),
                        may("parameters", &OBJECT),
                        may("authentication", &AUTHENTICATION_OR_USE),
                        may("output", &OUTPUT),
                        may("redirect", &FLAG),
                    ]],
                )),
            ),
        ],
        BASE,
    ],
);

static GRPC: Record = record(
    MEANING,
    &[
        &[
            must("call", &TEXT),
            must(
                "with",
                &Shape::Record(&record(
                    "the arguments of grpc",
                    &[&[
                        must("proto", &RESOURCE),
                        must(
                            "service",
                            &Shape::Record(&record(
                                "a service",
                                &[&[
                                    must("name", &TEXT),
                                    must("host", &Shape::Form(&forms::HOST)),
                                    may("port", &Shape::Whole(0, 65_535)),
                                    may("authentication", &AUTHENTICATION_OR_USE),
                                ]],
                            )),
                        ),
                        must("method", &TEXT),
                        may("arguments", &OBJECT),
                    ]],
                )),
            ),
        ],
        BASE,
    ],
);

static ASYNCAPI: Record = record(
    MEANING,
    &[
        &[
            must("call", &TEXT),
            must(
                "with",
                &Shape::Record(&Record {
                    one_of: &[&["operation", "channel"], &["message", "subscription"]],
                    ..record("the arguments of asyncapi", &[ASYNCAPI_FIELDS])
                }),
            ),
        ],
        BASE,
    ],
);

static ASYNCAPI_FIELDS: &[Field] = &[
    must("document", &RESOURCE),
    may("channel", &TEXT),
    may("operation", &TEXT),
    may("server", &Shape::Record(&record("a server", &[&[must("name", &TEXT), may("variables", &OBJECT)]]))),
    may(
        "protocol",
        &Shape::Words(&[
            "amqp",
            "amqp1",
            "anypointmq",
            "googlepubsub",
            "http",
            "ibmmq",
            "jms",
            "kafka",
            "mercure",
            "mqtt",
            "mqtt5",
            "nats",
            "pulsar",
            "redis",
            "sns",
            "solace",
            "sqs",
            "stomp",
            "ws",
        ]),
    ),
    may("message", &Shape::Record(&record("a message", &[&[may("payload", &OBJECT), may("headers", &OBJECT)]]))),
    may(
        "subscription",
        &Shape::Record(&record(
            "a subscription",
            &[&[may("filter", &EXPRESSION), must("consume", &CONSUME), may("foreach", &ITERATOR)]],
        )),
    ),
    may("authentication", &AUTHENTICATION_OR_USE),
];

static CONSUME: Shape = Shape::Record(&Record {
    one_of: &[&["amount", "while", "until"]],
    ..record(
        "what is consumed",
        &[&[may("for", &DURATION), may("amount", &INTEGER), may("while", &EXPRESSION), may("until", &EXPRESSION)]],
    )
});

static A2A: Record = record(
    MEANING,
    &[
        &[
            must("call", &TEXT),
            must(
                "with",
                &Shape::Record(&record(
                    "the arguments of a2a",
                    &[&[
                        may("agentCard", &RESOURCE),
                        may("server", &ENDPOINT),
                        must(
                            "method",
                            &Shape::Words(&[
                                "message/send",
                                "message/stream",
                                "tasks/get",
                                "tasks/list",
                                "tasks/cancel",
                                "tasks/resubscribe",
                                "tasks/pushNotificationConfig/set",
                                "tasks/pushNotificationConfig/get",
                                "tasks/pushNotificationConfig/list",
                                "tasks/pushNotificationConfig/delete",
                                "agent/getAuthenticatedExtendedCard",
                            ]),
                        ),
                        may("parameters", &Shape::Either(&[Shape::Map(&ANYTHING, 1), Shape::Text])),
                    ]],
                )),
            ),
        ],
        BASE,
    ],
);

static MCP: Record = record(
    MEANING,
    &[
        &[
            must("call", &TEXT),
            must(
                "with",
                &Shape::Record(&Record {
                    is_open: true,
                    ..record(
                        "the arguments of mcp",
                        &[&[
                            may("protocolVersion", &TEXT),
                            must(
                                "method",
                                &Shape::Words(&[
                                    "tools/list",
                                    "tools/call",
                                    "prompts/list",
                                    "prompts/get",
                                    "resources/list",
                                    "resources/read",
                                    "resources/templates/list",
                                ]),
                            ),
                            may("parameters", &Shape::Either(&[Shape::Map(&ANYTHING, 0), Shape::Text])),
                            may("timeout", &DURATION),
                            must("transport", &TRANSPORT),
                            may(
                                "client",
                                &Shape::Record(&Record {
                                    is_open: true,
                                    ..record("a client", &[&[must("name", &TEXT), must("version", &TEXT)]])
                                }),
                            ),
                        ]],
                    )
                }),
            ),
        ],
        BASE,
    ],
);

static TRANSPORT: Shape = Shape::Record(&Record {
    is_open: true,
    one_of: &[&["http", "stdio"]],
    ..record(
        "a transport",
        &[&[
            may(
                "http",
                &Shape::Record(&Record {
                    is_open: true,
                    ..record("an http transport", &[&[must("endpoint", &ENDPOINT), may("headers", &TEXT_MAP)]])
                }),
            ),
            may(
                "stdio",
                &Shape::Record(&Record {
                    is_open: true,
                    ..record(
                        "a stdio transport",
                        &[&[must("command", &TEXT), may("arguments", &TEXTS), may("environment", &TEXT_MAP)]],
                    )
                }),
            ),
            may("options", &TEXT_MAP),
        ]],
    )
});
