//! What the command decides without touching anything: formats, splits, differences, tables.

pub mod account;
pub mod api_key;
pub mod backoff;
pub mod broker_user;
pub mod diff;
pub mod environment;
pub mod labelled;
pub mod place;
pub mod policy_change;
pub mod program;
pub mod references;
pub mod request;
pub mod routing_report;
pub mod run_list;
pub mod run_state;
pub mod run_tree;
pub mod since;
pub mod spec;
pub mod table;
pub mod timeline;
pub mod workflow_list;
