//! Makes the weights by which the router tells the kind of work of a task, and measures them.
//!
//! **Purpose.** `neptune-trainer task-type` learns from prompts of ours (`prompts/`, expanded from
//! slots) and from public sets whose licence lets weights be shipped ([`material`]), and writes one
//! file that the router holds in its binary. The same input gives the same bytes.
//!
//! `neptune-trainer priors` prints what public benchmarks say about the models of the catalogue.
//!
//! **Apart from `neptune`.** Operators run the command; only who changes the prompts trains. The
//! operator's command takes nothing from here but how labelled prompts are read ([`corpus`]) and
//! how predictions are judged ([`report`]).
//!
//! **Messages, state.** None: files in, a file out. A killed run leaves the old file.

pub mod corpus;
pub mod learn;
pub mod material;
pub mod measure;
pub mod pack;
pub mod priors;
pub mod prompts;
pub mod random;
pub mod report;
pub mod train;
