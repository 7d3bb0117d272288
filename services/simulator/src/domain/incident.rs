//! Scripted incidents: what goes wrong with a model for how long, in words.
//!
//! `fail 30 % for 60 s`, `in 5 s rateLimit for 500 ms`, `stall after 5 chunks`, `cut 10 % after 3 chunks for 2 min`:
//! when it begins after the model was declared, which fault it is (`fail` is `serverError`), for which share of the
//! calls, after how many pieces of a stream, and for how long. What is not said holds from the beginning, for every
//! call, in the middle of a stream, and for ever.

use serde::{Deserialize, Serialize};

use super::fault::Fault;

/// What goes wrong with a model for a while.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Incident {
    text: String,
    begins_ms: u64,
    lasts_ms: Option<u64>,
    fault: Fault,
    share: f64,
    /// A stream breaks after so many pieces; in the middle when absent.
    pub after_pieces: Option<u32>,
}

impl Incident {
    /// How a call goes wrong `elapsed_ms` after the model was declared, for a fraction drawn from `[0, 1)`; nothing
    /// when the incident is over, has not begun, or spares the call.
    pub fn strikes(&self, elapsed_ms: u64, fraction: f64) -> Option<Fault> {
        let since_ms = elapsed_ms.checked_sub(self.begins_ms)?;
        let is_over = self.lasts_ms.is_some_and(|lasts_ms| since_ms >= lasts_ms);
        (!is_over && fraction < self.share).then_some(self.fault)
    }
}

impl From<Incident> for String {
    fn from(incident: Incident) -> Self {
        incident.text
    }
}

impl TryFrom<String> for Incident {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let mut incident =
            Self { begins_ms: 0, lasts_ms: None, fault: Fault::default(), share: 1.0, after_pieces: None, text };
        let text = incident.text.replace('%', " % ");
        let mut words = text.split_whitespace().peekable();
        let wrong = |what: &str| format!("incident {:?}: {what}; write it like \"fail 30 % for 60 s\"", text.trim());
        if words.next_if_eq(&"in").is_some() {
            incident.begins_ms = duration_ms(&mut words).ok_or_else(|| wrong("no time after \"in\""))?;
        }
        let kind = words.next().unwrap_or_default();
        incident.fault = fault(kind).ok_or_else(|| wrong("no fault is named so"))?;
        if let Some(percent) = words.peek().and_then(|word| word.parse::<f64>().ok()) {
            words.next();
            let is_percent = words.next_if_eq(&"%").is_some() && (0.0..=100.0).contains(&percent);
            incident.share = if is_percent { percent / 100.0 } else { return Err(wrong("no share of 0 to 100 %")) };
        }
        while let Some(word) = words.next() {
            match word {
                "after" => {
                    let count = words.next().and_then(|word| word.parse().ok());
                    let is_count = words.next().is_some_and(|word| word.trim_end_matches('s') == "chunk");
                    incident.after_pieces = count.filter(|_| is_count);
                    incident.after_pieces.ok_or_else(|| wrong("no number of chunks after \"after\""))?;
                }
                "for" => {
                    let lasts_ms = duration_ms(&mut words).ok_or_else(|| wrong("no time after \"for\""))?;
                    incident.lasts_ms = Some(lasts_ms);
                }
                other => return Err(wrong(&format!("{other:?} is not understood"))),
            }
        }
        Ok(incident)
    }
}

/// The fault with this name in a configuration; `fail` is the usual one.
fn fault(name: &str) -> Option<Fault> {
    if name == "fail" {
        return Some(Fault::ServerError);
    }
    serde_json::from_value(serde_json::Value::String(name.to_owned())).ok()
}

/// `60 s`, `500 ms` or `2 min`.
fn duration_ms<'w>(words: &mut impl Iterator<Item = &'w str>) -> Option<u64> {
    let count: u64 = words.next()?.parse().ok()?;
    let unit_ms = match words.next()? {
        "ms" => 1,
        "s" => 1_000,
        "min" => 60_000,
        _ => return None,
    };
    count.checked_mul(unit_ms)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn incident(text: &str) -> Incident {
        Incident::try_from(text.to_owned()).unwrap()
    }

    #[test]
    fn words_are_read_and_written_as_they_were() {
        let check = |text: &str, begins_ms, lasts_ms, fault, share, after_pieces| {
            let wanted = Incident { text: text.to_owned(), begins_ms, lasts_ms, fault, share, after_pieces };
            assert_eq!(incident(text), wanted);
            assert_eq!(String::from(wanted), text);
        };
        check("fail 30 % for 60 s", 0, Some(60_000), Fault::ServerError, 0.3, None);
        check("fail 30% for 60 s", 0, Some(60_000), Fault::ServerError, 0.3, None);
        check("stall after 5 chunks", 0, None, Fault::Stall, 1.0, Some(5));
        check("in 5 s rateLimit for 500 ms", 5_000, Some(500), Fault::RateLimit, 1.0, None);
        check("cut 10 % after 1 chunk for 2 min", 0, Some(120_000), Fault::Cut, 0.1, Some(1));
    }

    #[test]
    fn what_is_not_understood_is_refused_with_an_example() {
        for (text, part) in [
            ("", "no fault"),
            ("explode", "no fault"),
            ("fail 130 %", "no share"),
            ("fail 30", "no share"),
            ("fail for 60", "no time after \"for\""),
            ("in a while fail", "no time after \"in\""),
            ("stall after some chunks", "no number of chunks"),
            ("fail 30 % until noon", "\"until\" is not understood"),
        ] {
            let error = Incident::try_from(text.to_owned()).unwrap_err();
            assert!(error.contains(part) && error.contains("fail 30 % for 60 s"), "{error}");
        }
    }

    #[test]
    fn it_strikes_its_share_of_the_calls_while_it_lasts() {
        let failing = incident("in 1 s fail 30 % for 60 s");
        for (elapsed_ms, fraction, wanted) in [
            (999, 0.0, None),
            (1_000, 0.0, Some(Fault::ServerError)),
            (1_000, 0.299, Some(Fault::ServerError)),
            (1_000, 0.3, None),
            (60_999, 0.0, Some(Fault::ServerError)),
            (61_000, 0.0, None),
        ] {
            assert_eq!(failing.strikes(elapsed_ms, fraction), wanted, "{elapsed_ms} {fraction}");
        }
        assert_eq!(incident("stall").strikes(u64::MAX, 0.999), Some(Fault::Stall));
    }
}
