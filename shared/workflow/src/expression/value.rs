//! JSON values that count what is done with them.

use super::{
    json,
    meter::{self, DEPTH, Stop, VALUE_BYTES},
};
use jaq_core::{Error, ValR, ValT, ValX, box_iter::BoxIter, path::Opt, val::Range};
use jaq_json::{Num, Val};
use std::{cmp::Ordering, fmt, rc::Rc};

/// Bytes of a value beside its text.
const CELL_BYTES: usize = 16;

/// What is measured at once, so that bounds of small values are exact.
const SMALL_BYTES: usize = 512;

/// A value with upper bounds of its size in bytes and of its depth. The bounds are exact again whenever
/// they would forbid a value.
#[derive(Debug)]
pub(super) struct Metered {
    pub(super) value: Val,
    bytes: usize,
    depth: usize,
}

/// Size and depth of a value, as far as `most` bytes.
fn measure(value: &Val, most: usize) -> (usize, usize) {
    let mut total = (CELL_BYTES, 0);
    let mut add = |child: &Val| {
        if total.0 <= most {
            let (bytes, depth) = measure(child, most - total.0);
            total = (total.0 + bytes, total.1.max(depth + 1));
        }
    };
    match value {
        Val::Arr(items) => items.iter().for_each(add),
        Val::Obj(fields) => fields.iter().for_each(|(key, value)| {
            add(key);
            add(value);
        }),
        Val::TStr(text) | Val::BStr(text) => total.0 += text.len(),
        Val::Null | Val::Bool(_) | Val::Num(_) => {}
    }
    total
}

impl Metered {
    /// A value whose size and depth are at most those given.
    pub(super) fn bounded(value: Val, bytes: usize, depth: usize) -> Self {
        // Integers beyond a machine's word are floats, as in jq: exact ones grow without bound.
        let value = match value {
            Val::Num(Num::BigInt(_) | Num::Dec(_)) => jaq_std::ValT::as_f64(&value).unwrap_or(f64::NAN).into(),
            value => value,
        };
        let is_container = matches!(value, Val::Arr(_) | Val::Obj(_));
        let (mut bytes, mut depth) = match &value {
            Val::Arr(_) | Val::Obj(_) => (bytes, depth),
            Val::TStr(text) | Val::BStr(text) => (CELL_BYTES + text.len(), 0),
            Val::Null | Val::Bool(_) | Val::Num(_) => (CELL_BYTES, 0),
        };
        if is_container && (bytes > VALUE_BYTES || depth > DEPTH) {
            (bytes, depth) = measure(&value, VALUE_BYTES);
            meter::charge_bytes(bytes);
        }
        if bytes > VALUE_BYTES {
            meter::stop(Stop::Size);
        }
        if depth > DEPTH {
            meter::stop(Stop::Depth);
        }
        Self { value, bytes, depth }
    }

    /// A value whose size is not known yet.
    pub(super) fn measured(value: Val) -> Self {
        let (bytes, depth) = measure(&value, VALUE_BYTES);
        meter::charge_bytes(bytes);
        Self::bounded(value, bytes, depth)
    }

    /// A text made from `bytes` that were looked at.
    pub(super) fn text(text: impl Into<Vec<u8>>) -> Self {
        Self::measured(Val::utf8_str(text.into()))
    }

    /// A part of a value with these bounds; small parts are measured.
    pub(super) fn part(value: Val, bytes: usize, depth: usize) -> Self {
        match measure(&value, SMALL_BYTES) {
            (exact, deep) if exact <= SMALL_BYTES => Self::bounded(value, exact, deep),
            _ => Self::bounded(value, bytes, depth.saturating_sub(1)),
        }
    }

    pub(super) fn depth(&self) -> usize {
        self.depth
    }

    /// Copies of this value cost what a change of it costs: nothing unless it is shared.
    fn charge_change(&self) {
        let shared = match &self.value {
            Val::Arr(items) => Rc::strong_count(items) > 1,
            Val::Obj(fields) => Rc::strong_count(fields) > 1,
            _ => true,
        };
        meter::charge_bytes(if shared { self.bytes } else { 0 });
    }

