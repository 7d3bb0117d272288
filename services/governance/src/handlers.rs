//! One file per message and query governance handles.

pub mod budget_query;
pub mod delivery_requested;
pub mod redact_query;
pub mod task_finished;
pub mod task_resumed;
pub mod task_submitted;
