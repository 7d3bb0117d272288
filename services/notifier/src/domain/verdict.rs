//! How a try went, and whether another one makes sense.

use std::time::Duration;

/// How a try went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The receiving side took it, and gave this id for it if any.
    Delivered {
        /// The receiving side's id for it.
        receipt: Option<String>,
    },
    /// It did not.
    Failed {
        /// Why, in words.
        reason: String,
        /// Whether to try again.
        again: Again,
    },
}

/// Whether to try again after a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Again {
    /// It may pass; not before the receiving side's wish, if it has one.
    Yes {
        /// The wish.
        not_before: Option<Duration>,
    },
    /// It will hardly pass: a few times.
    AFewTimes,
    /// It may have arrived after all: a few times, with patience.
    Doubtful,
    /// It will not pass.
    No,
}

impl Verdict {
    /// A failure.
    #[must_use]
    pub fn failed(reason: impl Into<String>, again: Again) -> Self {
        Self::Failed { reason: reason.into(), again }
    }

    /// A failure that may pass.
    #[must_use]
    pub fn passing(reason: impl Into<String>) -> Self {
        Self::failed(reason, Again::Yes { not_before: None })
    }

    /// Why it failed.
    #[must_use]
    pub fn error(&self) -> Option<&str> {
        match self {
            Self::Delivered { .. } => None,
            Self::Failed { reason, .. } => Some(reason),
        }
    }
}

/// The verdict on a webhook's answer. The standard calls all but 2xx and 410 retryable; an answer
/// that blames the request is retried only a few times, because it will hardly change.
#[must_use]
pub fn of_http_status(status: u16, retry_after: Option<Duration>) -> Verdict {
    let again = match status {
        200..=299 => return Verdict::Delivered { receipt: None },
        410 => Again::No,
        408 | 425 | 429 | 500.. => Again::Yes { not_before: retry_after },
        _ => Again::AFewTimes,
    };
    Verdict::failed(format!("the receiver answered {status}"), again)
}

/// What `Retry-After` asks for, when it gives seconds. Dates are read as no wish.
#[must_use]
pub fn retry_after(header: Option<&str>) -> Option<Duration> {
    header?.trim().parse().ok().map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_judged_by_whether_another_try_helps() {
        let wish = Some(Duration::from_secs(7));
        for (status, again) in [
            (301, Again::AFewTimes),
            (400, Again::AFewTimes),
            (401, Again::AFewTimes),
            (404, Again::AFewTimes),
            (408, Again::Yes { not_before: wish }),
            (410, Again::No),
            (422, Again::AFewTimes),
            (429, Again::Yes { not_before: wish }),
            (500, Again::Yes { not_before: wish }),
            (503, Again::Yes { not_before: wish }),
        ] {
            let expected = Verdict::failed(format!("the receiver answered {status}"), again);
            assert_eq!(of_http_status(status, wish), expected);
        }
        assert_eq!(of_http_status(204, None), Verdict::Delivered { receipt: None });
    }

    #[test]
    fn retry_after_is_read_in_seconds() {
        assert_eq!(retry_after(Some(" 12 ")), Some(Duration::from_secs(12)));
        for header in [None, Some("-1"), Some("Fri, 31 Dec 1999 23:59:59 GMT")] {
            assert_eq!(retry_after(header), None);
        }
    }
}
