//! One file per message the router consumes.

pub mod attempt_failed;
pub mod task_admitted;
pub mod task_finished;
