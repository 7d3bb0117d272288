//! Decisions of the router, as functions of what is known: no clock, no network, no chance.

pub mod cache;
pub mod choose;
pub mod circuit;
pub mod decide;
pub mod estimate;
pub mod explain;
pub mod filter;
pub mod limit;
pub mod observe;
pub mod route;
pub mod serve;
pub mod statistics;
pub mod task_type;
