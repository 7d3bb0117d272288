//! The ledger held against the simulator's account, call by call.

use serde_json::Value;
use std::collections::{BTreeMap, HashMap};

/// A call as the ledger has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    id: String,
    model: String,
    /// What it cost.
    pub(super) amount_pico_usd: i64,
    is_estimated: bool,
    class: String,
}

/// What the two say together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Compared {
    /// Calls whose usage was counted.
    pub(super) exact_pico_usd: i64,
    /// Calls that may have been billed.
    pub(super) estimated_pico_usd: i64,
    /// Calls that were given up in the moment in which they were answered.
    pub(super) too_late: usize,
}

impl Entry {
    /// Reads a row of `psql`.
    pub(super) fn read(row: &str) -> Self {
        let fields: Vec<&str> = row.split('|').collect();
        let [id, model, amount, estimated, class] = fields.as_slice() else { panic!("{row}") };
        let (amount_pico_usd, is_estimated) = (amount.parse().unwrap(), *estimated == "t");
        Self {
            id: (*id).to_owned(),
            model: (*model).to_owned(),
            amount_pico_usd,
            is_estimated,
            class: (*class).to_owned(),
        }
    }
}

/// Compares what calls cost by the ledger with what the simulator charged for them: one by one where the provider
/// takes the attempt's id, else all those of a model together, sorted.
pub(super) fn compare(entries: &[Entry], calls: &[Value]) -> Compared {
    let mut compared = Compared::default();
    let mut charged: HashMap<&str, Vec<i64>> = HashMap::new();
    let mut unnamed: BTreeMap<&str, Unnamed> = BTreeMap::new();
    for call in calls {
        let cost: i64 = call["cost_pico_usd"].as_str().unwrap().parse().unwrap();
        match call["idempotency_key"].as_str() {
            Some(id) => charged.entry(id).or_default().push(cost),
            None if cost > 0 => unnamed.entry(call["model"].as_str().unwrap()).or_default().charged.push(cost),
            None => {}
        }
    }
    for entry in entries {
        let cost = entry.amount_pico_usd;
        let total = if entry.is_estimated { &mut compared.estimated_pico_usd } else { &mut compared.exact_pico_usd };
        *total += cost;
        match charged.remove(entry.id.as_str()) {
            Some(costs) if entry.is_estimated => {
                // Given up by the one side as it was answered by the other: only a timeout can be that.
                let is_late = costs.iter().any(|cost| *cost > 0);
                assert!(!is_late || entry.class == "timeout", "{entry:?} was charged {costs:?}");
                compared.too_late += usize::from(is_late);
            }
            Some(costs) => assert_eq!(costs, [cost], "{entry:?}"),
            None if entry.is_estimated && entry.class == "timeout" => {
                unnamed.entry(&entry.model).or_default().given_up += 1;
            }
            None if !entry.is_estimated && cost > 0 => unnamed.entry(&entry.model).or_default().recorded.push(cost),
            None => {}
        }
    }
    let left: Vec<_> = charged.iter().filter(|(_, costs)| costs.iter().any(|cost| *cost > 0)).collect();
    assert!(left.is_empty(), "charged, and not in the ledger: {left:?}");
    for (model, calls) in unnamed {
        compared.too_late += calls.too_late(model);
    }
    compared
}

/// Calls of a model whose provider takes no id.
#[derive(Default)]
struct Unnamed {
    recorded: Vec<i64>,
    charged: Vec<i64>,
    /// Calls that were given up; each may have been answered in that moment.
    given_up: usize,
}

impl Unnamed {
    /// How many were charged that had been given up. All others are recorded as they were charged.
    fn too_late(mut self, model: &str) -> usize {
        for cost in &self.recorded {
            let found = self.charged.iter().position(|charged| charged == cost);
            let index = found.unwrap_or_else(|| panic!("no call of {model} was charged {cost}: {:?}", self.charged));
            self.charged.swap_remove(index);
        }
        let left = &self.charged;
        assert!(left.len() <= self.given_up, "charged for {model}, and not in the ledger: {left:?}");
        left.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn call(model: &str, id: Option<&str>, cost: i64) -> Value {
        json!({"model": model, "idempotency_key": id, "cost_pico_usd": cost.to_string()})
    }

    #[test]
    fn what_agrees_is_summed() {
        let entries: Vec<Entry> = ["1|a|700|f|", "2|a|50|t|timeout", "3|b|9|f|", "4|b|0|f|overload", "5|b|4|t|network"]
            .map(Entry::read)
            .to_vec();
        let calls = [call("a", Some("1"), 700), call("a", Some("2"), 600), call("b", None, 9), call("b", None, 0)];
        let wanted = Compared { exact_pico_usd: 709, estimated_pico_usd: 54, too_late: 1 };
        assert_eq!(compare(&entries, &calls), wanted);
    }

    #[test]
    fn a_call_without_a_name_that_was_given_up_may_have_been_answered() {
        let entries: Vec<Entry> = ["1|b|9|f|", "2|b|4|t|timeout"].map(Entry::read).to_vec();
        let wanted = Compared { exact_pico_usd: 9, estimated_pico_usd: 4, too_late: 1 };
        assert_eq!(compare(&entries, &[call("b", None, 9), call("b", None, 8)]), wanted);
    }

    #[test]
    fn a_pico_is_seen() {
        for (row, call) in [
            ("1|a|700|f|", call("a", Some("1"), 701)),
            ("1|a|700|f|", call("a", None, 699)),
            ("1|a|0|f|overload", call("a", Some("1"), 1)),
            ("1|a|7|t|network", call("a", Some("1"), 7)),
            ("1|a|0|f|", call("a", Some("2"), 5)),
            ("1|a|7|t|network", call("a", None, 7)),
        ] {
            let differs = std::panic::catch_unwind(|| compare(&[Entry::read(row)], std::slice::from_ref(&call)));
            assert!(differs.is_err(), "{row} {call}");
        }
    }
}
