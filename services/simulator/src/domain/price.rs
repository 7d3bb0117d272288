//! Money, computed apart from Neptune's own arithmetic so that the two can be compared.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::usage::Usage;

const PICO_DIGITS: usize = 12;

/// Prices in US dollars per million tokens; the same shape as in a Model resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Price {
    /// Prompt tokens.
    pub input_usd_per_mtok: Usd,
    /// Prompt tokens from the cache; as `input_usd_per_mtok` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cached_input_usd_per_mtok: Option<Usd>,
    /// Prompt tokens written to the cache; as `input_usd_per_mtok` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_write_usd_per_mtok: Option<Usd>,
    /// Completion tokens, reasoning included.
    pub output_usd_per_mtok: Usd,
}

/// A non-negative amount in pico-US-dollars (10⁻¹²), written as decimal dollars.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usd(pub u64);

impl Price {
    /// What a call costs in pico-US-dollars: exact, then rounded up once.
    pub fn of(&self, usage: &Usage) -> u64 {
        self.of_percent(usage, 100)
    }

    /// The same at so many percent of the price.
    pub fn of_percent(&self, usage: &Usage, percent: u64) -> u64 {
        let cached_price = self.cached_input_usd_per_mtok.unwrap_or(self.input_usd_per_mtok);
        let cost = |tokens: u64, price: Usd| u128::from(tokens) * u128::from(price.0);
        let write_price = self.cache_write_usd_per_mtok.unwrap_or(self.input_usd_per_mtok);
        let plain = usage.prompt.saturating_sub(usage.cached + usage.written);
        let micro_pico = cost(plain, self.input_usd_per_mtok)
            + cost(usage.written, write_price)
            + cost(usage.cached, cached_price)
            + cost(usage.completion, self.output_usd_per_mtok);
        let micro_pico = micro_pico * u128::from(percent);
        u64::try_from(micro_pico.div_ceil(100_000_000)).unwrap_or(u64::MAX)
    }
}

impl Usd {
    /// Reads `2.5`: digits, at most 12 of them after the point.
    pub fn parse(text: &str) -> Option<Self> {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || fraction.len() > PICO_DIGITS || !digits(whole) || !digits(fraction) {
            return None;
        }
        format!("{whole}{fraction:0<PICO_DIGITS$}").parse().ok().map(Self)
    }
}

impl Serialize for Usd {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let unit = 10_u64.pow(12);
        let fraction = format!("{:012}", self.0 % unit);
        let fraction = fraction.trim_end_matches('0');
        let point = if fraction.is_empty() { "" } else { "." };
        serializer.collect_str(&format_args!("{}{point}{fraction}", self.0 / unit))
    }
}

impl<'de> Deserialize<'de> for Usd {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            Text(String),
            Number(f64),
        }
        // A float prints the shortest digits that mean it, so 0.15 in YAML stays exactly 0.15.
        let text = match Written::deserialize(deserializer)? {
            Written::Text(text) => text,
            Written::Number(number) => number.to_string(),
        };
        Self::parse(&text).ok_or_else(|| de::Error::custom("a price is written as decimal US dollars, like \"0.25\""))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn amounts_keep_every_digit() {
        let check = |text, expected| assert_eq!(Usd::parse(text), expected, "{text}");
        check("2.5", Some(Usd(2_500_000_000_000)));
        check("0.000000000001", Some(Usd(1)));
        check("0.0000000000001", None);
        check("3", Some(Usd(3_000_000_000_000)));
        check("-1", None);
        check(".5", None);
        check("1e3", None);
        let usd: Usd = serde_json::from_str("0.15").unwrap();
        assert_eq!(serde_json::to_string(&usd).unwrap(), "\"0.15\"");
    }

    #[test]
    fn a_call_costs_its_tokens_rounded_up_once() {
        let price = Price {
            input_usd_per_mtok: Usd(2_500_000_000_000),
            cached_input_usd_per_mtok: Some(Usd(1_250_000_000_000)),
            cache_write_usd_per_mtok: Some(Usd(3_000_000_000_000)),
            output_usd_per_mtok: Usd(10_000_000_000_000),
        };
        let usage = Usage { prompt: 1_000, cached: 400, written: 100, completion: 50, reasoning: 10 };
        assert_eq!(price.of(&usage), 500 * 2_500_000 + 100 * 3_000_000 + 400 * 1_250_000 + 50 * 10_000_000);
        let tiny = Price {
            input_usd_per_mtok: Usd(1),
            cached_input_usd_per_mtok: None,
            cache_write_usd_per_mtok: None,
            output_usd_per_mtok: Usd(1),
        };
        assert_eq!(tiny.of(&usage), 1);
    }
}
