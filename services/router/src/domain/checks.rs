//! How much the checks of tasks' answers are worth: which share of wrong answers they find, and which
//! share of right ones they refuse. A cascade stands and falls with both.
//!
//! What checks found is a fact of each answer; whether they were right is told only of some that passed,
//! by people. So three things are counted in each context: how many answers were refused, and of those
//! that passed and were spoken about, how many were right and how many wrong. With the settings of the
//! route, which say what to expect until then, they give both rates by Bayes' rule.

use super::quality::{Context, Kind};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// The share of answers that are refused by the settings counts as so many checked answers.
const PRIOR_CHECKS: f64 = 20.0;
/// The share of answers that pass and are wrong by the settings counts as so many that were spoken about.
const PRIOR_WORDS: f64 = 10.0;
/// So many answers are wrong until anything is known.
const USUALLY_WRONG: f64 = 0.2;
/// No share of wrong answers beyond these is concluded from refusals alone.
const LEAST_WRONG: f64 = 0.02;
/// Checked answers at which all counts are halved, so that old ones fade.
pub const CHECKS_KEPT: f64 = 2_000.0;

/// What became of checked answers in one context. Kept in Redis by `statistics/learn.lua`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Checks {
    /// First answers that passed.
    pub passed: f64,
    /// First answers that were refused.
    pub refused: f64,
    /// Answers that passed and were right, as a person said.
    pub right: f64,
    /// Answers that passed and were wrong, as a person said.
    pub wrong: f64,
}

/// By context key.
pub type CheckCounts = HashMap<String, Checks>;

/// What checks are worth.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rates {
    /// Share of wrong answers that are refused, 0 to 1.
    pub caught: f64,
    /// Share of right answers that are refused, 0 to 1.
    pub flagged: f64,
}

/// How an answer fared in the checks of its task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It was as it had to be, repaired or not.
    Passed,
    /// It was not.
    Refused,
}

/// Whether an answer that passed was right, as somebody said who knows; nothing of other signals.
#[must_use]
pub fn says_right(kind: Kind, reward: f64, verdict: Option<Verdict>) -> Option<bool> {
    (kind == Kind::Explicit && verdict == Some(Verdict::Passed)).then_some(reward >= 0.5)
}

impl Rates {
    /// These rates with what was counted in `context`, from everything that was ever checked to the step.
    /// Returns how many answers the finest of its counts is of, too.
    #[must_use]
    pub fn in_context(self, context: &Context, counts: &CheckCounts) -> (Self, f64) {
        let known = context.keys().iter().filter_map(|(_, key)| counts.get(key));
        known.fold((self, 0.0), |(rates, _), checks| (rates.learnt(checks), checks.passed + checks.refused))
    }

    /// These rates with what was counted.
    #[must_use]
    fn learnt(self, checks: &Checks) -> Self {
        let Self { caught, flagged } = self;
        let usually_refused = USUALLY_WRONG * caught + (1.0 - USUALLY_WRONG) * flagged;
        let refused =
            (checks.refused + PRIOR_CHECKS * usually_refused) / (checks.refused + checks.passed + PRIOR_CHECKS);
        // So many answers must be wrong for as many to be refused.
        let wrong = if caught > flagged { (refused - flagged) / (caught - flagged) } else { USUALLY_WRONG };
        let wrong = wrong.clamp(LEAST_WRONG, 1.0 - LEAST_WRONG);
        let wrong_of_refused = share(wrong * caught, (1.0 - wrong) * flagged);
        let wrong_of_passed = share(wrong * (1.0 - caught), (1.0 - wrong) * (1.0 - flagged));
        let wrong_of_passed =
            (checks.wrong + PRIOR_WORDS * wrong_of_passed) / (checks.right + checks.wrong + PRIOR_WORDS);
        Self {
            caught: share(refused * wrong_of_refused, (1.0 - refused) * wrong_of_passed),
            flagged: share(refused * (1.0 - wrong_of_refused), (1.0 - refused) * (1.0 - wrong_of_passed)),
        }
    }
}

