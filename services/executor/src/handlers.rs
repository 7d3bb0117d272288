//! One file per message the executor consumes.

mod parking;
pub mod task_routed;
