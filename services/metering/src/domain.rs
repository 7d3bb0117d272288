//! What the ledger holds, decided without I/O.

pub mod counterfactual;
pub mod decided;
pub mod partition;
pub mod records;
pub mod row;
pub mod runs;
pub mod spend;
