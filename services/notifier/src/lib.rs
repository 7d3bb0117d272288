//! neptune-notifier.
