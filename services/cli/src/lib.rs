//! neptune-cli.
