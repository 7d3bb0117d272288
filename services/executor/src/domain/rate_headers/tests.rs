#![allow(clippy::unwrap_used, clippy::indexing_slicing)]
use super::*;
use proptest::prelude::*;
use std::collections::HashMap;

fn now() -> Timestamp {
    Timestamp::from_unix_micros(1_795_000_000_000_000).unwrap()
}

fn of(headers: &[(&str, &str)]) -> Option<RateLimits> {
    let headers: HashMap<&str, &str> = headers.iter().copied().collect();
    read(|name| headers.get(name).copied(), now()).map(|limits| *limits)
}

fn check_reset(text: &str, in_ms: i64) {
    let limits = of(&[("x-ratelimit-remaining-requests", "1"), ("x-ratelimit-reset-requests", text)]).unwrap();
    assert_eq!(limits.requests.unwrap().resets_at, now().plus_millis(in_ms), "{text}");
}

#[test]
fn openai_says_what_is_left_of_requests_and_tokens() {
    let limits = of(&[
        ("x-ratelimit-limit-requests", "500"),
        ("x-ratelimit-remaining-requests", "499"),
        ("x-ratelimit-reset-requests", "120ms"),
        ("x-ratelimit-limit-tokens", "30000"),
        ("x-ratelimit-remaining-tokens", "0"),
        ("x-ratelimit-reset-tokens", "1m30s"),
    ])
    .unwrap();
    let requests = RateWindow { limit: Some(500), remaining: 499, resets_at: now().plus_millis(120) };
    let tokens = RateWindow { limit: Some(30_000), remaining: 0, resets_at: now().plus_millis(90_000) };
    assert_eq!(limits, RateLimits { requests: Some(requests), tokens: Some(tokens), ..RateLimits::default() });
    assert_eq!(limits.forgotten_at(), Some(now().plus_millis(90_000)));
}

#[test]
fn anthropic_counts_input_and_output_apart_and_says_times() {
    let reset = now().plus_millis(7_000).to_string();
    let limits = of(&[
        ("anthropic-ratelimit-requests-limit", "50"),
        ("anthropic-ratelimit-requests-remaining", "0"),
        ("anthropic-ratelimit-requests-reset", reset.as_str()),
        ("anthropic-ratelimit-input-tokens-remaining", "20000"),
        ("anthropic-ratelimit-output-tokens-remaining", "8000"),
    ])
    .unwrap();
    assert_eq!(
        limits.requests,
        Some(RateWindow { limit: Some(50), remaining: 0, resets_at: now().plus_millis(7_000) })
    );
    let minute = now().plus_millis(USUAL_RESET_MS);
    assert_eq!(limits.input_tokens, Some(RateWindow { limit: None, remaining: 20_000, resets_at: minute }));
    assert_eq!(limits.output_tokens.unwrap().remaining, 8_000);
    assert_eq!(limits.tokens, None);
}

#[test]
fn every_form_of_a_reset_is_read() {
    check_reset("12ms", 12);
    check_reset("1s", 1_000);
    check_reset("6m0s", 360_000);
    check_reset("1h2m3s", 3_723_000);
    check_reset("1m 30s", 90_000);
    check_reset("6.25s", 6_250);
    check_reset("250us", 1);
    check_reset("1795000030", 30_000);
    check_reset("1795000030000", 30_000);
    check_reset("30", 30_000);
    check_reset("2026-11-18T11:06:50Z", 10_000);
    check_reset("2020-01-01T00:00:00Z", 0);
    check_reset("40d", LONGEST_RESET_MS);
    check_reset("9e300", LONGEST_RESET_MS);
    for junk in ["", "soon", "1x", "s", "-5", "NaN", "1m30"] {
        check_reset(junk, USUAL_RESET_MS);
    }
}

#[test]
fn what_is_no_count_is_no_limit() {
    for junk in ["", "many", "-1", "NaN", "inf"] {
        assert_eq!(of(&[("x-ratelimit-remaining-requests", junk)]), None, "{junk}");
    }
    let limits = of(&[("x-ratelimit-remaining-tokens", "1499.7"), ("x-ratelimit-limit-tokens", "0")]).unwrap();
    assert_eq!((limits.tokens.unwrap().remaining, limits.tokens.unwrap().limit), (1_499, None));
    assert_eq!(of(&[("retry-after", "3")]), None);
}

proptest! {
    #[test]
    fn whatever_a_server_sends_the_reset_is_within_a_day(count in "\\PC{0,24}", reset in "\\PC{0,24}") {
        let headers = [("x-ratelimit-remaining-tokens", count.as_str()), ("x-ratelimit-reset-tokens", reset.as_str())];
        if let Some(window) = of(&headers).and_then(|limits| limits.tokens) {
            prop_assert!(window.resets_at >= now() && window.resets_at <= now().plus_millis(LONGEST_RESET_MS));
        }
    }

    #[test]
    fn a_span_is_the_sum_of_its_parts(hours in 0_i64..20, minutes in 0_i64..200, seconds in 0_i64..200, millis in 0_i64..2_000) {
        let sum = hours * 3_600_000 + minutes * 60_000 + seconds * 1_000 + millis;
        check_reset(&format!("{hours}h{minutes}m{seconds}s{millis}ms"), sum.min(LONGEST_RESET_MS));
    }

    #[test]
    fn a_time_is_that_time_in_every_form(in_seconds in 0_i64..86_400) {
        let at = now().plus_millis(in_seconds * 1_000);
        check_reset(&at.to_string(), in_seconds * 1_000);
        check_reset(&at.unix_seconds().to_string(), in_seconds * 1_000);
    }
}
