//! What a `try` does about an error.

use super::{Duration, Template, Then};
use crate::expression::Expression;
use serde::Serialize;

/// Which errors are caught, and what is done about them.
#[derive(Debug, Serialize)]
pub struct Catch {
    /// What the properties of an error must be; none: any error.
    pub errors: Option<Template>,
    /// The variable of the error.
    pub variable: String,
    /// Only when this holds.
    pub when: Option<Expression>,
    /// Not when this holds.
    pub except_when: Option<Expression>,
    /// How often it is tried again first.
    pub retry: Option<Retry>,
    /// Whether tasks are done about it.
    pub has_tasks: bool,
    /// What follows, in place of what follows the `try`.
    pub then: Option<Then>,
}

/// How a failed `try` is tried again.
#[derive(Debug, Serialize)]
pub struct Retry {
    /// At most so many times, the first try not counted.
    pub attempts: Option<u64>,
    /// How long each try may take.
    pub attempt_limit: Option<Duration>,
    /// No try begins later than this after the first.
    pub limit: Option<Duration>,
    /// After this time.
    pub delay: Option<Duration>,
    /// How the time grows.
    pub backoff: Backoff,
    /// By how much more it is drawn, from and to.
    pub jitter: Option<(Duration, Duration)>,
    /// Only when this holds.
    pub when: Option<Expression>,
    /// Not when this holds.
    pub except_when: Option<Expression>,
}

/// How the time between tries grows.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Backoff {
    /// It stays.
    #[default]
    Constant,
    /// By its own length, or `increment`, for each try.
    Linear {
        /// By so much.
        increment: Option<Duration>,
        /// Not beyond this.
        most: Option<Duration>,
    },
    /// By a factor for each try.
    Exponential {
        /// The factor; 2 unless given.
        multiplier: f64,
        /// Not beyond this.
        most: Option<Duration>,
    },
}
