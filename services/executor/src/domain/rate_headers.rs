//! What a provider says about its rate limits in the headers of a response, in the words of OpenAI
//! (and those who follow it: Groq, Azure, vLLM's gateways, DeepSeek) and of Anthropic.

use super::{answer::Answer, failure::Failure};
use neptune_contracts::{
    Timestamp,
    limits::{RateLimits, RateWindow},
};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

/// A reset that is not told, or not readable: most limits are per minute.
const USUAL_RESET_MS: i64 = 60_000;
/// A reset further away is not taken at its word.
const LONGEST_RESET_MS: i64 = 24 * 3_600 * 1_000;
/// A bare number from here on is a time in seconds since 1970, a smaller one a time span.
const UNIX_SECONDS_FROM: f64 = 1e9;
/// And from here on one in milliseconds since 1970.
const UNIX_MILLIS_FROM: f64 = 1e12;
/// Units of a time span in milliseconds; longer names first, so that `ms` is not read as minutes.
const UNITS: [(&str, f64); 9] = [
    ("ms", 1.0),
    ("us", 0.001),
    ("µs", 0.001),
    ("μs", 0.001),
    ("ns", 0.000_001),
    ("d", 86_400_000.0),
    ("h", 3_600_000.0),
    ("m", 60_000.0),
    ("s", 1_000.0),
];

/// The headers that speak of one limit: how much it is, what is left of it, when it is whole again.
struct Names {
    limit: &'static str,
    remaining: &'static str,
    reset: &'static str,
}

const OPENAI_REQUESTS: Names = Names {
    limit: "x-ratelimit-limit-requests",
    remaining: "x-ratelimit-remaining-requests",
    reset: "x-ratelimit-reset-requests",
};
const OPENAI_TOKENS: Names = Names {
    limit: "x-ratelimit-limit-tokens",
    remaining: "x-ratelimit-remaining-tokens",
    reset: "x-ratelimit-reset-tokens",
};
const ANTHROPIC_REQUESTS: Names = Names {
    limit: "anthropic-ratelimit-requests-limit",
    remaining: "anthropic-ratelimit-requests-remaining",
    reset: "anthropic-ratelimit-requests-reset",
};
const ANTHROPIC_TOKENS: Names = Names {
    limit: "anthropic-ratelimit-tokens-limit",
    remaining: "anthropic-ratelimit-tokens-remaining",
    reset: "anthropic-ratelimit-tokens-reset",
};
const ANTHROPIC_INPUT_TOKENS: Names = Names {
    limit: "anthropic-ratelimit-input-tokens-limit",
    remaining: "anthropic-ratelimit-input-tokens-remaining",
    reset: "anthropic-ratelimit-input-tokens-reset",
};
const ANTHROPIC_OUTPUT_TOKENS: Names = Names {
    limit: "anthropic-ratelimit-output-tokens-limit",
    remaining: "anthropic-ratelimit-output-tokens-remaining",
    reset: "anthropic-ratelimit-output-tokens-reset",
};

/// What the headers that `header` looks up say at `now`; nothing when they name no limit.
#[must_use]
pub fn read<'h>(header: impl Fn(&str) -> Option<&'h str>, now: Timestamp) -> Option<Box<RateLimits>> {
    let window = |names: &Names| {
        // First what no limit is told without: most responses name none.
        let remaining = header(names.remaining).and_then(count)?;
        let limit = header(names.limit).and_then(count).filter(|limit| *limit > 0);
        Some(RateWindow { limit, remaining, resets_at: resets_at(header(names.reset), now) })
    };
    let limits = RateLimits {
        requests: window(&OPENAI_REQUESTS).or_else(|| window(&ANTHROPIC_REQUESTS)),
        tokens: window(&OPENAI_TOKENS).or_else(|| window(&ANTHROPIC_TOKENS)),
        input_tokens: window(&ANTHROPIC_INPUT_TOKENS),
        output_tokens: window(&ANTHROPIC_OUTPUT_TOKENS),
    };
    (!limits.is_empty()).then(|| Box::new(limits))
}

/// The result of a call with what its response said about limits.
///
/// # Errors
/// The failure that `result` is.
pub fn attach(result: Result<Answer, Failure>, limits: Option<Box<RateLimits>>) -> Result<Answer, Failure> {
    match result {
        Ok(answer) => Ok(Answer { limits, ..answer }),
        Err(failure) => Err(Failure { limits, ..failure }),
    }
}

/// A count; some servers write it as a decimal. A negative one, which means "no limit", is none.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates, and is not negative")]
fn count(text: &str) -> Option<u64> {
    let text = text.trim();
    text.parse().ok().or_else(|| {
        let number: f64 = text.parse().ok()?;
        (number.is_finite() && number >= 0.0).then_some(number as u64)
    })
}

/// When a limit is whole again: between `now` and a day later.
fn resets_at(text: Option<&str>, now: Timestamp) -> Timestamp {
    let told = text.and_then(|text| moment(text.trim(), now));
    let at = told.unwrap_or_else(|| now.plus_millis(USUAL_RESET_MS));
    at.clamp(now, now.plus_millis(LONGEST_RESET_MS))
}

/// A time span such as `1m30s`, `12ms` or `6.2s`, an RFC 3339 time, seconds or milliseconds since
/// 1970, or seconds from now.
fn moment(text: &str, now: Timestamp) -> Option<Timestamp> {
    if let Ok(at) = OffsetDateTime::parse(text, &Rfc3339) {
        return Some(Timestamp::from(at));
    }
    let Ok(number) = text.parse::<f64>() else { return Some(later(now, span_ms(text)?)) };
    if !number.is_finite() || number < 0.0 {
        None
    } else if number >= UNIX_MILLIS_FROM {
        Some(later(Timestamp::EPOCH, number))
    } else if number >= UNIX_SECONDS_FROM {
        Some(later(Timestamp::EPOCH, number * 1_000.0))
    } else {
        Some(later(now, number * 1_000.0))
    }
}

/// A time in the far future becomes the end of the longest span that is believed.
#[expect(clippy::cast_possible_truncation, reason = "saturates")]
fn later(from: Timestamp, millis: f64) -> Timestamp {
    let end_of_time = 200.0 * 365.0 * 86_400_000.0;
    from.plus_millis(millis.min(end_of_time).ceil() as i64)
}

/// Milliseconds of a time span, a sequence of numbers with units.
fn span_ms(text: &str) -> Option<f64> {
    let (mut rest, mut sum) = (text, None);
    while !rest.is_empty() {
        let digits = rest.find(|character: char| !character.is_ascii_digit() && character != '.')?;
        let (number, after) = rest.split_at_checked(digits)?;
        let number: f64 = number.parse().ok()?;
        let (unit, factor) = UNITS.iter().find(|(unit, _)| after.starts_with(unit))?;
        sum = Some(sum.unwrap_or(0.0) + number * factor);
        rest = after.strip_prefix(unit)?.trim_start();
    }
    sum
}

#[cfg(test)]
mod tests;
