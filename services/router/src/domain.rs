//! Decisions of the router, as functions of what is known: no clock, no network, no chance.

pub mod cache;
pub mod choose;
pub mod circuit;
pub mod decide;
pub mod draw;
pub mod estimate;
pub mod explain;
pub mod explore;
pub mod filter;
pub mod learnt;
pub mod lessons;
pub mod limit;
pub mod observe;
pub mod pace;
pub mod propensity;
pub mod quality;
pub mod redecide;
pub mod replay;
pub mod residual;
pub mod route;
pub mod serve;
pub mod session;
pub mod shadow;
pub mod split;
pub mod statistics;
pub mod task_type;