    /// A text as it is, anything else as JSON.
    pub(super) fn plain(&self) -> String {
        match &self.value {
            Val::TStr(text) => String::from_utf8_lossy(text).into_owned(),
            other => json::text(other),
        }
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    fn both(self, other: Self, operate: impl FnOnce(Val, Val) -> jaq_json::ValR) -> ValR<Self> {
        self.charge_change();
        meter::charge_bytes(other.bytes);
        let (bytes, depth) = (self.bytes.saturating_add(other.bytes), self.depth.max(other.depth));
        operate(self.value, other.value).map(|value| Self::bounded(value, bytes, depth)).map_err(fault)
    }
}

/// An error of jaq's own values.
pub(super) fn fault(error: jaq_json::Error) -> Error<Metered> {
    Error::new(Metered::measured(error.into_val()))
}

impl Clone for Metered {
    fn clone(&self) -> Self {
        meter::charge(1);
        Self { value: self.value.clone(), bytes: self.bytes, depth: self.depth }
    }
}

impl fmt::Display for Metered {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        meter::charge_bytes(self.bytes);
        formatter.write_str(&json::text(&self.value))
    }
}

impl PartialEq for Metered {
    fn eq(&self, other: &Self) -> bool {
        meter::charge_bytes(self.bytes.min(other.bytes));
        self.value == other.value
    }
}

impl Eq for Metered {}

impl PartialOrd for Metered {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Metered {
    fn cmp(&self, other: &Self) -> Ordering {
        // Objects are sorted to be compared, so both sides count.
        let is_container =
            matches!((&self.value, &other.value), (Val::Obj(_) | Val::Arr(_), Val::Obj(_) | Val::Arr(_)));
        meter::charge_bytes(if is_container { self.bytes.saturating_add(other.bytes) } else { CELL_BYTES });
        self.value.cmp(&other.value)
    }
}

macro_rules! from_scalar {
    ($($scalar:ty),*) => {$(
        impl From<$scalar> for Metered {
            fn from(scalar: $scalar) -> Self {
                Self::bounded(Val::from(scalar), CELL_BYTES, 0)
            }
        }
    )*};
}
from_scalar!(bool, isize, usize, f64);

impl From<String> for Metered {
    fn from(text: String) -> Self {
        Self::text(text)
    }
}

impl From<Range<Metered>> for Metered {
    fn from(range: Range<Self>) -> Self {
        Self::measured(Val::from(range.start.map(|start| start.value)..range.end.map(|end| end.value)))
    }
}

impl FromIterator<Self> for Metered {
    fn from_iter<T: IntoIterator<Item = Self>>(items: T) -> Self {
        let (mut bytes, mut depth) = (CELL_BYTES, 0);
        let values: Vec<Val> = items
            .into_iter()
            .map(|item| {
                meter::charge(1);
                bytes = bytes.saturating_add(item.bytes);
                depth = depth.max(item.depth + 1);
                item.value
            })
            .collect();
        Self::bounded(Val::Arr(Rc::new(values)), bytes, depth)
    }
}

impl std::ops::Add for Metered {
    type Output = ValR<Self>;
    fn add(self, other: Self) -> Self::Output {
        self.both(other, |left, right| left + right)
    }
}

impl std::ops::Sub for Metered {
    type Output = ValR<Self>;
    fn sub(self, other: Self) -> Self::Output {
        // Each element is looked up among the others.
        meter::charge_bytes(self.bytes);
        self.both(other, |left, right| left - right)
    }
}

impl std::ops::Mul for Metered {
    type Output = ValR<Self>;
    fn mul(self, other: Self) -> Self::Output {
        let repeated = match (&self.value, &other.value) {
            (Val::TStr(text) | Val::BStr(text), Val::Num(times))
            | (Val::Num(times), Val::TStr(text) | Val::BStr(text)) => {
                let times = times.as_isize().and_then(|times| usize::try_from(times).ok()).unwrap_or(0);
                text.len().saturating_mul(times)
            }
            _ => 0,
        };
        if repeated > VALUE_BYTES {
            meter::stop(Stop::Size);
        }
        meter::charge_bytes(repeated);
        let (bytes, depth) = (self.bytes + other.bytes + repeated, self.depth.max(other.depth));
        self.both(other, |left, right| left * right).map(|product| Self::bounded(product.value, bytes, depth))
    }
}

impl std::ops::Div for Metered {
    type Output = ValR<Self>;
    fn div(self, other: Self) -> Self::Output {
        // A text is split into at most one text a byte.
        if matches!(self.value, Val::TStr(_) | Val::BStr(_)) {
            meter::charge(self.bytes / 4);
            return (self.value / other.value).map(Self::measured).map_err(fault);
        }
        self.both(other, |left, right| left / right)
    }
}

impl std::ops::Rem for Metered {
    type Output = ValR<Self>;
    fn rem(self, other: Self) -> Self::Output {
        self.both(other, |left, right| left % right)
    }
}

impl std::ops::Neg for Metered {
    type Output = ValR<Self>;
    fn neg(self) -> Self::Output {
        (-self.value).map(Self::measured).map_err(fault)
    }
}

impl ValT for Metered {
    fn from_num(text: &str) -> ValR<Self> {
        let value = text.parse::<isize>().map(Val::from).or_else(|_| text.parse::<f64>().map(Val::from));
        value.map(Self::measured).map_err(|_| Error::str(format_args!("{text} is not a number")))
    }

