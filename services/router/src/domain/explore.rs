//! When a draw may decide, and when the expectation must.

/// Decisions that went against the expectation may be at most this share of all: enough to notice that a
/// model got better, and on public streams a fifth of what trying one task in twenty costs at a high price of money.
pub const MOST_EXPLORED: f64 = 0.02;
/// A model may be tried if its expected quality is at most this much below the expected best choice's.
pub const MOST_QUALITY_RISKED: f64 = 0.10;
/// The share is counted over about so many decisions.
const DECISIONS_COUNTED: f64 = 1_000.0;
/// A candidate as the choice sees it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Prospect {
    /// Expected quality.
    pub quality: f64,
    /// Utility of the expected quality, in US dollars.
    pub expected_usd: f64,
    /// Utility of the drawn quality, in US dollars.
    pub drawn_usd: f64,
}

/// What was chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pick {
    /// The place of the chosen candidate.
    pub index: usize,
    /// It is not the one that was expected to be best.
    pub explored: bool,
}

/// Why the draw was not asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refrain {
    /// The data is not for experiments.
    Sensitive,
    /// The task is not for experiments.
    Critical,
    /// Enough was tried lately.
    Spent,
    /// Nobody says how good answers are, so that trying teaches nothing.
    NoFeedback,
    /// The task stays with the model of its session.
    Session,
}

impl Refrain {
    /// As it stands in the explanation.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sensitive => "sensitive",
            Self::Critical => "critical",
            Self::Spent => "spent",
            Self::NoFeedback => "no_feedback",
            Self::Session => "session",
        }
    }
}

/// Chooses the candidate with the best draw, if that may be; else the one expected to be best.
/// Nothing when there is no candidate. The first of equals is chosen.
#[must_use]
pub fn pick(prospects: &[Prospect], min_quality: f64, refrain: Option<Refrain>) -> Option<Pick> {
    let expected = best(prospects, |prospect| Some(prospect.expected_usd))?;
    let safe = Pick { index: expected, explored: false };
    if refrain.is_some() {
        return Some(safe);
    }
    let may_win = contestants(prospects, min_quality);
    let drawn = best(prospects, |prospect| may_win(prospect).then_some(prospect.drawn_usd))?;
    Some(Pick { index: drawn, explored: drawn != expected })
}

/// Which of `prospects` a draw may choose: those whose quality is risked neither against the
/// expected best nor against the floor.
pub fn contestants(prospects: &[Prospect], min_quality: f64) -> impl Fn(&Prospect) -> bool {
    let expected = best(prospects, |prospect| Some(prospect.expected_usd)).and_then(|index| prospects.get(index));
    let quality = expected.map_or(0.0, |expected| expected.quality);
    let least = quality - MOST_QUALITY_RISKED;
    // A floor that even the expected best misses was given up before.
    let floor = if quality < min_quality { 0.0 } else { min_quality };
    move |prospect| prospect.quality >= least && prospect.quality >= floor
}

fn best(prospects: &[Prospect], worth: impl Fn(&Prospect) -> Option<f64>) -> Option<usize> {
    let mut best: Option<(usize, f64)> = None;
    for (index, prospect) in prospects.iter().enumerate() {
        let Some(worth) = worth(prospect) else { continue };
        if best.is_none_or(|(_, known)| worth > known) {
            best = Some((index, worth));
        }
    }
    best.map(|(index, _)| index)
}

/// How much was explored lately.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Budget {
    decided: f64,
    explored: f64,
}

impl Budget {
    /// The share of decisions that explored; 0 before the first.
    #[must_use]
    pub fn share(&self) -> f64 {
        self.explored / self.decided.max(1.0)
    }

    /// Whether one more may.
    #[must_use]
    pub fn is_left(&self) -> bool {
        self.explored < MOST_EXPLORED * self.decided
    }

    /// Takes in a decision.
    pub fn spend(&mut self, explored: bool) {
        let kept = 1.0 - 1.0 / DECISIONS_COUNTED;
        self.decided = self.decided * kept + 1.0;
        self.explored = self.explored * kept + f64::from(u8::from(explored));
    }
}

#[cfg(test)]
mod tests;
