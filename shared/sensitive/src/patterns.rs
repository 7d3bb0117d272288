//! What sensitive data looks like. A pattern is only looked for where one of its marks stands, and what it finds is
//! checked.

use crate::{Kind, checks};

/// What data of a kind looks like.
pub(crate) struct Pattern {
    pub(crate) kind: Kind,
    /// One of these stands in the text, in lower case; none: a digit does.
    pub(crate) marks: &'static [&'static str],
    /// A regular expression; of one with a group the group is the data.
    pub(crate) regex: &'static str,
    /// Whether it is some.
    pub(crate) check: fn(&str) -> bool,
    /// Whether a shorter beginning may be it where the whole is not.
    pub(crate) may_shrink: bool,
}

const fn pattern(kind: Kind, marks: &'static [&'static str], regex: &'static str, check: fn(&str) -> bool) -> Pattern {
    Pattern { kind, marks, regex, check, may_shrink: false }
}

/// What keys of well-known services begin with.
const KEYS: &str = r"\b(?:sk-(?:ant-|proj-|or-)?[A-Za-z0-9_\-]{16,}|[spr]k_(?:live|test)_[A-Za-z0-9]{10,}|gh[pousr]_[A-Za-z0-9]{30,}|github_pat_[A-Za-z0-9_]{22,}|gl(?:pat|sa|dt|rt|cbt|ptt)-?_?[A-Za-z0-9_\-]{16,}|xox[abeprs]-[A-Za-z0-9\-]{10,}|(?:AKIA|ASIA|ABIA|ACCA)[0-9A-Z]{16}|AIza[0-9A-Za-z_\-]{35}|ya29\.[0-9A-Za-z_\-]{20,}|npt_[a-z0-9]+_[A-Za-z0-9_]{20,}|hf_[A-Za-z0-9]{30,}|npm_[A-Za-z0-9]{36}|do[opr]_v1_[a-f0-9]{64}|SG\.[A-Za-z0-9_\-]{20,}\.[A-Za-z0-9_\-]{20,}|key-[0-9a-f]{32}|shp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}|sq0[a-z]{3}-[0-9A-Za-z_\-]{22,}|AC[0-9a-f]{32}|SK[0-9a-f]{32}|pypi-[A-Za-z0-9_\-]{50,}|lin_api_[A-Za-z0-9]{40}|ops_eyJ[A-Za-z0-9_\-]{100,}|EAA[A-Za-z0-9]{30,}|dckr_pat_[A-Za-z0-9_\-]{20,}|dapi[a-f0-9]{32}|pul-[a-f0-9]{40}|r8_[A-Za-z0-9]{30,}|gsk_[A-Za-z0-9]{40,}|xai-[A-Za-z0-9]{60,}|tskey-[a-z]+-[A-Za-z0-9\-]{20,}|rubygems_[a-f0-9]{48}|nvapi-[A-Za-z0-9_\-]{60,}|pplx-[A-Za-z0-9]{40,}|vault:v1:[A-Za-z0-9+/=]{20,}|hvs\.[A-Za-z0-9_\-]{20,}|atlasv1\.[A-Za-z0-9_\-=]{60,}|NRAK-[A-Z0-9]{27}|PMAK-[a-f0-9]{24}-[a-f0-9]{34})";
/// A drawn value behind a word that says it is secret.
const ASSIGNED: &str = r#"(?i)(?:api[_\- ]?key|access[_\- ]?key|secret[_\- ]?key|client[_\- ]?secret|auth[_\- ]?token|access[_\- ]?token|api[_\- ]?token|secret|token)["'`]?\s*(?:[:=]|=>|:=|is)\s*["'`]?([A-Za-z0-9_\-+/.~]{16,}=*)"#;
const PASSWORD: &str = r#"(?i)(?:password|passwort|passphrase|passcode|passwd|\bpwd|\bpass)["'`]?\s*(?::=|=>|[:=]|\bis\b:?|\bwas\b|\bto\b)\s*["'`]?([^\s"'`,;]{4,64})"#;
/// Right behind the word only what can be no other word.
const PASSWORD_BESIDE: &str = r#"(?i)(?:password|passcode|passphrase|passwd)\s+["'`]*([^\s"'`,;]{6,64})"#;
const DATE: &str = r"(?i)(?:date of birth|birth ?date|birthday|\bd\.?o\.?b\b\.?|\bborn\b(?: on)?)[^\n\d]{0,20}?((?:\d{1,4}[./-]\d{1,2}[./-]\d{1,4})|(?:\d{1,2}(?:st|nd|rd|th)?(?: of)? [a-z]{3,9},? \d{4})|(?:(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]* \d{1,2}(?:st|nd|rd|th)?,? \d{4}))";

