//! What else is known at the moment of a decision, besides the models: taken together, so that a new
//! circumstance is a field here and not another parameter of every decision.

/// The circumstances of one decision.
#[derive(Clone, Copy, Debug, Default)]
pub struct Outlook {
    /// Redis lost its statistics and they are rebuilt: what was last read serves, or the priors.
    pub rebuilding: bool,
}
