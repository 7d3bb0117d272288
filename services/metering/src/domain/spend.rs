//! The report on spend, from rows that the database summed.

use neptune_contracts::{
    PicoUsd, Timestamp,
    query::{SpendReport, SpendRow},
};
use std::collections::HashMap;

/// One group as the database summed it. Sums of `bigint` come as text, because they can be larger
/// than it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summed {
    /// The group.
    pub group: String,
    /// Tasks with an entry.
    pub tasks: i64,
    /// Model calls.
    pub calls: i64,
    /// Input tokens.
    pub input_tokens: String,
    /// Output tokens.
    pub output_tokens: String,
    /// Pico-dollars.
    pub amount: String,
    /// Tasks that an answer served for again.
    pub served: i64,
    /// Pico-dollars that these would have cost.
    pub saved: String,
}

/// How good the answers of one group were, as the database counted.
#[derive(Clone, Debug, PartialEq)]
pub struct Judged {
    /// Tasks whose answer was judged.
    pub tasks: i64,
    /// Their mean score, 0 to 1.
    pub quality: f64,
}

/// The report: dearest group first. A sum beyond what a report can hold is held at the largest value.
#[must_use]
pub fn report(summed: Vec<Summed>, judged: &HashMap<String, Judged>, as_of: Option<Timestamp>) -> SpendReport {
    let judge = |row: SpendRow| match judged.get(&row.group) {
        Some(Judged { tasks, quality }) => {
            SpendRow { judged: u64::try_from(*tasks).unwrap_or(0), quality: Some(*quality), ..row }
        }
        None => row,
    };
    let mut rows: Vec<SpendRow> = summed.into_iter().map(row).map(judge).collect();
    rows.sort_by(|left, right| right.cost_usd.cmp(&left.cost_usd).then_with(|| left.group.cmp(&right.group)));
    let total_usd = rows.iter().map(|row| row.cost_usd).sum();
    SpendReport { rows, total_usd, as_of }
}

fn row(summed: Summed) -> SpendRow {
    SpendRow {
        group: summed.group,
        tasks: u64::try_from(summed.tasks).unwrap_or(0),
        calls: u64::try_from(summed.calls).unwrap_or(0),
        input_tokens: summed.input_tokens.parse().unwrap_or(u64::MAX),
        output_tokens: summed.output_tokens.parse().unwrap_or(u64::MAX),
        cost_usd: amount(&summed.amount),
        served_from_cache: u64::try_from(summed.served).unwrap_or(0),
        saved_usd: amount(&summed.saved),
        judged: 0,
        quality: None,
    }
}

/// A sum of pico-dollars as Postgres writes it.
#[must_use]
pub fn amount(text: &str) -> PicoUsd {
    let held = if text.starts_with('-') { i64::MIN } else { i64::MAX };
    PicoUsd(text.parse().unwrap_or(held))
}

#[cfg(test)]
#[allow(clippy::indexing_slicing)]
mod tests {
    use super::*;

    fn summed(group: &str, amount: &str) -> Summed {
        let tokens = || "7".to_owned();
        Summed {
            group: group.into(),
            tasks: 1,
            calls: 2,
            input_tokens: tokens(),
            output_tokens: tokens(),
            amount: amount.into(),
            served: 1,
            saved: amount.into(),
        }
    }

    #[test]
    fn the_dearest_group_comes_first_and_the_total_adds_up() {
        let report = report(vec![summed("b", "5"), summed("a", "5"), summed("c", "90")], &HashMap::new(), None);
        let order: Vec<&str> = report.rows.iter().map(|row| row.group.as_str()).collect();
        assert_eq!(order, ["c", "a", "b"]);
        assert_eq!(report.total_usd, PicoUsd(100));
    }

    #[test]
    fn only_what_was_judged_has_a_quality() {
        let judged = HashMap::from([("a".to_owned(), Judged { tasks: 3, quality: 0.5 })]);
        let report = report(vec![summed("a", "5"), summed("b", "4")], &judged, None);
        let told: Vec<_> = report.rows.iter().map(|row| (row.judged, row.quality)).collect();
        assert_eq!(told, [(3, Some(0.5)), (0, None)]);
    }

    #[test]
    fn a_sum_beyond_the_range_is_held_at_its_end() {
        for (text, held) in [("9223372036854775808", i64::MAX), ("-9223372036854775809", i64::MIN), ("-3", -3)] {
            assert_eq!(amount(text), PicoUsd(held), "{text}");
        }
    }
}
