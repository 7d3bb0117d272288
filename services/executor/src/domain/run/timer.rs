//! Names of timers.

use neptune_workflow::run::{Purpose, Timer};

/// The timer of a name, as [`Timer`] displays it: `<instance>-<purpose>-<turn>`.
#[must_use]
pub fn read(text: &str) -> Option<Timer> {
    let mut parts = text.split('-');
    let instance = parts.next()?.parse().ok()?;
    let purpose = match parts.next()? {
        "wait" => Purpose::Wait,
        "limit" => Purpose::Limit,
        "attempt" => Purpose::Attempt,
        "retry" => Purpose::Retry,
        _ => return None,
    };
    let turn = parts.next()?.parse().ok()?;
    parts.next().is_none().then_some(Timer { instance, purpose, turn })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        for purpose in [Purpose::Wait, Purpose::Limit, Purpose::Attempt, Purpose::Retry] {
            let timer = Timer { instance: 12, purpose, turn: 3 };
            assert_eq!(read(&timer.to_string()), Some(timer));
        }
        for text in ["", "12", "12-wait", "12-nap-3", "x-wait-3", "12-wait-3-4"] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
