//! neptune-ingress.
fn main() {}
