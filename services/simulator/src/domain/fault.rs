//! The ways in which a call goes wrong, and which of them it is.

use serde::{Deserialize, Serialize};

use super::behaviour::{Error, share};

/// A way for a call to go wrong.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Fault {
    /// 429 with `Retry-After`.
    RateLimit,
    /// 429 that does not say for how long.
    RateLimitUntold,
    /// 500.
    #[default]
    ServerError,
    /// A correct answer, but late.
    Slow,
    /// The connection closes without an answer; that of a stream in the middle.
    Cut,
    /// The connection closes in the middle of the answer.
    CutMidway,
    /// 200 with half of a JSON body; a stream goes wrong in the middle.
    Malformed,
    /// A stream stops in the middle and stays open; a whole answer is cut.
    Stall,
    /// The key is refused.
    Auth,
    /// The account has no credit.
    Quota,
    /// The input is too long.
    ContextLength,
    /// A content filter stops the request.
    Filter,
    /// There is no such model.
    UnknownModel,
    /// The request is said to be wrong.
    Invalid,
}

/// The share of calls, 0 to 1, that go wrong in each way; at most 1 together.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct Faults {
    /// 429 with `Retry-After`.
    pub rate_limit: f64,
    /// What `Retry-After` says, in milliseconds; the header is in whole seconds, rounded up.
    pub retry_after_ms: u64,
    /// 429 that does not say for how long.
    pub rate_limit_untold: f64,
    /// 500.
    pub server_error: f64,
    /// A correct answer after `slow_ms` more.
    pub slow: f64,
    /// How much longer a slow answer takes, in milliseconds.
    pub slow_ms: u64,
    /// The connection closes without an answer.
    pub cut: f64,
    /// The connection closes in the middle of the answer.
    pub cut_midway: f64,
    /// 200 with half of a JSON body.
    pub malformed: f64,
    /// A stream stops in the middle and stays open.
    pub stall: f64,
    /// The key is refused.
    pub auth: f64,
    /// The account has no credit.
    pub quota: f64,
    /// The input is too long.
    pub context_length: f64,
    /// A content filter stops the request.
    pub filter: f64,
    /// A stream that goes wrong does so after so many pieces; in the middle when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub breaks_after: Option<u32>,
}

impl Default for Faults {
    fn default() -> Self {
        Self {
            rate_limit: 0.0,
            retry_after_ms: 1_000,
            rate_limit_untold: 0.0,
            server_error: 0.0,
            slow: 0.0,
            slow_ms: 5_000,
            cut: 0.0,
            cut_midway: 0.0,
            malformed: 0.0,
            stall: 0.0,
            auth: 0.0,
            quota: 0.0,
            context_length: 0.0,
            filter: 0.0,
            breaks_after: None,
        }
    }
}

impl Faults {
    /// Each kind: the field that has its rate, the rate, and what happens.
    fn rates(&self) -> [(&'static str, f64, Fault); 12] {
        [
            ("faults.rateLimit", self.rate_limit, Fault::RateLimit),
            ("faults.rateLimitUntold", self.rate_limit_untold, Fault::RateLimitUntold),
            ("faults.serverError", self.server_error, Fault::ServerError),
            ("faults.slow", self.slow, Fault::Slow),
            ("faults.cut", self.cut, Fault::Cut),
            ("faults.cutMidway", self.cut_midway, Fault::CutMidway),
            ("faults.malformed", self.malformed, Fault::Malformed),
            ("faults.stall", self.stall, Fault::Stall),
            ("faults.auth", self.auth, Fault::Auth),
            ("faults.quota", self.quota, Fault::Quota),
            ("faults.contextLength", self.context_length, Fault::ContextLength),
            ("faults.filter", self.filter, Fault::Filter),
        ]
    }

    /// The share of calls that go wrong.
    fn sum(&self) -> f64 {
        self.rates().iter().map(|(_, rate, _)| rate).sum()
    }

    /// Checks that every rate is a share, and that they are no more than all calls.
    ///
    /// # Errors
    /// Names the field, or says that they are too many together.
    pub fn check(&self) -> Result<(), Error> {
        for (field, rate, _) in self.rates() {
            share(field, rate)?;
        }
        // Ten times 0.1 is a little more than 1 in floats.
        if self.sum() <= 1.0 + 1e-9 { Ok(()) } else { Err(Error::TooManyFaults) }
    }
}

/// The fault for a fraction drawn from `[0, 1)`: each kind owns as much of that range as its rate says.
pub fn choose(faults: &Faults, fraction: f64) -> Option<Fault> {
    let mut end = 0.0;
    faults.rates().into_iter().find_map(|(_, share, fault)| {
        end += share;
        (fraction < end).then_some(fault)
    })
}

/// Whether any call can go wrong by chance.
pub fn possible(faults: &Faults) -> bool {
    faults.sum() > 0.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_fault_owns_its_share() {
        let faults =
            Faults { rate_limit: 0.1, server_error: 0.2, slow: 0.1, cut: 0.0, malformed: 0.1, ..Faults::default() };
        let check = |fraction, expected| assert_eq!(choose(&faults, fraction), expected, "{fraction}");
        check(0.0, Some(Fault::RateLimit));
        check(0.15, Some(Fault::ServerError));
        check(0.35, Some(Fault::Slow));
        check(0.45, Some(Fault::Malformed));
        check(0.55, None);
        assert_eq!(choose(&Faults::default(), 0.0), None);
        assert!(possible(&faults) && !possible(&Faults::default()));
    }

    #[test]
    fn every_kind_can_be_asked_for_and_is_checked() {
        for (index, (field, ..)) in Faults::default().rates().into_iter().enumerate() {
            let name = field.trim_start_matches("faults.");
            let of = |rate: f64| serde_json::from_value::<Faults>(serde_json::json!({name: rate}));
            let (sure, senseless) = (of(1.0).ok(), of(1.5).ok());
            let wanted = Faults::default().rates().get(index).map(|(.., fault)| *fault);
            assert_eq!(sure.and_then(|faults| choose(&faults, 0.99)), wanted, "{field}");
            assert_eq!(senseless.map(|faults| faults.check()), Some(Err(Error::Share(field))));
        }
    }
}
