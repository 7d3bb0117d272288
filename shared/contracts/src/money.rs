//! Money as an integer: pico-US-dollars (10⁻¹²) in an `i64`, so one value reaches ±9.2 million
//! dollars. Public JSON carries it as a decimal string of dollars, never as a float.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::{borrow::Cow, fmt, iter::Sum, str::FromStr};

const PICO_PER_USD: i64 = 1_000_000_000_000;
const FRACTION_DIGITS: usize = 12;

/// An amount in pico-US-dollars.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PicoUsd(pub i64);

/// Why a text is not an amount of money.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ParseMoneyError {
    /// Not `[-]digits[.digits]`.
    #[error("an amount is written as decimal US dollars, for example \"0.25\"")]
    Malformed,
    /// More precise than a pico-dollar.
    #[error("an amount has at most 12 digits after the point")]
    TooPrecise,
    /// Beyond ±9,223,372 dollars.
    #[error("an amount is at most 9223372 US dollars")]
    TooLarge,
}

impl PicoUsd {
    /// No money.
    pub const ZERO: Self = Self(0);
    /// The largest amount.
    pub const MAX: Self = Self(i64::MAX);

    /// The sum, or nothing when it would overflow.
    #[must_use]
    pub fn checked_add(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Self)
    }

    /// The difference, or nothing when it would overflow.
    #[must_use]
    pub fn checked_sub(self, other: Self) -> Option<Self> {
        self.0.checked_sub(other.0).map(Self)
    }

    /// The sum, held at the largest amount.
    #[must_use]
    pub fn saturating_add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// The price of several quantities at prices per million units, rounded up once to a whole
    /// pico-dollar; held at the largest amount.
    #[must_use]
    pub fn of_quantities(priced: &[(u64, PicoUsd)]) -> Self {
        let micro_pico: i128 =
            priced.iter().map(|(quantity, per_million)| i128::from(*quantity) * i128::from(per_million.0)).sum();
        let pico = micro_pico.div_euclid(1_000_000) + i128::from(micro_pico.rem_euclid(1_000_000) != 0);
        Self(i64::try_from(pico).unwrap_or(i64::MAX))
    }

    /// Dollars as a float: for scores and charts, never for sums.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a score needs no more than 15 digits")]
    pub fn as_usd_f64(self) -> f64 {
        self.0 as f64 / PICO_PER_USD as f64
    }
}

impl Sum for PicoUsd {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::ZERO, Self::saturating_add)
    }
}

impl fmt::Display for PicoUsd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let magnitude = self.0.unsigned_abs();
        let unit = PICO_PER_USD.unsigned_abs();
        let sign = if self.0 < 0 { "-" } else { "" };
        let fraction = format!("{:012}", magnitude % unit);
        let fraction = fraction.trim_end_matches('0');
        let point = if fraction.is_empty() { "" } else { "." };
        write!(f, "{sign}{}{point}{fraction}", magnitude / unit)
    }
}

impl FromStr for PicoUsd {
    type Err = ParseMoneyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (negative, digits) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let numeric = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || !numeric(whole) || !numeric(fraction) || digits.ends_with('.') {
            return Err(ParseMoneyError::Malformed);
        }
        let fraction = fraction.trim_end_matches('0');
        if fraction.len() > FRACTION_DIGITS {
            return Err(ParseMoneyError::TooPrecise);
        }
        let whole: i64 = whole.parse().map_err(|_| ParseMoneyError::TooLarge)?;
        let fraction: i64 = format!("{fraction:0<12}").parse().map_err(|_| ParseMoneyError::Malformed)?;
        let sign = if negative { -1 } else { 1 };
        whole
            .checked_mul(PICO_PER_USD)
            .and_then(|pico| pico.checked_add(fraction))
            .and_then(|pico| pico.checked_mul(sign))
            .map(Self)
            .ok_or(ParseMoneyError::TooLarge)
    }
}

impl Serialize for PicoUsd {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for PicoUsd {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl de::Visitor<'_> for Visitor {
            type Value = PicoUsd;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an amount of US dollars, for example \"0.25\"")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<PicoUsd, E> {
                text.parse().map_err(E::custom)
            }

            // A number is read by its shortest decimal form, which is what its writer typed.
            fn visit_f64<E: de::Error>(self, number: f64) -> Result<PicoUsd, E> {
                number.to_string().parse().map_err(E::custom)
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<PicoUsd, E> {
                number.to_string().parse().map_err(E::custom)
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<PicoUsd, E> {
                number.to_string().parse().map_err(E::custom)
            }
        }

        deserializer.deserialize_any(Visitor)
    }
}

impl JsonSchema for PicoUsd {
    fn schema_name() -> Cow<'static, str> {
        "Usd".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "US dollars as a decimal string with at most 12 fraction digits, for example \"0.00031\". A number is accepted too and read by its shortest decimal form.",
            "type": ["string", "number"],
            "pattern": "^-?[0-9]+(\\.[0-9]{1,12})?$"
        })
    }
}
