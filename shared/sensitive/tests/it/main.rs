//! What is found and taken out.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    missing_docs
)]

mod labelled;

use neptune_sensitive::{Kind, Policy, find, redact};
use proptest::prelude::*;
use serde_json::{Value, json};

/// What is found of a text, with its kind.
fn found(text: &str) -> Vec<(&'static str, &str)> {
    find(text).into_iter().map(|one| (one.kind.as_str(), &text[one.start..one.end])).collect()
}

#[test]
fn what_has_a_form_is_found() {
    for (text, wanted) in [
        ("mail ada.l@example.org.", vec![("EMAIL", "ada.l@example.org")]),
        ("card 4111 1111 1111 1111, thanks", vec![("CREDIT_CARD", "4111 1111 1111 1111")]),
        ("card 4111 1111 1111 1112, thanks", vec![]),
        ("to DE89 3704 0044 0532 0130 00 PLEASE", vec![("IBAN", "DE89 3704 0044 0532 0130 00")]),
        ("my SSN is 460-89-9847", vec![("US_SSN", "460-89-9847")]),
        ("call +49 30 1234567 now", vec![("PHONE", "+49 30 1234567")]),
        ("call (555) 123-4567", vec![("PHONE", "(555) 123-4567")]),
        ("from 192.168.7.12 at noon", vec![("IP", "192.168.7.12")]),
        ("born on 3 May 1980 in Rome", vec![("DATE_OF_BIRTH", "3 May 1980")]),
        ("postgres://ada:secret7@db/x", vec![("URL_CRED", "postgres://ada:secret7@db/x")]),
        ("my password is hunter2!", vec![("PASSWORD", "hunter2!")]),
        ("with password 'B@np0rt#24' he", vec![("PASSWORD", "B@np0rt#24")]),
        ("your password is wrong", vec![]),
        ("driver licence number 41035469", vec![("DRIVER_ID", "41035469")]),
        ("reset my password to continue", vec![]),
        ("key sk-proj-abcdefghij0123456789", vec![("API_KEY", "sk-proj-abcdefghij0123456789")]),
        ("passport no. C01X00T47? or 512345678", vec![("PASSPORT", "512345678")]),
        ("on 2026-11-27 we sold 1,250 of 12 kinds for 3.50", vec![]),
        ("at 2026-11-12 09:04 it broke, on 12.11.2026 10:00 again", vec![]),
        ("version 1.2.3 of order 77-20418", vec![]),
        ("", vec![]),
    ] {
        assert_eq!(found(text), wanted, "{text}");
    }
}

#[test]
fn the_same_data_has_the_same_number_and_the_rest_stays() {
    let value = json!({
        "from": "ada@example.org",
        "text": "ada@example.org or bob@example.org, card 4111111111111111",
        "card": 4_111_111_111_111_111_u64,
        "login": {"password": "swordfish99"},
        "total": 12.5, "paid": true, "none": null, "list": ["bob@example.org"],
    });
    let redacted = redact(&value, Policy::All);
    let wanted = json!({
        "from": "[EMAIL_1]",
        "text": "[EMAIL_1] or [EMAIL_2], card [CREDIT_CARD_1]",
        "card": "[CREDIT_CARD_1]",
        "login": {"password": "[PASSWORD_1]"},
        "total": 12.5, "paid": true, "none": null, "list": ["[EMAIL_2]"],
    });
    // Numbers are given in the order of the fields' names, in which JSON objects are walked.
    let tokens = |value: &Value| {
        let text = value.to_string();
        [text.matches("[EMAIL_").count(), text.matches("[CREDIT_CARD_1]").count(), text.matches("[PASSWORD_1]").count()]
    };
    assert_eq!(tokens(&redacted.value), tokens(&wanted), "{}", redacted.value);
    assert_eq!(redacted.value["from"], redacted.value["text"].as_str().unwrap()[..9]);
    assert_eq!((&redacted.value["total"], &redacted.value["none"]), (&json!(12.5), &Value::Null));
    let counts: Vec<(Kind, u32)> = redacted.findings.iter().map(|one| (one.kind, one.count)).collect();
    assert_eq!(counts, [(Kind::Password, 1), (Kind::Email, 4), (Kind::CreditCard, 2)]);
}

#[test]
fn a_policy_leaves_what_it_does_not_take() {
    let value = json!("ada@example.org: password = swordfish99");
    let redacted = redact(&value, Policy::Secrets);
    assert_eq!(redacted.value, json!("ada@example.org: password = [PASSWORD_1]"));
    let left: Vec<bool> = redacted.findings.iter().map(|one| one.is_taken).collect();
    assert_eq!(left, [true, false]);
    assert_eq!(redact(&value, Policy::Personal).value, json!("[EMAIL_1]: password = swordfish99"));
    assert_eq!(Policy::named("pii-strict"), Some(Policy::All));
    assert_eq!(Policy::named("some"), None);
}

proptest! {
    /// Places are of the text, in order, apart; what was taken out is not found again.
    #[test]
    fn any_text_is_read(text in "(?s).{0,80}|([a-z0-9@.:/+ -]|4111|DE89){0,60}") {
        let places = find(&text);
        prop_assert!(places.iter().all(|one| text.get(one.start..one.end).is_some_and(|data| !data.is_empty())));
        prop_assert!(places.windows(2).all(|pair| pair[0].end <= pair[1].start));
        let value = Value::String(text);
        let once = redact(&value, Policy::All).value;
        prop_assert_eq!(redact(&value, Policy::All).value, once);
    }
}
