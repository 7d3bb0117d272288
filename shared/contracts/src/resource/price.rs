//! What a model costs.

use super::faults::not_negative;
use crate::PicoUsd;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Prices in US dollars per million tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct PriceSpec {
    /// Input.
    pub input_usd_per_mtok: PicoUsd,
    /// Input read from the provider's cache; as input when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cached_input_usd_per_mtok: Option<PicoUsd>,
    /// Input written to the provider's cache; as input when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_write_usd_per_mtok: Option<PicoUsd>,
    /// Input written to the provider's cache for an hour; as the other writes when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_write_hour_usd_per_mtok: Option<PicoUsd>,
    /// Output, reasoning included.
    pub output_usd_per_mtok: PicoUsd,
    /// What a call costs whose input is long.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub long_context: Option<LongContextSpec>,
}

/// Prices of a whole call, input and output, whose input is longer than a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct LongContextSpec {
    /// They hold above this many input tokens, cached ones included.
    pub above_input_tokens: u64,
    /// Input.
    pub input_usd_per_mtok: PicoUsd,
    /// As in `price`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cached_input_usd_per_mtok: Option<PicoUsd>,
    /// As in `price`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_write_usd_per_mtok: Option<PicoUsd>,
    /// As in `price`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_write_hour_usd_per_mtok: Option<PicoUsd>,
    /// Output, reasoning included.
    pub output_usd_per_mtok: PicoUsd,
}

impl PriceSpec {
    /// The prices that hold for a call with this many input tokens.
    #[must_use]
    pub fn at(&self, input_tokens: u64) -> Self {
        match &self.long_context {
            Some(long) if input_tokens > long.above_input_tokens => Self {
                input_usd_per_mtok: long.input_usd_per_mtok,
                cached_input_usd_per_mtok: long.cached_input_usd_per_mtok,
                cache_write_usd_per_mtok: long.cache_write_usd_per_mtok,
                cache_write_hour_usd_per_mtok: long.cache_write_hour_usd_per_mtok,
                output_usd_per_mtok: long.output_usd_per_mtok,
                long_context: None,
            },
            _ => Self { long_context: None, ..*self },
        }
    }

    /// The prices in so many percent of themselves, as batches are charged; exact down to 10⁻¹⁰ US dollars.
    #[must_use]
    pub fn percent(&self, percent: u32) -> Self {
        let part = |price: PicoUsd| PicoUsd(price.0.saturating_mul(i64::from(percent)) / 100);
        let long_context = self.long_context.map(|long| LongContextSpec {
            above_input_tokens: long.above_input_tokens,
            input_usd_per_mtok: part(long.input_usd_per_mtok),
            cached_input_usd_per_mtok: long.cached_input_usd_per_mtok.map(part),
            cache_write_usd_per_mtok: long.cache_write_usd_per_mtok.map(part),
            cache_write_hour_usd_per_mtok: long.cache_write_hour_usd_per_mtok.map(part),
            output_usd_per_mtok: part(long.output_usd_per_mtok),
        });
        Self {
            input_usd_per_mtok: part(self.input_usd_per_mtok),
            cached_input_usd_per_mtok: self.cached_input_usd_per_mtok.map(part),
            cache_write_usd_per_mtok: self.cache_write_usd_per_mtok.map(part),
            cache_write_hour_usd_per_mtok: self.cache_write_hour_usd_per_mtok.map(part),
            output_usd_per_mtok: part(self.output_usd_per_mtok),
            long_context,
        }
    }

    /// The dearest an input token can be.
    #[must_use]
    pub fn dearest_input(&self) -> PicoUsd {
        let writes = [self.cache_write_usd_per_mtok, self.cache_write_hour_usd_per_mtok];
        writes.into_iter().flatten().fold(self.input_usd_per_mtok, std::cmp::max)
    }

    pub(super) fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        let mut check = |place: &str, price: &Self| {
            for (field, amount) in [
                ("inputUsdPerMtok", Some(price.input_usd_per_mtok)),
                ("cachedInputUsdPerMtok", price.cached_input_usd_per_mtok),
                ("cacheWriteUsdPerMtok", price.cache_write_usd_per_mtok),
                ("cacheWriteHourUsdPerMtok", price.cache_write_hour_usd_per_mtok),
                ("outputUsdPerMtok", Some(price.output_usd_per_mtok)),
            ] {
                not_negative(&format!("{place}.{field}"), amount, &mut faults);
            }
        };
        check("price", self);
        if self.long_context.is_some() {
            check("price.longContext", &self.at(u64::MAX));
        }
        faults
    }
}
