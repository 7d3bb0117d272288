use std::sync::Arc;

/// A value that must not reach a log, an error or a URL. It has neither `Debug` nor `Display`, so the compiler keeps
/// the promise.
#[derive(Clone)]
pub struct Secret(Arc<str>);

impl Secret {
    /// Wraps a value, for example in a test.
    pub fn new(value: impl AsRef<str>) -> Self {
        Self(Arc::from(value.as_ref().trim()))
    }

    /// The content, for the one call that needs it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}
