//! One file per message the notifier consumes.

pub mod delivery_admitted;
pub mod task_finished;
