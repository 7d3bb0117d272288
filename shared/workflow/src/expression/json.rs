//! Values of expressions from JSON and back.

use jaq_json::{Num, Val};
use serde_json::{Map, Number, Value};
use std::rc::Rc;

/// The largest whole number that a float holds exactly, plus one.
const WHOLE: f64 = 9_007_199_254_740_992.0;

/// A value of an expression.
pub(super) fn read(value: &Value) -> Val {
    match value {
        Value::Null => Val::Null,
        Value::Bool(flag) => Val::Bool(*flag),
        Value::Number(number) => number
            .as_i64()
            .and_then(|number| isize::try_from(number).ok())
            .map_or_else(|| Val::from(number.as_f64().unwrap_or(f64::NAN)), Val::from),
        Value::String(text) => Val::utf8_str(text.clone().into_bytes()),
        Value::Array(items) => Val::Arr(Rc::new(items.iter().map(read).collect())),
        Value::Object(fields) => Val::obj(
            fields.iter().map(|(name, value)| (Val::utf8_str(name.clone().into_bytes()), read(value))).collect(),
        ),
    }
}

/// JSON; what JSON does not have (infinity, not a number) is null, as in jq.
pub(super) fn write(value: &Val) -> Value {
    match value {
        Val::Null => Value::Null,
        Val::Bool(flag) => Value::Bool(*flag),
        Val::Num(number) => write_number(number),
        Val::TStr(text) | Val::BStr(text) => Value::String(String::from_utf8_lossy(text).into_owned()),
        Val::Arr(items) => Value::Array(items.iter().map(write).collect()),
        Val::Obj(fields) => {
            let field = |(name, value): (&Val, &Val)| match name {
                Val::TStr(name) => (String::from_utf8_lossy(name).into_owned(), write(value)),
                other => (text(other), write(value)),
            };
            Value::Object(fields.iter().map(field).collect::<Map<_, _>>())
        }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the float is whole and below 2^53")]
fn write_number(number: &Num) -> Value {
    if let Some(whole) = number.as_isize() {
        return Value::from(whole as i64);
    }
    match jaq_std::ValT::as_f64(&Val::Num(number.clone())) {
        Some(float) if float.fract() == 0.0 && float.abs() < WHOLE => Value::from(float as i64),
        Some(float) => Number::from_f64(float).map_or(Value::Null, Value::Number),
        None => Value::Null,
    }
}

/// JSON as text.
pub(super) fn text(value: &Val) -> String {
    write(value).to_string()
}
