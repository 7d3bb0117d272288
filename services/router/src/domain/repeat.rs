//! A caller that asks the same again soon after it had the answer: it was probably not what was wanted.
//!
//! Only the clear case counts. Programs repeat requests for their own reasons: probes, load runs,
//! several samples of one prompt. So a repeat says something only when it comes once, when it begins
//! after the caller could have read the answer, and when everything that was asked is the same. The
//! third of the same kind, and one that overlaps with the first, mark the request as a program's.
//!
//! Repeats tell of bad answers only, and nothing tells of the good ones. So that a model is not judged
//! by how much traffic it has, a repeat counts against it only while its answers are asked for again
//! clearly more often than those of the other models ([`Rate::is_above`]).

use super::lesson::{Lesson, of_repeat};
use neptune_contracts::{
    finished::{Outcome, TaskFinished},
    names::{Lane, Origin},
};
use ring::digest::{SHA256, digest};
use std::fmt::Write as _;

/// A repeat this long after the answer is a new question.
pub const REPEAT_WITHIN_MS: i64 = 300_000;
/// Nobody reads an answer and asks again in less.
pub const READING_TAKES_MS: i64 = 1_500;

/// Rates are of about the newest so many askings of a model.
pub const ASKINGS_KEPT: f64 = 2_000.0;
/// A rate of fewer askings says nothing.
const LEAST_ASKINGS: f64 = 50.0;
/// Nor does one of fewer repeats.
const LEAST_REPEATS: f64 = 5.0;
/// So many standard deviations of the number of repeats (Poisson) are chance: 95 % one-sided.
const CHANCE_DEVIATIONS: f64 = 1.645;

/// How often answers are asked for again.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Rate {
    /// Answers given.
    pub askings: f64,
    /// Those that were asked for again.
    pub repeats: f64,
}

impl Rate {
    /// Whether it is clearly above `others`. Without enough of either it is not.
    #[must_use]
    pub fn is_above(self, others: Self) -> bool {
        let is_known = self.repeats >= LEAST_REPEATS && self.askings.min(others.askings) >= LEAST_ASKINGS;
        let at_least = self.repeats - CHANCE_DEVIATIONS * self.repeats.sqrt();
        is_known && at_least * others.askings > others.repeats * self.askings
    }
}

/// One asking, as it is compared with the one before.
#[derive(Clone, Debug, PartialEq)]
pub struct Asking {
    /// Who asked what, as a sum: the same for a repeat, and nothing of the content can be read from it.
    pub sum: String,
    /// When it was asked, in milliseconds since 1970.
    pub asked_ms: i64,
    /// When it was answered.
    pub answered_ms: i64,
    /// What it teaches if it is asked again; the time of that is still to be filled in.
    pub lesson: Lesson,
}

/// The asking of `finished`; nothing when a repeat of it would say nothing: nobody waited, a workflow
/// asked, no model answered, vectors were asked for, or the answer came from the cache.
#[must_use]
pub fn asking(finished: &TaskFinished) -> Option<Asking> {
    let is_person_like = finished.lane == Lane::Realtime
        && finished.step.is_none()
        && matches!(finished.origin, Origin::Api | Origin::Bus)
        && finished.outcome == Outcome::Completed
        && finished.cache.is_none()
        // Programs ask for the vectors of a text as often as they need them.
        && !finished.holds_vectors();
    if !is_person_like {
        return None;
    }
    let answered_ms = finished.times.finished_at.unix_micros() / 1_000;
    Some(Asking {
        sum: sum(finished)?,
        asked_ms: finished.times.submitted_at.unix_micros() / 1_000,
        answered_ms,
        lesson: of_repeat(finished, answered_ms)?,
    })
}

/// SHA-256 over who asked and the sums of what was asked, in hexadecimal.
fn sum(finished: &TaskFinished) -> Option<String> {
    let input = &finished.admission.as_ref()?.input_sha256;
    let mut asked = format!("{}\n{}\n{input}", finished.team, finished.key.as_deref().unwrap_or_default());
    if let Some(fingerprint) = finished.fingerprint.as_deref() {
        for part in [&fingerprint.task_type, &fingerprint.constraints, &fingerprint.output, &fingerprint.metadata] {
            asked.push('\n');
            asked.push_str(part.as_deref().unwrap_or_default());
        }
    }
    let whole = digest(&SHA256, asked.as_bytes());
    Some(whole.as_ref().iter().take(16).fold(String::with_capacity(32), |mut hex, byte| {
        // Writing to a string cannot fail.
        let _written = write!(hex, "{byte:02x}");
        hex
    }))
}

#[cfg(test)]
mod tests;
