//! When a delivery is tried again, and when it is given up.

use std::time::Duration;

/// Pauses before the second, third, … try, in seconds: close together at first, because most
/// failures are short, then further apart.
const PAUSES: &[u64] = &[2, 5, 15, 60, 300, 900, 1_800, 3_600, 7_200];
/// A request that the receiving side calls wrong is not worth more tries than this.
const DOUBTFUL_TRIES: u32 = 3;
/// The longest pause a receiving side may ask for.
const LONGEST_PAUSE: Duration = Duration::from_secs(7_200);

/// How a try went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tried {
    /// The receiving side took it, with its receipt.
    Delivered(Option<String>),
    /// It may work later.
    Passing {
        /// Why it failed.
        error: String,
        /// When the receiving side asks to be tried again.
        after: Option<Duration>,
    },
    /// It will probably never work; a few tries tell.
    Doubtful(String),
    /// It will never work.
    Final(String),
}

/// What to do after a try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// It is delivered.
    Delivered(Option<String>),
    /// Try again after the pause.
    Again(Duration),
    /// Give up.
    GiveUp(String),
}

/// What to do after the given try, counted from 1. `spread`, 0 to 1, keeps many deliveries to one
/// recipient from coming at once.
#[must_use]
pub fn next(tried: &Tried, attempt: u32, spread: f64) -> Next {
    let pause = PAUSES.get(attempt.saturating_sub(1) as usize).map(|seconds| Duration::from_secs(*seconds).mul_f64(1.0 + spread / 5.0));
    match tried {
        Tried::Delivered(receipt) => Next::Delivered(receipt.clone()),
        Tried::Final(error) => Next::GiveUp(error.clone()),
        Tried::Doubtful(error) if attempt >= DOUBTFUL_TRIES => Next::GiveUp(error.clone()),
        Tried::Doubtful(error) => pause.map_or_else(|| Next::GiveUp(error.clone()), Next::Again),
        Tried::Passing { error, after } => {
            let asked = after.map(|asked| asked.min(LONGEST_PAUSE));
            pause.map_or_else(|| Next::GiveUp(error.clone()), |pause| Next::Again(asked.map_or(pause, |asked| asked.max(pause))))
        }
    }
}

/// What an HTTP status of a webhook means.
#[must_use]
pub fn of_status(status: u16, retry_after: Option<Duration>) -> Tried {
    let error = format!("the receiving side answered HTTP {status}");
    match status {
        200..=299 => Tried::Delivered(None),
        410 => Tried::Final(error),
        408 | 425 | 429 | 500..=599 => Tried::Passing { error, after: retry_after },
        _ => Tried::Doubtful(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_mean_what_the_standard_says() {
        let slow = Some(Duration::from_secs(9));
        assert_eq!(of_status(204, None), Tried::Delivered(None));
        assert!(matches!(of_status(410, None), Tried::Final(_)));
        assert!(matches!(of_status(429, slow), Tried::Passing { after, .. } if after == slow));
        assert!(matches!(of_status(302, None), Tried::Doubtful(_)));
        assert!(matches!(of_status(404, None), Tried::Doubtful(_)));
    }

    #[test]
    fn tries_end() {
        let passing = Tried::Passing { error: "down".into(), after: Some(Duration::from_secs(60)) };
        assert_eq!(next(&passing, 1, 0.0), Next::Again(Duration::from_secs(60)), "the longer pause holds");
        assert_eq!(next(&passing, 7, 0.0), Next::Again(Duration::from_secs(1_800)));
        assert_eq!(next(&passing, 10, 0.0), Next::GiveUp("down".into()));
        assert_eq!(next(&Tried::Doubtful("404".into()), 3, 0.0), Next::GiveUp("404".into()));
        assert!(matches!(next(&Tried::Doubtful("404".into()), 2, 1.0), Next::Again(pause) if pause == Duration::from_secs(6)));
    }
}
