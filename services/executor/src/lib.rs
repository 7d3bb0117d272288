//! neptune-executor.
