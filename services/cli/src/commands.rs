//! One file a command.

pub mod dead;
pub mod down;
pub mod eval;
pub mod event;
pub mod key;
pub mod ledger;
pub mod migrate;
pub mod report;
pub mod resources;
pub mod run;
pub mod status;
pub mod submit;
pub mod up;
pub mod workflow;