/// The share of `part` in itself and `rest`; nothing of nothing.
fn share(part: f64, rest: f64) -> f64 {
    if part + rest > 0.0 { part / (part + rest) } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use neptune_contracts::names::TaskType;
    use proptest::prelude::{prop_assert, proptest};

    const SETTINGS: Rates = Rates { caught: 0.3, flagged: 0.02 };

    fn checks(passed: f64, refused: f64, right: f64, wrong: f64) -> Checks {
        Checks { passed, refused, right, wrong }
    }

    #[test]
    fn what_is_counted_moves_the_rates_its_way() {
        // Of 1,000 answers 300 are wrong; the checks find 240 of these and refuse 35 right ones.
        let good = SETTINGS.learnt(&checks(725.0, 275.0, 665.0, 60.0));
        assert!(good.caught > 0.75 && good.flagged < 0.05, "{good:?}");
        // Checks that never refuse find nothing.
        let idle = SETTINGS.learnt(&checks(1_000.0, 0.0, 0.0, 0.0));
        assert!(idle.caught < 0.1 && idle.flagged < 0.002, "{idle:?}");
        // Nothing is refused that people call wrong.
        let blind = SETTINGS.learnt(&checks(950.0, 50.0, 500.0, 450.0));
        assert!(blind.caught < 0.12, "{blind:?}");
    }

    #[test]
    fn a_step_goes_by_its_own_checks_and_another_one_by_those_of_its_kind() {
        let counts = CheckCounts::from([
            ("type:extraction".to_owned(), checks(900.0, 100.0, 90.0, 10.0)),
            ("step:strict".to_owned(), checks(100.0, 100.0, 99.0, 1.0)),
        ]);
        let of = |step| SETTINGS.in_context(&Context::new(TaskType::Extraction, 10, Some(step)), &counts);
        let (strict, other) = (of("strict"), of("other"));
        assert!(strict.0.caught > other.0.caught && (strict.1, other.1) == (200.0, 1_000.0), "{strict:?} {other:?}");
        assert_eq!(SETTINGS.in_context(&Context::new(TaskType::Chat, 10, None), &counts), (SETTINGS, 0.0));
    }

    #[test]
    fn only_what_a_person_says_of_an_answer_that_passed_tells_whether_checks_are_right() {
        assert_eq!(says_right(Kind::Explicit, 0.9, Some(Verdict::Passed)), Some(true));
        assert_eq!(says_right(Kind::Explicit, 0.1, Some(Verdict::Passed)), Some(false));
        assert_eq!(says_right(Kind::Explicit, 0.1, Some(Verdict::Refused)), None);
        assert_eq!(says_right(Kind::Judge, 0.1, Some(Verdict::Passed)), None);
        assert_eq!(says_right(Kind::Explicit, 0.1, None), None);
    }

    proptest! {
        #[test]
        fn nothing_counted_leaves_the_settings(caught in 0.05..0.95_f64, share in 0.0..0.9_f64) {
            let settings = Rates { caught, flagged: caught * share };
            let same = settings.learnt(&Checks::default());
            prop_assert!((same.caught - settings.caught).abs() < 1e-9 && (same.flagged - settings.flagged).abs() < 1e-9, "{:?}", same);
        }

        #[test]
        fn rates_are_shares_whatever_is_counted(caught in 0.0..=1.0_f64, flagged in 0.0..=1.0_f64, passed in 0.0..2e3_f64, refused in 0.0..2e3_f64, right in 0.0..2e3_f64, wrong in 0.0..2e3_f64) {
            let found = Rates { caught, flagged }.learnt(&checks(passed, refused, right, wrong));
            prop_assert!((0.0..=1.0).contains(&found.caught) && (0.0..=1.0).contains(&found.flagged), "{:?}", found);
        }
    }
}
