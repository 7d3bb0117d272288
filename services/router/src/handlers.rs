//! One file per consumed message.

pub mod attempt_failed;
mod cached;
pub mod feedback_given;
mod parking;
pub mod task_admitted;
pub mod task_finished;
