//! Documents and broker permissions that follow from the catalogue.

pub mod asyncapi;
pub mod flow;
pub mod permissions;
