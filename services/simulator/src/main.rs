//! neptune-simulator.
fn main() {}
