//! neptune-executor.
fn main() {}
