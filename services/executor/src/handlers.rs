//! One file per message the executor consumes.

pub mod batch_due;
mod collecting;
pub mod delivery_finished;
pub mod event_published;
mod parking;
pub mod run_call;
pub mod run_fired;
pub mod run_input;
pub mod run_query;
pub mod run_submitted;
pub mod step_finished;
pub mod task_routed;
pub mod workflows_query;
