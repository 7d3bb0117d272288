//! neptune-metering.
fn main() {}
