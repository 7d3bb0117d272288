//! Calls, as far as they can be made without making them: what is sent, and what an answer says. Whoever makes
//! them for real (the executor, a rehearsal) only sends and receives.

pub mod http;
pub mod model;
pub mod openapi;
pub mod redact;
pub mod uri;
