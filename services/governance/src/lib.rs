//! neptune-governance.
