//! Workflows in the [Open Workflow Specification](https://open-workflow-specification.org) DSL 1.0.3, the
//! former CNCF Serverless Workflow.
//!
//! **Purpose.** Reads definitions in YAML and JSON with precise faults ([`grammar`], [`compiler`]), resolves
//! them into a flat list of tasks ([`definition`]), compiles their jq so that it can do no harm
//! ([`expression`]) and says them in words ([`mod@outline`]). Decides what a run does next ([`run`]), what a call
//! sends and its answer says ([`call`]), and when runs start by themselves ([`schedule`]).
//!
//! **Pure.** No files, no network, no clock, no chance: the same text gives the same answer. Long
//! expressions are read and evaluated on a thread of their own, for its stack, and waited for.

pub mod call;
pub mod compiler;
pub mod definition;
pub mod expression;
pub mod fault;
pub mod grammar;
pub mod outline;
pub mod run;
pub mod schedule;
pub mod source;
