//! What the ingress decides, without any I/O.

pub mod answer;
pub mod approval;
pub mod catalogue;
pub mod embeddings;
pub mod event;
pub mod hints;
pub mod json;
pub mod keys;
pub mod messages;
pub mod pieces;
pub mod repeat;
pub mod responses;
pub mod run;
pub mod run_search;
pub mod submit;
pub mod wait;
