//! One file per message the executor consumes.

pub mod task_routed;