/// Every pattern; where two find the same place, the first of [`Kind::ALL`] is told.
pub(crate) static PATTERNS: &[Pattern] = &[
    pattern(
        Kind::PrivateKey,
        &["private key"],
        r"-----BEGIN [A-Z ]*PRIVATE KEY(?: BLOCK)?-----(?s:.*?)(?:-----END [A-Z ]*PRIVATE KEY(?: BLOCK)?-----|\z)",
        checks::always,
    ),
    pattern(Kind::Jwt, &["eyj"], r"\beyJ[A-Za-z0-9_\-]{6,}\.[A-Za-z0-9_\-]{6,}(?:\.[A-Za-z0-9_\-]*)?", checks::always),
    pattern(
        Kind::UrlCredential,
        &["://"],
        r#"\b[A-Za-z][A-Za-z0-9+.\-]*://[^\s/:@?#]*:[^\s/@?#]+@[^\s"'<>`)]*"#,
        checks::always,
    ),
    pattern(
        Kind::AuthHeader,
        &["bearer", "basic", "authorization"],
        r"(?i)\b(?:bearer|basic|token)\s+([A-Za-z0-9\-._~+/]{16,}=*)",
        checks::is_password,
    ),
    pattern(
        Kind::ApiKey,
        &[
            "sk-",
            "k_live_",
            "k_test_",
            "gh",
            "gl",
            "xox",
            "akia",
            "asia",
            "abia",
            "acca",
            "aiza",
            "ya29",
            "npt_",
            "hf_",
            "npm_",
            "_v1_",
            "sg.",
            "key-",
            "shp",
            "sq0",
            "ac",
            "sk",
            "pypi-",
            "lin_api_",
            "ops_",
            "eaa",
            "dckr_",
            "dapi",
            "pul-",
            "r8_",
            "gsk_",
            "xai-",
            "tskey-",
            "rubygems_",
            "nvapi-",
            "pplx-",
            "vault:",
            "hvs.",
            "atlasv1",
            "nrak",
            "pmak",
        ],
        KEYS,
        checks::has_number,
    ),
    pattern(Kind::ApiKey, &["key", "secret", "token"], ASSIGNED, checks::is_drawn),
    pattern(Kind::Password, &["pass", "pwd"], PASSWORD, checks::is_password),
    pattern(Kind::Password, &["pass"], PASSWORD_BESIDE, checks::is_strong),
    pattern(
        Kind::Email,
        &["@"],
        r"[A-Za-z0-9][A-Za-z0-9._%+\-']*@[A-Za-z0-9](?:[A-Za-z0-9.\-]*[A-Za-z0-9])?\.[A-Za-z]{2,24}\b",
        checks::always,
    ),
    pattern(Kind::CreditCard, &[], r"\b\d(?:[ \-.]?\d){11,18}\b", checks::is_card),
    Pattern {
        may_shrink: true,
        ..pattern(Kind::Iban, &[], r"\b[A-Z]{2}\d{2}(?:[ \-]?[A-Z0-9]){11,30}\b", checks::is_iban)
    },
    pattern(Kind::UsSsn, &[], r"\b\d{3}[ \-.]\d{2}[ \-.]\d{4}\b", checks::is_ssn),
    pattern(
        Kind::UsSsn,
        &["ssn", "social security"],
        r"(?i)(?:\bssn|social security)[^\n\d]{0,40}?(\d{9})\b",
        checks::is_ssn,
    ),
    pattern(Kind::DateOfBirth, &["birth", "born", "dob", "d.o.b"], DATE, checks::always),
    pattern(
        Kind::Passport,
        &["passport"],
        r"(?i)passport[^\n]{0,25}?\b([A-Z]{0,2}\d{6,9}[A-Z]?)\b",
        checks::has_number,
    ),
    pattern(
        Kind::DriverId,
        &["licen"],
        r"(?i)(?:driver['’]?s?|driving)[ \-]licen[cs]e[^\n]{0,25}?\b([A-Z]{0,3}\d[A-Z0-9\-]{4,17})\b",
        checks::has_number,
    ),
    pattern(
        Kind::MedicalRecord,
        &["mrn", "medical record", "patient", "health", "insurance"],
        r"(?i)(?:\bmrn|medical record|patient (?:id|number)|health (?:card|insurance)|insurance (?:id|number|no\.?))[^\n]{0,20}?\b([A-Z]{0,4}-?\d[A-Z0-9\-]{3,14})\b",
        checks::has_number,
    ),
    pattern(
        Kind::Crypto,
        &["bc1", "0x", "1", "3"],
        r"\b(?:bc1[a-z0-9]{25,60}|[13][1-9A-HJ-NP-Za-km-z]{25,33}|0x[a-fA-F0-9]{40})\b",
        checks::is_drawn,
    ),
    pattern(Kind::Ip, &[], r"\b(?:\d{1,3}\.){3}\d{1,3}\b", checks::is_address),
    pattern(Kind::Ip, &["::", ":"], r"[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){2,7}", checks::is_address),
    pattern(
        Kind::Phone,
        &[],
        r"(?:\+|\b00|\()?\b?\d{1,5}\)?(?:[ .\-/]{0,2}\(?\d{1,5}\)?){1,5}(?:\s?(?:x|ext\.?)\s?\d{1,5})?\b",
        checks::is_phone,
    ),
];
