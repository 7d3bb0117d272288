//! Forms of texts, and what was meant by those that have none.

use super::{Form, Shape};
use crate::{
    fault::nearest,
    schedule::Zone,
    source::{Content, Node},
};
use serde_json::Value;

pub(super) static EXPRESSION: Form = Form { fits: is_expression, meaning: "an expression `${ … }`" };
pub(super) static URI: Form = Form { fits: is_uri, meaning: "a URI or URI template" };
pub(super) static VERSION: Form = Form { fits: is_version, meaning: "a semantic version such as 1.0.0" };
pub(super) static LABEL: Form = Form { fits: is_label, meaning: "up to 63 letters, digits and inner hyphens" };
pub(super) static HOST: Form = Form { fits: is_host, meaning: "a host name" };
pub(super) static FILLED: Form = Form { fits: |text| !text.is_empty(), meaning: "a text that is not empty" };
pub(super) static DURATION: Form = Form { fits: |text| duration_ms(text).is_some(), meaning: "a text such as PT30S" };
pub(super) static ZONE: Form =
    Form { fits: |text| Zone::named(text).is_some(), meaning: "the IANA name of a time zone" };

/// The jq inside of `${ … }`; none if the text is not wrapped so.
#[must_use]
pub fn expression(text: &str) -> Option<&str> {
    let inner = text.trim().strip_prefix("${")?.strip_suffix('}')?;
    (!inner.is_empty()).then_some(inner)
}

fn is_expression(text: &str) -> bool {
    expression(text).is_some_and(|inner| !inner.contains('\n'))
}

fn is_uri(text: &str) -> bool {
    let begins = text.chars().next().is_some_and(|first| !first.is_whitespace());
    let rest = match text.find([':', '/', '?', '#']) {
        Some(at) if at > 0 && text.get(at..).is_some_and(|rest| rest.starts_with(':')) => text.get(at..).unwrap_or(""),
        _ => text,
    };
    begins && !text.starts_with("${") && !rest.contains(char::is_whitespace)
}

fn is_label(text: &str) -> bool {
    let is_inner = |character: char| character.is_ascii_alphanumeric() || character == '-';
    text.len() <= 63 && text.chars().all(is_inner) && !text.is_empty() && !text.starts_with('-') && !text.ends_with('-')
}

fn is_host(text: &str) -> bool {
    is_label(&text.replace('.', "-")) && !text.starts_with('.') && !text.ends_with('.')
}

fn is_version(text: &str) -> bool {
    let (rest, build) = text.split_once('+').map_or((text, None), |(rest, build)| (rest, Some(build)));
    let (core, pre) = rest.split_once('-').map_or((rest, None), |(core, pre)| (core, Some(pre)));
    let is_number = |part: &str| {
        !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()) && (part == "0" || !part.starts_with('0'))
    };
    let is_word =
        |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    let is_pre = |part: &str| is_word(part) && (is_number(part) || part.bytes().any(|byte| !byte.is_ascii_digit()));
    core.split('.').count() == 3
        && core.split('.').all(is_number)
        && pre.is_none_or(|pre| pre.split('.').all(is_pre))
        && build.is_none_or(|build| build.split('.').all(is_word))
}

/// Milliseconds of an ISO 8601 duration; a year is 365 days and a month 30. None if it is none, or too long
/// to be counted.
#[must_use]
pub fn duration_ms(text: &str) -> Option<u64> {
    let rest = text.strip_prefix('P').filter(|rest| !rest.is_empty())?;
    let (date, time) = rest.split_once('T').map_or((rest, None), |(date, time)| (date, Some(time)));
    if time.is_some_and(|time| !time.starts_with(|first: char| first.is_ascii_digit())) {
        return None;
    }
    const DAY_MS: f64 = 86_400_000.0;
    let days = units(date, &[('Y', 365.0 * DAY_MS), ('M', 30.0 * DAY_MS), ('W', 7.0 * DAY_MS), ('D', DAY_MS)])?;
    let hours = units(time.unwrap_or(""), &[('H', 3_600_000.0), ('M', 60_000.0), ('S', 1_000.0)])?;
    whole_ms(days + hours)
}

/// The units of a duration that is written as an object, in milliseconds.
const UNITS: [(&str, u64); 5] =
    [("days", 86_400_000), ("hours", 3_600_000), ("minutes", 60_000), ("seconds", 1_000), ("milliseconds", 1)];

/// Milliseconds of a unit of a duration that is written as an object; none if it is none.
#[must_use]
pub fn unit_ms(name: &str) -> Option<u64> {
    UNITS.iter().find(|(unit, _)| *unit == name).map(|(_, unit_ms)| *unit_ms)
}

/// Milliseconds of a duration that an expression made: a text such as `PT30S`, or an object such as `{seconds: 30}` of
/// whole numbers. None if it is none.
#[must_use]
pub fn length_ms(value: &Value) -> Option<u64> {
    match value {
        Value::String(text) => duration_ms(text),
        Value::Object(fields) if !fields.is_empty() => fields
            .iter()
            .try_fold(0_u64, |sum, (unit, number)| number.as_u64()?.checked_mul(unit_ms(unit)?)?.checked_add(sum)),
        _ => None,
    }
}

