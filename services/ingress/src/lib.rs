//! neptune-ingress.
