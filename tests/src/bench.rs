//! Load on the whole system, and what it is compared with.

pub mod call;
pub mod faults;
pub mod floors;
pub mod kills;
pub mod load;
pub mod processes;
pub mod report;
pub mod run;
pub mod runs;
pub mod streams;
pub mod timers;