    fn from_map<I: IntoIterator<Item = (Self, Self)>>(fields: I) -> ValR<Self> {
        let (mut bytes, mut depth, mut map) = (CELL_BYTES, 0, jaq_json::Map::default());
        for (key, value) in fields {
            meter::charge(1);
            if !matches!(key.value, Val::TStr(_)) {
                return Err(Error::str(format_args!("{key} cannot be the name of a field; names are strings")));
            }
            bytes = bytes.saturating_add(key.bytes).saturating_add(value.bytes);
            depth = depth.max(value.depth + 1);
            map.insert(key.value, value.value);
        }
        Ok(Self::bounded(Val::obj(map), bytes, depth))
    }

    fn key_values(self) -> BoxIter<'static, ValR<(Self, Self), Self>> {
        self.charge_change();
        let (bytes, depth) = (self.bytes, self.depth);
        Box::new(self.value.key_values().map(move |pair| {
            meter::charge(1);
            let (key, value) = pair.map_err(fault)?;
            Ok((Self::part(key, bytes, depth), Self::part(value, bytes, depth)))
        }))
    }

    fn values(self) -> Box<dyn Iterator<Item = ValR<Self>>> {
        self.charge_change();
        let (bytes, depth) = (self.bytes, self.depth);
        Box::new(self.value.values().map(move |value| {
            meter::charge(1);
            value.map(|value| Self::part(value, bytes, depth)).map_err(fault)
        }))
    }

    fn index(self, index: &Self) -> ValR<Self> {
        // Where an array is asked for an array, every place of it is compared.
        meter::charge_bytes(if matches!(index.value, Val::Arr(_)) {
            self.bytes.saturating_mul(index.bytes)
        } else {
            0
        });
        let (bytes, depth) = (self.bytes.saturating_mul(2), self.depth.max(1));
        self.value.index(&index.value).map(|value| Self::part(value, bytes, depth)).map_err(fault)
    }

    fn range(self, range: Range<&Self>) -> ValR<Self> {
        meter::charge_bytes(self.bytes);
        let (bytes, depth) = (self.bytes, self.depth);
        let range = range.start.map(|start| &start.value)..range.end.map(|end| &end.value);
        self.value.range(range).map(|value| Self::bounded(value, bytes, depth)).map_err(fault)
    }

    fn map_values<'a, I: Iterator<Item = ValX<'a, Self>>>(self, opt: Opt, f: impl Fn(Self) -> I) -> ValX<'a, Self> {
        super::update::values(self, opt, f)
    }

    fn map_index<'a, I: Iterator<Item = ValX<'a, Self>>>(
        self,
        index: &Self,
        opt: Opt,
        f: impl Fn(Self) -> I,
    ) -> ValX<'a, Self> {
        super::update::index(self, index, opt, f)
    }

    fn map_range<'a, I: Iterator<Item = ValX<'a, Self>>>(
        self,
        range: Range<&Self>,
        opt: Opt,
        f: impl Fn(Self) -> I,
    ) -> ValX<'a, Self> {
        super::update::range(self, range, opt, f)
    }

    fn as_bool(&self) -> bool {
        self.value.as_bool()
    }

    fn into_string(self) -> Self {
        if matches!(self.value, Val::TStr(_)) {
            return self;
        }
        meter::charge_bytes(self.bytes);
        Self::text(json::text(&self.value))
    }
}

impl jaq_std::ValT for Metered {
    fn into_seq<S: FromIterator<Self>>(self) -> Result<S, Self> {
        if !matches!(self.value, Val::Arr(_)) {
            return Err(self);
        }
        Ok(self.values().filter_map(Result::ok).collect())
    }

    fn is_int(&self) -> bool {
        self.value.is_int()
    }

    fn as_isize(&self) -> Option<isize> {
        self.value.as_isize()
    }

    fn as_f64(&self) -> Option<f64> {
        self.value.as_f64()
    }

    fn is_utf8_str(&self) -> bool {
        self.value.is_utf8_str()
    }

    fn as_bytes(&self) -> Option<&[u8]> {
        meter::charge_bytes(self.bytes);
        self.value.as_bytes()
    }

    fn as_sub_str(&self, sub: &[u8]) -> Self {
        Self::bounded(self.value.as_sub_str(sub), CELL_BYTES + sub.len(), 0)
    }

    fn from_utf8_bytes(bytes: impl AsRef<[u8]> + Send + 'static) -> Self {
        Self::text(bytes.as_ref().to_vec())
    }
}
