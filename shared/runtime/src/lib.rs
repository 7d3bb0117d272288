//! neptune-runtime.
