//! neptune-router.
fn main() {}
