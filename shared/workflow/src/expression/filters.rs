//! The filters an expression may use: those of jq that see nothing but their input. There is no
//! environment, no clock, no file, no log and no way to end the process.

use super::{Data, json, meter, value::Metered};
use base64::{Engine as _, engine::general_purpose::STANDARD as STANDARD_BASE64};
use jaq_core::{
    Cv, Error, RunPtr, ValR, ValXs,
    load::parse::Def,
    native::{Filter, Fun, bome, run, unary, v},
};
use jaq_json::Val;
use jaq_std::ValT as _;

/// What is taken of the definitions of jaq's standard library, by name.
const STANDARD: &[&str] = &[
    "null",
    "isboolean",
    "isnumber",
    "isstring",
    "isarray",
    "isobject",
    "nan",
    "infinite",
    "isnan",
    "isinfinite",
    "isfinite",
    "isnormal",
    "abs",
    "type",
    "values",
    "nulls",
    "booleans",
    "numbers",
    "finites",
    "normals",
    "strings",
    "arrays",
    "objects",
    "iterables",
    "scalars",
    "add",
    "min_by",
    "max_by",
    "min",
    "max",
    "unique_by",
    "unique",
    "pick",
    "keys",
    "flatten",
    "@sh",
    "@text",
    "@html",
    "@uri",
    "@base64",
    "@base64d",
];

/// The same of jaq's library for JSON.
const JSON: &[&str] = &["totype", "tonumber", "toboolean", "transpose", "in", "inside", "index", "rindex", "@json"];

/// Definitions in jq.
pub(super) fn definitions() -> impl Iterator<Item = Def<&'static str>> {
    let split = |definition: &Def<&str>| definition.name == "split" && definition.args.len() == 1;
    let standard = jaq_std::defs().filter(move |one| STANDARD.contains(&one.name) || split(one));
    let json = jaq_json::defs().filter(|definition| JSON.contains(&definition.name));
    // `join` of the library copies what it has joined so far for each text.
    let core = jaq_core::defs().filter(|definition| definition.name != "join");
    core.chain(standard).chain(json)
}

/// Filters in Rust.
pub(super) fn natives() -> impl Iterator<Item = Fun<Data>> {
    let standard = jaq_std::base_funs().filter(|(name, ..)| *name != "halt");
    jaq_core::funs().chain(standard).chain(own().into_iter().map(run::<Data>))
}

fn own() -> [Filter<RunPtr<Data>>; 16] {
    [
        ("tojson", v(0), |cv| bome(Ok(Metered::text(text(&cv.1))))),
        ("fromjson", v(0), |cv| bome(from_json(&cv.1))),
        ("length", v(0), |cv| bome(length(&cv.1))),
        ("contains", v(1), |cv| unary(cv, |whole, part| Ok(contains(&whole.value, &part.value).into()))),
        ("has", v(1), |cv| unary(cv, |whole, key| has(&whole, &key))),
        ("indices", v(1), |cv| unary(cv, |whole, part| indices(&whole, &part))),
        ("escape_html", v(0), |cv| bome(of_text(&cv.1, escape_html))),
        ("encode_uri", v(0), |cv| bome(of_text(&cv.1, encode_uri))),
        ("encode_base64", v(0), |cv| bome(of_text(&cv.1, |text| STANDARD_BASE64.encode(text)))),
        ("decode_base64", v(0), |cv| bome(decode_base64(&cv.1))),
        ("join", v(1), |cv| unary(cv, |list, separator| join(list, &separator))),
        ("sqrt", v(0), |cv| bome(number(&cv.1).map(|number| number.sqrt().into()))),
        ("log", v(0), |cv| bome(number(&cv.1).map(|number| number.ln().into()))),
        ("log2", v(0), |cv| bome(number(&cv.1).map(|number| number.log2().into()))),
        ("exp", v(0), |cv| bome(number(&cv.1).map(|number| number.exp().into()))),
        ("pow", v(2), power),
    ]
}

