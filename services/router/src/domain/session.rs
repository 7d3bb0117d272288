//! What belongs together: the tasks of a session.

use neptune_contracts::admission::Task;
use ring::digest::{SHA256, digest};
use serde_json::Value;

/// The label by which a caller says that tasks belong together.
const LABEL: &str = "session";
/// OpenAI's field for requests that share a prompt, and so the provider's cache.
const CACHE_KEY: &str = "prompt_cache_key";

/// The lot that a task's chances are drawn by: its own, or that of its session, so that a session
/// keeps its model as long as what is known of the models stays the same.
#[must_use]
pub fn lot(task: &Task) -> u128 {
    session(task).map_or_else(
        || task.id.0.as_u128(),
        |session| {
            let whole = digest(&SHA256, format!("{}/{session}", task.team).as_bytes());
            whole.as_ref().iter().take(16).fold(0, |lot, byte| (lot << 8) | u128::from(*byte))
        },
    )
}

/// The session of a task, when the caller names one.
#[must_use]
pub fn session(task: &Task) -> Option<&str> {
    let label = task.metadata.get(LABEL).or_else(|| task.input.other.get(CACHE_KEY));
    label.and_then(Value::as_str).filter(|session| !session.is_empty())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use neptune_testkit::builders;

    #[test]
    fn tasks_of_a_session_share_their_lot_within_the_team() {
        let of = |team: &str, session: Option<&str>| {
            let mut task = builders::task(team, "hello");
            task.metadata.extend(session.map(|session| ("session".to_owned(), Value::from(session))));
            task
        };
        assert_eq!(lot(&of("support", Some("s1"))), lot(&of("support", Some("s1"))));
        assert_ne!(lot(&of("support", Some("s1"))), lot(&of("support", Some("s2"))));
        assert_ne!(lot(&of("support", Some("s1"))), lot(&of("sales", Some("s1"))));
        let (one, other) = (of("support", None), of("support", Some("")));
        assert_eq!((lot(&one), lot(&other)), (one.id.0.as_u128(), other.id.0.as_u128()));
        let mut keyed = of("support", None);
        keyed.input.other.insert("prompt_cache_key".into(), "s1".into());
        assert_eq!(lot(&keyed), lot(&of("support", Some("s1"))));
    }
}
