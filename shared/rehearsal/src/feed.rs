//! What comes to a run from outside, and when.

use neptune_workflow::run::Event;
use std::time::Duration;

/// Something that comes to a run.
#[derive(Debug, Clone)]
pub struct Cue {
    /// How long after the beginning of the run.
    pub after: Duration,
    /// What comes.
    pub event: Event,
}

/// All that comes to a run, in the order of time.
#[derive(Debug, Clone, Default)]
pub struct Feed {
    cues: Vec<Cue>,
}

impl Feed {
    /// What comes, in any order; of what comes at the same time the first stays first.
    #[must_use]
    pub fn new(mut cues: Vec<Cue>) -> Self {
        cues.sort_by_key(|cue| cue.after);
        cues.reverse();
        Self { cues }
    }

    /// When the next one comes, after the beginning of the run.
    #[must_use]
    pub fn next_after(&self) -> Option<Duration> {
        self.cues.last().map(|cue| cue.after)
    }

    /// Takes the next one.
    pub fn pop(&mut self) -> Option<Event> {
        self.cues.pop().map(|cue| cue.event)
    }
}
