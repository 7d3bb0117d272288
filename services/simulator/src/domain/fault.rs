//! Whether and how a call goes wrong.

use super::behaviour::{Fault, Faults};

/// The fault for a fraction drawn from `[0, 1)`: each kind owns as much of that range as its rate says.
pub fn choose(faults: &Faults, fraction: f64) -> Option<Fault> {
    let shares = [
        (faults.rate_limit, Fault::RateLimit),
        (faults.server_error, Fault::ServerError),
        (faults.slow, Fault::Slow),
        (faults.cut, Fault::Cut),
        (faults.malformed, Fault::Malformed),
        (faults.stall, Fault::Stall),
    ];
    let mut end = 0.0;
    shares.into_iter().find_map(|(share, fault)| {
        end += share;
        (fraction < end).then_some(fault)
    })
}

/// Whether any call can go wrong by chance.
pub fn possible(faults: &Faults) -> bool {
    faults.rate_limit + faults.server_error + faults.slow + faults.cut + faults.malformed + faults.stall > 0.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_fault_owns_its_share() {
        let faults =
            Faults { rate_limit: 0.1, server_error: 0.2, slow: 0.1, cut: 0.0, malformed: 0.1, ..Faults::default() };
        let check = |fraction, expected| assert_eq!(choose(&faults, fraction), expected, "{fraction}");
        check(0.0, Some(Fault::RateLimit));
        check(0.15, Some(Fault::ServerError));
        check(0.35, Some(Fault::Slow));
        check(0.45, Some(Fault::Malformed));
        check(0.55, None);
        assert_eq!(choose(&Faults::default(), 0.0), None);
        assert!(possible(&faults) && !possible(&Faults::default()));
    }
}
