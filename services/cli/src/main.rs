//! neptune-cli.
fn main() {}
