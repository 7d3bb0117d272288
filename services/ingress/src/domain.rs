//! What the ingress decides, without any I/O.

pub mod answer;
pub mod keys;
pub mod submit;
