//! `neptune eval`: decisions over recorded input. What runs is the code that the services run.

pub mod task_type;

use crate::{args::Eval, error::Error};

/// Runs decisions over recorded input.
///
/// # Errors
/// The input cannot be read.
pub fn run(eval: &Eval) -> Result<(), Error> {
    match eval {
        Eval::TaskType(args) => task_type::run(args),
    }
}
