//! Rate limits as providers have them: so many requests and tokens per window, told in headers.

use serde::{Deserialize, Serialize};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

/// A model's limits. A window begins with the first call after the one before has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Limits {
    /// Requests per window.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests: Option<u64>,
    /// Tokens per window, of prompts and completions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens: Option<u64>,
    /// How long a window is, in milliseconds.
    #[serde(default = "minute_ms")]
    pub window_ms: u64,
    /// Whose headers tell of them.
    #[serde(default)]
    pub headers: Dialect,
}

/// Whose headers tell of limits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Dialect {
    /// `x-ratelimit-remaining-requests`, with resets as time spans.
    #[default]
    Openai,
    /// `anthropic-ratelimit-requests-remaining`, with resets as RFC 3339 times.
    Anthropic,
}

/// What is used of the limits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Window {
    ends_at_ms: u64,
    requests: u64,
    tokens: u64,
}

/// How a call stands towards the limits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// It is turned away, and may come back after so many milliseconds.
    pub refused_for_ms: Option<u64>,
    /// Headers of the response.
    pub headers: Vec<(String, String)>,
}

fn minute_ms() -> u64 {
    60_000
}

impl Window {
    /// Takes in a call that needs `tokens` at `now_ms` since 1970. One that is turned away uses nothing.
    pub fn take(&mut self, limits: &Limits, tokens: u64, now_ms: u64) -> Told {
        if now_ms >= self.ends_at_ms {
            *self = Self { ends_at_ms: now_ms.saturating_add(limits.window_ms), ..Self::default() };
        }
        let fits = |limit: Option<u64>, used: u64, needed: u64| {
            limit.is_none_or(|limit| used.checked_add(needed).is_some_and(|sum| sum <= limit))
        };
        let is_taken = fits(limits.requests, self.requests, 1) && fits(limits.tokens, self.tokens, tokens);
        if is_taken {
            self.requests = self.requests.saturating_add(1);
            self.tokens = self.tokens.saturating_add(tokens);
        }
        let left_ms = self.ends_at_ms.saturating_sub(now_ms);
        Told { refused_for_ms: (!is_taken).then_some(left_ms), headers: self.headers(limits, left_ms) }
    }

    fn headers(&self, limits: &Limits, left_ms: u64) -> Vec<(String, String)> {
        let kinds = [("requests", limits.requests, self.requests), ("tokens", limits.tokens, self.tokens)];
        let known = kinds.into_iter().filter_map(|(kind, limit, used)| Some((kind, limit?, used)));
        known
            .flat_map(|(kind, limit, used)| {
                let values = [
                    ("limit", limit.to_string()),
                    ("remaining", limit.saturating_sub(used).to_string()),
                    ("reset", self.reset(limits.headers, left_ms)),
                ];
                values.map(|(part, value)| (name(limits.headers, kind, part), value))
            })
            .collect()
    }

    fn reset(&self, dialect: Dialect, left_ms: u64) -> String {
        match dialect {
            Dialect::Openai if left_ms < 1_000 => format!("{left_ms}ms"),
            Dialect::Openai if left_ms < 60_000 => format!("{}.{:03}s", left_ms / 1_000, left_ms % 1_000),
            Dialect::Openai => format!("{}m{}.{:03}s", left_ms / 60_000, left_ms / 1_000 % 60, left_ms % 1_000),
            Dialect::Anthropic => moment(self.ends_at_ms),
        }
    }
}

fn name(dialect: Dialect, kind: &str, part: &str) -> String {
    match dialect {
        Dialect::Openai => format!("x-ratelimit-{part}-{kind}"),
        Dialect::Anthropic => format!("anthropic-ratelimit-{kind}-{part}"),
    }
}

/// RFC 3339 in whole seconds, rounded up as Anthropic's servers do.
fn moment(unix_ms: u64) -> String {
    let seconds = i64::try_from(unix_ms.div_ceil(1_000)).unwrap_or(i64::MAX);
    let at = OffsetDateTime::from_unix_timestamp(seconds).ok();
    at.and_then(|at| at.format(&Rfc3339).ok()).unwrap_or_default()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { requests: Some(3), tokens: Some(100), window_ms: 90_500, headers: Dialect::Openai };
    const NOW_MS: u64 = 1_795_000_000_000;

    fn header(told: &Told, name: &str) -> String {
        told.headers.iter().find(|(known, _)| known == name).unwrap().1.clone()
    }

    #[test]
    fn a_window_counts_down_refuses_and_begins_again() {
        let mut window = Window::default();
        let told = window.take(&LIMITS, 60, NOW_MS);
        assert_eq!(told.refused_for_ms, None);
        assert_eq!(header(&told, "x-ratelimit-remaining-requests"), "2");
        assert_eq!(header(&told, "x-ratelimit-remaining-tokens"), "40");
        assert_eq!(header(&told, "x-ratelimit-reset-tokens"), "1m30.500s");
        // Too many tokens for what is left; a smaller call still fits.
        let told = window.take(&LIMITS, 41, NOW_MS + 30_000);
        assert_eq!(
            (told.refused_for_ms, header(&told, "x-ratelimit-remaining-requests").as_str()),
            (Some(60_500), "2")
        );
        assert_eq!(window.take(&LIMITS, 40, NOW_MS + 60_000).refused_for_ms, None);
        assert_eq!(window.take(&LIMITS, 0, NOW_MS + 60_000).refused_for_ms, None);
        let told = window.take(&LIMITS, 0, NOW_MS + 90_100);
        assert_eq!((told.refused_for_ms, header(&told, "x-ratelimit-reset-requests").as_str()), (Some(400), "400ms"));
        assert_eq!(window.take(&LIMITS, 100, NOW_MS + 90_500).refused_for_ms, None);
    }

    #[test]
    fn anthropic_says_it_in_its_own_words() {
        let limits = Limits { headers: Dialect::Anthropic, tokens: None, ..LIMITS };
        let told = Window::default().take(&limits, 1, NOW_MS);
        assert_eq!(header(&told, "anthropic-ratelimit-requests-remaining"), "2");
        assert_eq!(header(&told, "anthropic-ratelimit-requests-reset"), "2026-11-18T11:08:11Z");
        assert_eq!(told.headers.len(), 3);
    }
}
