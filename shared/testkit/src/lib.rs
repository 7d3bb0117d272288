//! neptune-testkit.
