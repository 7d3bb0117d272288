//! neptune-simulator.
