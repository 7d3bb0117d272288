//! What a simulated provider decides: faults, waiting times, answers, tokens and money; and the mail protocol of
//! the sink. Functions of their arguments;
//! randomness comes in as a seed.

pub mod answer;
pub mod batching;
pub mod behaviour;
pub mod dialect;
pub mod draw;
pub mod embedding;
pub mod fault;
pub mod incident;
pub mod latency;
pub mod limits;
pub mod outcomes;
pub mod price;
pub mod request;
pub mod schema;
pub mod smtp;
pub mod usage;
