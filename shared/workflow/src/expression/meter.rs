//! How much an evaluation may do: steps and sizes are counted, so that the same expression over the same
//! input ends the same way on every machine.
//!
//! jaq cannot be stopped from outside, and an error could be caught by the expression itself (`try`).
//! What is spent therefore unwinds through the interpreter up to [`within`], without a panic's message.

use std::{
    cell::Cell,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
};

/// Steps of one evaluation: about a third of a second of an unoptimised build.
pub const STEPS: u64 = 400_000;
/// Bytes that count as one step when they are copied or compared. Together with [`STEPS`] this bounds
/// what one evaluation allocates to some 50 MB and what it keeps of single values.
pub const BYTES_PER_STEP: usize = 128;
/// The size of one value in bytes, counted as if nothing in it were shared.
pub const VALUE_BYTES: usize = 8 << 20;
/// How deep values may be nested; what serde_json reads back.
pub const DEPTH: usize = 120;

/// Why an evaluation was stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Stop {
    /// It took too many steps.
    #[error("the expression takes more than {STEPS} steps; let it look at less, or end its loop")]
    Steps,
    /// It made a value that is too large.
    #[error("the expression makes a value of more than {} MiB; pass a reference instead", VALUE_BYTES >> 20)]
    Size,
    /// It made a value that is nested too deep.
    #[error("the expression nests a value more than {DEPTH} levels deep")]
    Depth,
    /// The interpreter failed.
    #[error("the expression cannot be evaluated")]
    Interpreter,
}

thread_local! {
    static LEFT: Cell<Option<u64>> = const { Cell::new(None) };
    static ALLOWANCE: Cell<Option<u64>> = const { Cell::new(None) };
}

/// Counts steps; outside [`within`] nothing is counted.
pub fn charge(steps: usize) {
    let Some(left) = LEFT.get() else { return };
    match left.checked_sub(steps as u64) {
        Some(left) => LEFT.set(Some(left)),
        None => stop(Stop::Steps),
    }
}

/// Counts bytes that are copied or compared.
pub fn charge_bytes(bytes: usize) {
    charge(1 + bytes / BYTES_PER_STEP);
}

/// Ends the evaluation. Outside [`within`] there is none to end.
pub fn stop(why: Stop) {
    if LEFT.get().is_some() {
        resume_unwind(Box::new(why));
    }
}

/// Runs `evaluate` with [`STEPS`] steps, or with what is left of an allowance if that is less.
///
/// # Errors
/// It was stopped.
pub fn within<T>(evaluate: impl FnOnce() -> T) -> Result<T, Stop> {
    let allowed = ALLOWANCE.get().map_or(STEPS, |left| left.min(STEPS));
    LEFT.set(Some(allowed));
    let ended = catch_unwind(AssertUnwindSafe(evaluate));
    let left = LEFT.replace(None).unwrap_or(0);
    let ended = ended.map_err(|payload| payload.downcast_ref::<Stop>().copied().unwrap_or(Stop::Interpreter));
    // More steps than are allowed here, though not more than an evaluation may take.
    let is_cut = allowed < STEPS && matches!(ended, Err(Stop::Steps));
    spend(if is_cut { u64::MAX } else { allowed - left });
    ended
}

/// An allowance is used up.
struct Spent;

/// Does `work` if that takes no more than so many steps, over all its evaluations and whatever else it counts; nothing
/// when it takes more. What it did until then is lost, so that it must be fit to be done again from the beginning.
///
/// For whoever may do small work at once, and must leave larger work to others.
pub fn with_allowance<T>(steps: u64, work: impl FnOnce() -> T) -> Option<T> {
    ALLOWANCE.set(Some(steps));
    let done = catch_unwind(AssertUnwindSafe(work));
    ALLOWANCE.set(None);
    match done {
        Ok(done) => Some(done),
        Err(payload) if payload.is::<Spent>() => None,
        Err(payload) => resume_unwind(payload),
    }
}

/// Counts steps of an allowance, and ends its work when it is used up. Without one nothing is counted.
pub fn spend(steps: u64) {
    let Some(left) = ALLOWANCE.get() else { return };
    match left.checked_sub(steps) {
        Some(left) => ALLOWANCE.set(Some(left)),
        None => resume_unwind(Box::new(Spent)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_work_is_done_within_its_allowance_and_larger_work_not_at_all() {
        let evaluate = |steps: usize| within(|| charge(steps));
        assert_eq!(with_allowance(100, || (evaluate(40), evaluate(60))), Some((Ok(()), Ok(()))));
        assert_eq!(with_allowance(100, || (evaluate(40), evaluate(61))), None);
        assert_eq!(with_allowance(100, || spend(101)), None);
        // Where an evaluation takes too much anywhere, it does so here.
        assert_eq!(with_allowance(u64::MAX, || evaluate(500_000)), Some(Err(Stop::Steps)));
        // Nothing of it is left afterwards.
        assert_eq!(evaluate(399_999), Ok(()));
        spend(u64::MAX);
    }

    #[test]
    fn what_crashes_within_an_allowance_crashes() {
        let crashed = catch_unwind(|| with_allowance(9, || resume_unwind(Box::new("crash"))));
        assert!(crashed.is_err_and(|payload| payload.is::<&str>()));
        spend(u64::MAX);
    }
}
