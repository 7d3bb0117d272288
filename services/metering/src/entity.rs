//! What queries read of the tables. Writing is `ledger`'s.

pub mod delivery;
pub mod delivery_attempt;
pub mod ledger_entry;
pub mod task;
