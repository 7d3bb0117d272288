//! The tables of what Neptune says beyond the official schema, for people who write workflows and for whoever has the
//! same words elsewhere.

use super::{Record, Shape, functions, meaning};
use crate::definition::Builtin;
use std::fmt::Write as _;

/// Arguments of Neptune's functions and the fields of `metadata.neptune`, as Markdown.
#[must_use]
pub fn reference() -> String {
    let mut text = String::new();
    for function in Builtin::ALL {
        section(&mut text, &format!("`call: {}:1.0.0@default`", function.name()), functions::arguments_of(function));
    }
    section(&mut text, "`route` of a model, described", &functions::ROUTE_RECORD);
    section(&mut text, "`document.metadata.neptune`", &functions::WORKFLOW_SETTINGS);
    section(&mut text, "`document.metadata.neptune.concurrency`", &functions::CONCURRENCY);
    section(&mut text, "`metadata.neptune` of a task", &functions::TASK_SETTINGS);
    text
}

fn section(text: &mut String, title: &str, record: &Record) {
    let mut told = format!("### {title}\n\n| field | is | says |\n| --- | --- | --- |\n");
    for field in record.fields.iter().copied().flatten() {
        let is = meaning(field.shape).replace(" or an expression `${ … }`", "");
        let needed = if field.is_required { ", needed" } else { "" };
        // Writing to a text cannot fail.
        let _written = writeln!(told, "| `{}` | {is}{needed} | {} |", field.name, field.note);
    }
    for group in record.one_of {
        let _written = writeln!(told, "\nExactly one of {}.", group.join(", "));
    }
    told.push('\n');
    text.push_str(&told);
}

/// The words that an argument of one of Neptune's functions may be, if it is one of a few.
#[must_use]
pub fn words(function: Builtin, argument: &str) -> Option<&'static [&'static str]> {
    let mut fields = functions::arguments_of(function).fields.iter().copied().flatten();
    words_of(fields.find(|field| field.name == argument)?.shape)
}

fn words_of(shape: &'static Shape) -> Option<&'static [&'static str]> {
    match shape {
        Shape::Words(words) => Some(words),
        Shape::Either(shapes) => shapes.iter().find_map(words_of),
        _ => None,
    }
}
