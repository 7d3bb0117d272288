//! neptune-router.
