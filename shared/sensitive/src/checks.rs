//! Whether what looks like sensitive data is some.

use std::net::{Ipv4Addr, Ipv6Addr};

/// Digits of a text.
fn digits(text: &str) -> impl DoubleEndedIterator<Item = u32> {
    text.chars().filter_map(|character| character.to_digit(10))
}

/// The check digit of card numbers (Luhn, ISO/IEC 7812), and a length and a first digit that issuers use.
pub(crate) fn is_card(text: &str) -> bool {
    let count = digits(text).count();
    let first = digits(text).next().unwrap_or(0);
    let sum: u32 = digits(text)
        .rev()
        .enumerate()
        .map(|(place, digit)| match (place % 2, digit * 2) {
            (0, _) => digit,
            (_, double) if double > 9 => double - 9,
            (_, double) => double,
        })
        .sum();
    (12..=19).contains(&count) && (2..=6).contains(&first) && sum.is_multiple_of(10)
}

/// The check digits of bank accounts (ISO 13616, modulo 97).
pub(crate) fn is_iban(text: &str) -> bool {
    let bare: Vec<char> = text.chars().filter(|character| character.is_ascii_alphanumeric()).collect();
    if !(15..=34).contains(&bare.len()) {
        return false;
    }
    let rotated = bare.iter().skip(4).chain(bare.iter().take(4));
    let rest = rotated.fold(0_u32, |rest, character| {
        let value = character.to_digit(36).unwrap_or(0);
        if value > 9 { (rest * 100 + value) % 97 } else { (rest * 10 + value) % 97 }
    });
    rest == 1
}

/// Numbers that the Social Security Administration gives out.
pub(crate) fn is_ssn(text: &str) -> bool {
    let number = digits(text).fold(0, |number, digit| number * 10 + digit);
    let (area, group, serial) = (number / 1_000_000, number / 10_000 % 100, number % 10_000);
    digits(text).count() == 9 && area != 0 && area != 666 && area < 900 && group != 0 && serial != 0
}

/// An address of a machine; that of the machine itself says nothing about anybody.
pub(crate) fn is_address(text: &str) -> bool {
    let is_sixth = || text.matches(':').count() >= 2 && text.len() > 4 && text.parse::<Ipv6Addr>().is_ok();
    match text.parse::<Ipv4Addr>() {
        Ok(address) => !address.is_loopback() && !address.is_unspecified(),
        Err(_) => is_sixth(),
    }
}

/// A number of the length of telephone numbers that is written as one: with a country or area code, or in groups.
pub(crate) fn is_phone(text: &str) -> bool {
    let count = digits(text.split(['x', 'e']).next().unwrap_or(text)).count();
    let groups = text.split(|character: char| !character.is_ascii_digit()).filter(|group| !group.is_empty());
    let lengths: Vec<usize> = groups.map(str::len).collect();
    // Years, months and days, perhaps with a time behind them.
    let is_date =
        matches!(lengths.as_slice(), [4, 2, 2, ..] | [2, 2, 4, ..] | [1, 2, 4, ..] | [2, 1, 4, ..] | [1, 1, 4, ..]);
    let has_code = text.starts_with('+') || text.starts_with("00") || (text.starts_with('(') && !is_date);
    let is_grouped = lengths.len() >= 3 && (9..=15).contains(&count) && lengths.iter().all(|length| *length >= 2);
    let is_local = matches!(lengths.as_slice(), [3, 4] | [3, 3, 4] | [3, 3, 4, _]);
    (has_code && (7..=15).contains(&count)) || (is_grouped && !is_date) || is_local
}

/// Digits, letters of both cases or marks: no word of a sentence.
pub(crate) fn is_password(text: &str) -> bool {
    kinds(text) >= 2
}

/// Three kinds of characters, such as passwords must have.
pub(crate) fn is_strong(text: &str) -> bool {
    kinds(text) >= 3
}

/// How many kinds of characters a text has.
fn kinds(text: &str) -> usize {
    let has = |is: fn(char) -> bool| text.chars().any(is);
    let kinds = [
        has(|one| one.is_ascii_digit()),
        has(|one| one.is_ascii_lowercase()),
        text.chars().skip(1).any(|one| one.is_ascii_uppercase()),
        has(|one| !one.is_alphanumeric()),
    ];
    kinds.iter().filter(|is| **is).count()
}

/// At least three digits, such as numbers of documents have.
pub(crate) fn has_number(text: &str) -> bool {
    digits(text).count() >= 3
}

/// Digits and letters, mixed, of a secret that was drawn.
pub(crate) fn is_drawn(text: &str) -> bool {
    let letters = text.chars().filter(|one| one.is_ascii_alphabetic()).count();
    let mut distinct: Vec<char> = text.chars().collect();
    distinct.sort_unstable();
    distinct.dedup();
    has_number(text) && letters >= 3 && distinct.len() >= 8
}

pub(crate) fn always(_: &str) -> bool {
    true
}