fn power(mut cv: Cv<'_, Data>) -> ValXs<'_, Metered> {
    let (exponent, base) = (cv.0.pop_var(), cv.0.pop_var());
    bome(number(&base).and_then(|base| Ok(base.powf(number(&exponent)?).into())))
}

fn text(value: &Metered) -> String {
    meter::charge_bytes(value.bytes());
    json::text(&value.value)
}

fn number(value: &Metered) -> Result<f64, Error<Metered>> {
    value.as_f64().ok_or_else(|| Error::typ(value.clone(), "number"))
}

fn bytes(value: &Metered) -> Result<&[u8], Error<Metered>> {
    value.as_utf8_bytes().ok_or_else(|| Error::typ(value.clone(), "string"))
}

fn of_text(value: &Metered, change: fn(&[u8]) -> String) -> ValR<Metered> {
    Ok(Metered::text(change(bytes(value)?)))
}

fn join(list: Metered, separator: &Metered) -> ValR<Metered> {
    let parts: Vec<Metered> = list.into_seq().map_err(|other: Metered| Error::typ(other, "array"))?;
    let mut joined = Vec::new();
    for (index, part) in parts.into_iter().enumerate() {
        if index > 0 {
            joined.extend_from_slice(bytes(separator)?);
        }
        match &part.value {
            Val::Null => {}
            Val::Arr(_) | Val::Obj(_) => return Err(Error::typ(part, "text, number, boolean or null")),
            _ => joined.extend_from_slice(part.plain().as_bytes()),
        }
        meter::charge_bytes(part.bytes().saturating_add(separator.bytes()));
        if joined.len() > meter::VALUE_BYTES {
            meter::stop(meter::Stop::Size);
        }
    }
    Ok(Metered::text(joined))
}

fn from_json(value: &Metered) -> ValR<Metered> {
    // serde_json refuses what is nested too deep.
    let parsed: serde_json::Value = serde_json::from_slice(bytes(value)?)
        .map_err(|fault| Error::str(format_args!("fromjson: the string is not JSON: {fault}")))?;
    Ok(Metered::measured(json::read(&parsed)))
}

fn length(value: &Metered) -> ValR<Metered> {
    meter::charge_bytes(if value.is_utf8_str() { value.bytes() } else { 0 });
    match &value.value {
        Val::Null => Ok(0_usize.into()),
        Val::TStr(text) | Val::BStr(text) => Ok(String::from_utf8_lossy(text).chars().count().into()),
        Val::Arr(items) => Ok(items.len().into()),
        Val::Obj(fields) => Ok(fields.len().into()),
        Val::Num(_) => value.as_isize().map_or_else(
            || number(value).map(|number| number.abs().into()),
            |number| Ok(number.checked_abs().map_or_else(|| (number as f64).abs().into(), Metered::from)),
        ),
        Val::Bool(_) => Err(Error::str(format_args!("{value} has no length"))),
    }
}

fn contains(whole: &Val, part: &Val) -> bool {
    meter::charge(1);
    match (whole, part) {
        (Val::TStr(whole), Val::TStr(part)) => {
            meter::charge_bytes(whole.len());
            String::from_utf8_lossy(whole).contains(&*String::from_utf8_lossy(part))
        }
        (Val::Arr(whole), Val::Arr(part)) => part.iter().all(|part| whole.iter().any(|one| contains(one, part))),
        (Val::Obj(whole), Val::Obj(part)) => {
            part.iter().all(|(name, part)| whole.get(name).is_some_and(|one| contains(one, part)))
        }
        _ => whole == part,
    }
}

fn has(whole: &Metered, key: &Metered) -> ValR<Metered> {
    match (&whole.value, &key.value) {
        (Val::Obj(fields), Val::TStr(_)) => Ok(fields.contains_key(&key.value).into()),
        (Val::Arr(items), Val::Num(_)) => {
            let place = key.as_isize().and_then(|place| usize::try_from(place).ok());
            Ok(place.is_some_and(|place| place < items.len()).into())
        }
        _ => Err(Error::index(whole.clone(), key.clone())),
    }
}

fn indices(whole: &Metered, part: &Metered) -> ValR<Metered> {
    meter::charge_bytes(whole.bytes().saturating_mul(1 + part.bytes() / 32));
    let places: Vec<usize> = match (&whole.value, &part.value) {
        (Val::TStr(_), Val::TStr(_)) => {
            let (whole, part) = (String::from_utf8_lossy(bytes(whole)?), String::from_utf8_lossy(bytes(part)?));
            let begins = |start: usize| whole.get(start..).is_some_and(|rest| rest.starts_with(&*part));
            let starts = whole.char_indices().enumerate().filter(|(_, (start, _))| !part.is_empty() && begins(*start));
            starts.map(|(place, _)| place).collect()
        }
        (Val::Arr(_), Val::Arr(part)) if part.is_empty() => Vec::new(),
        (Val::Arr(whole), Val::Arr(part)) => {
            let windows = whole.windows(part.len()).enumerate();
            windows.filter(|(_, window)| *window == part.as_slice()).map(|(place, _)| place).collect()
        }
        (Val::Arr(whole), _) => {
            whole.iter().enumerate().filter(|(_, one)| **one == part.value).map(|(place, _)| place).collect()
        }
        (Val::Null, _) => return Ok(Metered::measured(Val::Null)),
        _ => return Err(Error::index(whole.clone(), part.clone())),
    };
    Ok(places.into_iter().map(Metered::from).collect())
}

fn escape_html(text: &[u8]) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in String::from_utf8_lossy(text).chars() {
        match character {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '\'' => escaped.push_str("&#39;"),
            '"' => escaped.push_str("&quot;"),
            other => escaped.push(other),
        }
    }
    escaped
}

fn encode_uri(text: &[u8]) -> String {
    let encode = |byte: &u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => char::from(*byte).to_string(),
        other => format!("%{other:02X}"),
    };
    text.iter().map(encode).collect()
}

fn decode_base64(value: &Metered) -> ValR<Metered> {
    STANDARD_BASE64
        .decode(bytes(value)?)
        .ok()
        .map(Metered::text)
        .ok_or_else(|| Error::str("@base64d: the string is not base64"))
}
