//! neptune-notifier.
fn main() {}
