//! `schemas/asyncapi.yaml` (AsyncAPI 3.0) and the names of the schema files.

use crate::{
    catalogue::CATALOGUE,
    names::Service,
    subject::{parameter_names, required},
};
use std::fmt::Write as _;

/// Name of a message's schema file without its ending: the subject without its parameters.
#[must_use]
pub fn schema_name(subject: &str) -> &str {
    crate::subject::stem(subject)
}

/// The document. Each message is a channel; each service sends and receives on it.
#[must_use]
pub fn asyncapi() -> String {
    let mut page = String::from(
        "# Generated from the message catalogue by `make schemas`. Do not edit.\nasyncapi: 3.0.0\ninfo:\n  title: Neptune\n  version: 1.0.0\n  \
         description: Messages of the Neptune control plane over NATS JetStream. Headers carry CloudEvents 1.0 attributes in binary mode and W3C trace context.\n\
         defaultContentType: application/json\nservers:\n  local:\n    host: 127.0.0.1:14222\n    protocol: nats\nchannels:\n",
    );
    for entry in CATALOGUE {
        let address = required(entry.subject).replace('<', "{").replace('>', "}");
        put(
            &mut page,
            &format!(
                "  {}:\n    address: neptune.{address}\n    messages:\n      {}:\n        $ref: '#/components/messages/{}'\n",
                entry.name, entry.name, entry.name
            ),
        );
        let names = parameter_names(entry.subject);
        if !names.is_empty() {
            page.push_str("    parameters:\n");
        }
        for name in names {
            put(&mut page, &format!("      {name}:\n        description: The {name}, one token.\n"));
        }
    }
    page.push_str("operations:\n");
    for entry in CATALOGUE {
        operations(&mut page, entry.name, "send", entry.producers);
        operations(&mut page, entry.name, "receive", entry.consumers);
    }
    page.push_str("components:\n  messages:\n");
    for entry in CATALOGUE {
        let file = schema_name(entry.subject);
        put(
            &mut page,
            &format!(
                "    {}:\n      contentType: application/json\n      payload:\n        $ref: './{file}.json'\n",
                entry.name
            ),
        );
    }
    page
}

fn operations(page: &mut String, message: &str, action: &str, services: &[Service]) {
    for service in services {
        put(
            page,
            &format!(
                "  {service}-{action}-{message}:\n    action: {action}\n    channel:\n      $ref: '#/channels/{message}'\n"
            ),
        );
    }
}

fn put(page: &mut String, text: &str) {
    // Writing to a string cannot fail.
    let _written = page.write_str(text);
}
