//! One file per message.

pub mod delivery_admitted;
pub mod task_finished;
