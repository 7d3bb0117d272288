//! Changes of parts of values (`|=`, `=`, `del`), as jq makes them: what is missing is made.

use super::{meter, value::Metered};
use jaq_core::{Error, Exn, ValT as _, ValX, path::Opt, val::Range};
use jaq_json::Val;
use std::rc::Rc;

/// How far beyond its end an array is filled with null.
const FILL_ITEMS: usize = 1_000;

fn refuse<'a>(value: Metered, opt: Opt, wanted: &'static str) -> ValX<'a, Metered> {
    match opt {
        Opt::Essential => Err(Exn::from(Error::typ(value, wanted))),
        Opt::Optional => Ok(value),
    }
}

/// `.[] |= f`.
pub(super) fn values<'a, I: Iterator<Item = ValX<'a, Metered>>>(
    whole: Metered,
    opt: Opt,
    f: impl Fn(Metered) -> I,
) -> ValX<'a, Metered> {
    match whole.value {
        Val::Arr(_) => {
            let mut items = Vec::new();
            for item in whole.values() {
                for changed in f(item?) {
                    items.push(changed?);
                }
            }
            Ok(items.into_iter().collect())
        }
        Val::Obj(_) => {
            let mut fields = Vec::new();
            for pair in whole.key_values() {
                let (key, value) = pair?;
                if let Some(changed) = f(value).next().transpose()? {
                    fields.push((key, changed));
                }
            }
            Ok(Metered::from_map(fields)?)
        }
        _ => refuse(whole, opt, "iterable (array or object)"),
    }
}

/// `.[index] |= f`.
pub(super) fn index<'a, I: Iterator<Item = ValX<'a, Metered>>>(
    whole: Metered,
    index: &Metered,
    opt: Opt,
    f: impl Fn(Metered) -> I,
) -> ValX<'a, Metered> {
    if let (Val::Arr(_) | Val::TStr(_), Val::Obj(bounds)) = (&whole.value, &index.value) {
        let bound = |name: &str| bounds.get(&Val::utf8_str(name.to_owned())).cloned().map(Metered::measured);
        let (start, end) = (bound("start"), bound("end"));
        return range(whole, start.as_ref()..end.as_ref(), opt, f);
    }
    match (&whole.value, &index.value) {
        (Val::Obj(_) | Val::Null, Val::TStr(_)) => field(whole, index, f),
        (Val::Arr(_) | Val::Null, Val::Num(_)) => item(whole, index, opt, f),
        _ => refuse(whole, opt, "iterable (array or object)"),
    }
}

fn field<'a, I: Iterator<Item = ValX<'a, Metered>>>(
    whole: Metered,
    name: &Metered,
    f: impl Fn(Metered) -> I,
) -> ValX<'a, Metered> {
    let (bytes, depth) = (whole.bytes() + name.bytes(), whole.depth());
    let mut fields = match whole.value {
        Val::Obj(fields) => fields,
        _ => Rc::default(),
    };
    // Only what is shared is copied.
    meter::charge_bytes(if Rc::strong_count(&fields) > 1 { bytes } else { 0 });
    let map = Rc::make_mut(&mut fields);
    let before = map.get_mut(&name.value).map(std::mem::take).unwrap_or_default();
    let after = f(Metered::part(before, bytes, depth)).next().transpose()?;
    let (bytes, depth) = match after {
        Some(after) => {
            let grown = (bytes + after.bytes(), depth.max(after.depth() + 1));
            map.insert(name.value.clone(), after.value);
            grown
        }
        None => {
            meter::charge_bytes(bytes);
            map.shift_remove(&name.value);
            (bytes, depth)
        }
    };
    Ok(Metered::bounded(Val::Obj(fields), bytes, depth))
}

fn item<'a, I: Iterator<Item = ValX<'a, Metered>>>(
    whole: Metered,
    index: &Metered,
    opt: Opt,
    f: impl Fn(Metered) -> I,
) -> ValX<'a, Metered> {
    let mut items = match &whole.value {
        Val::Arr(items) => items.to_vec(),
        _ => Vec::new(),
    };
    meter::charge_bytes(whole.bytes());
    let place = jaq_std::ValT::as_isize(index).and_then(|place| {
        let place = if place < 0 { place.checked_add_unsigned(items.len())? } else { place };
        usize::try_from(place).ok().filter(|place| *place < items.len() + FILL_ITEMS)
    });
    let Some(place) = place else {
        return refuse(whole, opt, "array that long");
    };
    let before = items.get(place).cloned().unwrap_or_default();
    let after = f(Metered::measured(before)).next().transpose()?;
    match after {
        Some(after) => {
            items.resize(items.len().max(place + 1), Val::Null);
            if let Some(slot) = items.get_mut(place) {
                *slot = after.value;
            }
        }
        None if place < items.len() => {
            items.remove(place);
        }
        None => {}
    }
    Ok(Metered::measured(Val::Arr(Rc::new(items))))
}

/// `.[start:end] |= f`.
pub(super) fn range<'a, I: Iterator<Item = ValX<'a, Metered>>>(
    whole: Metered,
    range: Range<&Metered>,
    opt: Opt,
    f: impl Fn(Metered) -> I,
) -> ValX<'a, Metered> {
    if !matches!(whole.value, Val::Arr(_) | Val::TStr(_)) {
        return refuse(whole, opt, "array or string");
    }
    let before = range.start.map(|start| whole.clone().range(None..Some(start))).transpose()?;
    let after = range.end.map(|end| whole.clone().range(Some(end)..None)).transpose()?;
    let changed = f(whole.range(range)?).next().transpose()?;
    let mut joined = Metered::measured(Val::Null);
    for part in [before, changed, after].into_iter().flatten() {
        joined = (joined + part)?;
    }
    Ok(joined)
}
