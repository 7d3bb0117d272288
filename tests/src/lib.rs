//! neptune-tests.
