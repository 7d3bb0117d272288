//! `?wait=SECONDS`: how long a caller waits for its result.

use neptune_contracts::problem::Problem;

/// The longest wait for an answer, in seconds.
const MAX_WAIT_SECONDS: u64 = 600;

const REMEDY: &str = "give ?wait=1 to ?wait=600, or leave it out to get the id at once";

/// The wait in seconds that a query asks for; nothing when it does not ask.
///
/// # Errors
/// The parameter that is not known, or the value that is not in range.
pub fn seconds(query: &[(String, String)]) -> Result<Option<u64>, Problem> {
    if let Some((name, _)) = query.iter().find(|(name, _)| name != "wait") {
        let name: String = name.chars().take(64).collect();
        return Err(Problem::new(name, "no such query parameter, only wait is read", REMEDY));
    }
    let fault = |text: &str| Err(Problem::new("wait", text, REMEDY));
    match query {
        [] => Ok(None),
        [(_, text)] => match text.parse::<u64>() {
            Ok(seconds) if (1..=MAX_WAIT_SECONDS).contains(&seconds) => Ok(Some(seconds)),
            Ok(_) => fault("out of range, the limit is 1 to 600 seconds"),
            Err(_) => fault("not a whole number of seconds, the limit is 1 to 600"),
        },
        _ => fault("given more than once"),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn check(query: &[(&str, &str)], field: &str, says: &str) {
        let query: Vec<_> = query.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let fault = seconds(&query).unwrap_err();
        assert!(fault.field == field && fault.message.starts_with(says), "{query:?}: {fault}");
    }

    #[test]
    fn a_wait_is_1_to_600_seconds() {
        assert_eq!(seconds(&[]).unwrap(), None);
        assert_eq!(seconds(&[("wait".into(), "600".into())]).unwrap(), Some(600));
        check(&[("wait", "0")], "wait", "out of range");
        check(&[("wait", "601")], "wait", "out of range");
        check(&[("wait", "soon")], "wait", "not a whole number");
        check(&[("wait", "-1")], "wait", "not a whole number");
        check(&[("wait", "")], "wait", "not a whole number");
        check(&[("wait", "1"), ("wait", "2")], "wait", "given more than once");
        check(&[("wait", "1"), ("wiat", "2")], "wiat", "no such query parameter");
    }
}
