//! neptune-metering.