/// What was meant by an expression in a unit of a duration, where only a number may stand.
pub(super) fn unit_hint(pointer: &str, node: &Node) -> Option<String> {
    let Content::Text(text) = &node.content else { return None };
    let (unit, inner) = (pointer.rsplit('/').next()?, expression(text)?.trim());
    unit_ms(unit)?;
    Some(format!("an expression makes the whole duration: write `'${{ {{{unit}: ({inner})}} }}'` in its place"))
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the range is checked before")]
fn whole_ms(milliseconds: f64) -> Option<u64> {
    (0.0..9e15).contains(&milliseconds).then_some(milliseconds.round() as u64)
}

/// The sum of numbers with units, each at most once and in this order.
fn units(text: &str, known: &[(char, f64)]) -> Option<f64> {
    let (mut rest, mut known, mut sum) = (text, known.iter(), 0.0);
    while !rest.is_empty() {
        let (number, after) = rest.split_at_checked(rest.find(|one: char| !one.is_ascii_digit() && one != '.')?)?;
        let unit = after.chars().next()?;
        let (_, size) = known.find(|(name, _)| *name == unit)?;
        let is_number = number.split('.').count() <= 2 && number.split('.').all(|part| !part.is_empty());
        sum += number.parse::<f64>().ok().filter(|_| is_number)? * size;
        rest = after.get(1..)?;
    }
    Some(sum)
}

/// What was meant by a text or number where `shape` was expected.
pub(super) fn hint(shape: &Shape, node: &Node) -> Option<String> {
    match (shape, &node.content) {
        (Shape::Form(form), Content::Text(text)) if std::ptr::eq(*form, &raw const DURATION) => plain_duration(text),
        (Shape::Form(form), Content::Number(number)) if std::ptr::eq(*form, &raw const DURATION) => {
            Some(format!("for {number} seconds write `{{seconds: {number}}}`"))
        }
        (Shape::Form(form), Content::Number(number)) if std::ptr::eq(*form, &raw const VERSION) => {
            Some(format!("write it in quotes and with three numbers: '{number}.0'"))
        }
        (Shape::Form(form), Content::Text(text)) if std::ptr::eq(*form, &raw const ZONE) => {
            Some(Zone::near(text).map_or_else(
                || "write a city's, such as `Europe/Berlin`".to_owned(),
                |name| format!("did you mean `{name}`?"),
            ))
        }
        (Shape::Form(_), Content::Text(text)) => wrapper(text),
        (Shape::Words(words), Content::Text(text)) => {
            nearest(text, words.iter().copied()).map(|word| format!("did you mean `{word}`?"))
        }
        (Shape::Text, Content::Number(_) | Content::Flag(_)) => Some("write it in quotes".to_owned()),
        (Shape::Named(..), Content::Object(_)) => Some("begin each entry with `- `".to_owned()),
        _ => None,
    }
}

/// `30s` and the like.
fn plain_duration(text: &str) -> Option<String> {
    let (number, unit) = text.split_at_checked(text.find(|one: char| !one.is_ascii_digit())?)?;
    let unit = match unit.trim() {
        "ms" => "milliseconds",
        "s" | "sec" | "second" | "seconds" => "seconds",
        "m" | "min" | "minute" | "minutes" => "minutes",
        "h" | "hour" | "hours" => "hours",
        "d" | "day" | "days" => "days",
        _ => return None,
    };
    (!number.is_empty()).then(|| format!("write `{{{unit}: {number}}}`"))
}

/// Wrappers of other languages.
pub(crate) fn wrapper(text: &str) -> Option<String> {
    let text = text.trim();
    let inside = |open: &str, close: &str| text.strip_prefix(open).and_then(|rest| rest.strip_suffix(close));
    let inner = inside("${{", "}}").or_else(|| inside("{{", "}}")).or_else(|| inside("$(", ")"))?;
    Some(format!("an expression is written `${{ {} }}`", inner.trim()))
}

/// What the arguments of `model` are called.
const MODEL: &str = "the arguments of model";

/// Fields that are often looked for in the wrong place.
pub(super) fn misplaced(field: &str, record: &str) -> Option<String> {
    let place = match field {
        "retry" | "retries" => "a task is tried again by `try: […]` with `catch: {retry: …}`",
        "needs" | "dependsOn" | "depends_on" => {
            "tasks of a list run in its order; use `fork` for those that run at once"
        }
        "parallel" | "concurrency" => {
            "branches that run at once are `fork: {branches: […]}`; a limit of a loop is `metadata: {neptune: {parallel: …}}`"
        }
        "when" | "condition" => "a task's condition is `if`",
        "steps" | "tasks" => "tasks are listed below `do`",
        "next" | "goto" => "what follows is named by `then`",
        "env" | "environment" => "there is no environment; secrets are named in `use: {secrets: […]}`",
        "prompt" | "model" if record.starts_with("a task") => "arguments of a call stand below `with`",
        "id" | "title" | "description" if record.starts_with("a task") => "notes about a task stand below `metadata`",
        "schema" | "json_schema" | "response_format" | "responseFormat" | "output" if record == MODEL => {
            "what the answer must be is `responseSchema`"
        }
        "system" | "instructions" | "instruction" if record == MODEL => "instructions are `prompt`",
        "user" | "question" | "text" | "content" if record == MODEL => "what it is done with is `input`",
        "timeout" if record.starts_with("the arguments") => "a task's time is `timeout: {after: …}`, beside `with`",
        "maxCostUsd" | "max_cost_usd" if record == MODEL => {
            "a cap on what the task costs is `metadata: {neptune: {maxCostUsd: …}}`, beside `with`"
        }
        "recipient" | "address" | "email" | "url" if record == "the arguments of notify" => "who gets it is `to`",
        "body" | "content" if record == "the arguments of notify" => "what is said is `text`",
        _ => return None,
    };
    Some(place.to_owned())
}
