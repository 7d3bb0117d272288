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

/// Runs `evaluate` with [`STEPS`] steps.
///
/// # Errors
/// It was stopped.
pub fn within<T>(evaluate: impl FnOnce() -> T) -> Result<T, Stop> {
    LEFT.set(Some(STEPS));
    let ended = catch_unwind(AssertUnwindSafe(evaluate));
    LEFT.set(None);
    ended.map_err(|payload| payload.downcast_ref::<Stop>().copied().unwrap_or(Stop::Interpreter))
}
