//! neptune-governance.
fn main() {}
